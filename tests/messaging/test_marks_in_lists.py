"""Lists and headings show a message's words: no mark and no mention as it is typed, and none cut in the middle."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from community_ops.common import clock
from dashboard.needs import needs_in_short
from groups.services import create_group
from messaging import services
from messaging.models import Delivery, HumanTask
from tests.conversion.conftest import make_community
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
TEXT = "今晚七点操场见，请大家提前十分钟到场签到，别忘了**带上热水**，@[所有人](all) 八点[开抢](https://a.example/x)"
SHOWN = "今晚七点操场见，请大家提前十分钟到场签到，别忘了带上热水，@所有人"
MARKED = {"text": TEXT, "is_markdown": True}
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def shown(workspace, signed_in, owner):
    """A page of the team, without its bubbles: there the words are bold."""
    tab = signed_in(owner)

    def read(name: str, *args, headers=None, **query) -> str:
        return words_of(tab.get(reverse(name, args=[workspace.slug, *args]), query, headers=headers or {}))

    return read


@pytest.fixture
def posted(person, plan, deliver) -> HumanTask:
    """Her card of the text."""
    plan(person.endpoint, **MARKED)
    deliver()
    return HumanTask.objects.get()


def words_of(answer) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


def heads_of(page: str) -> list[str]:
    return re.findall(r"<(?:title|h1)[^>]*>\s*(.*?)\s*</", page, re.S)


def test_in_the_record(plan, room, shown) -> None:
    plan(room, origin_id=5, **MARKED)
    for page in (shown("messaging:deliveries"), shown("messaging:deliveries", origin="test", origin_id=5)):
        assert SHOWN in page
        assert "**" not in page
        assert "](all)" not in page
        assert "@[" not in page


def test_in_the_question_before_it_is_sent_again(plan, room, shown) -> None:
    row = plan(room, **MARKED)
    Delivery.objects.update(state="unknown", reason="no_answer")
    page = shown("messaging:delivery_decide", row.pk, headers=HTMX, verdict="again")
    assert SHOWN in page
    assert "**" not in page
    assert "@[" not in page


@pytest.mark.parametrize(
    "facts", [{"state": "unknown", "reason": "no_answer"}, {"state": "failed", "reason": "refused"}]
)
def test_in_what_needs_somebody_today(plan, room, owner, workspace, facts) -> None:
    plan(room, **MARKED)
    Delivery.objects.update(updated_at=NOON, **facts)
    (need,) = [one for one in needs_in_short(owner.actor, workspace.slug, now=NOON).lines if "今晚" in one.text]
    assert SHOWN in need.text
    assert "**" not in need.text
    assert "@[" not in need.text


def test_on_the_to_send_list_and_as_a_cards_heading(posted, shown) -> None:
    board, card = shown("messaging:tasks"), shown("messaging:task", posted.pk)
    assert SHOWN in board
    assert "**" not in board
    assert "@[" not in board
    assert all(SHOWN in head and "**" not in head for head in heads_of(card))


def test_on_her_phone(posted, person, plan) -> None:
    plan(person.endpoint, due_at=NOON.replace(hour=NOON.hour + 1), origin_id=6, **MARKED)
    phone = Client(headers={"accept-language": "en"})
    phone.get(f"/t/{services.issue_link(assignee=person, actor=SYSTEM, now=NOON)}")
    page = words_of(phone.get("/t/"))
    assert page.count(SHOWN) == 2  # what is due, and what is planned
    assert "**" not in page
    assert "@[" not in page
    title, heading = heads_of(words_of(phone.get(f"/t/{posted.pk}/")))
    assert SHOWN in title
    assert heading.startswith("Group message")


def test_on_the_page_of_the_group(plan, room, workspace, shown) -> None:
    community = make_community(workspace)
    group, _ = create_group(community=community, name="晨跑 1 群", kind="long_term", actor=SYSTEM, now=NOON)
    plan(room, target_id=group.pk, **MARKED)
    page = shown("groups:group_detail", group.pk)
    assert SHOWN in page
    assert "**" not in page
    assert "@[" not in page
