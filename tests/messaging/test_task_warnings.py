"""Whoever makes a card for the night is told what rules do to it, on page and over REST."""

from datetime import date
from typing import Any

import pytest
from django.urls import reverse

from community_ops.accounts.models import Workspace
from community_ops.common import clock
from groups.models import ChatGroup
from groups.services import create_group
from messaging import services
from messaging.models import HumanTask, TaskKind
from messaging.services import NewItem
from messaging.task_policies import HAS_TEXT
from tests.conversion.conftest import make_community
from tests.factories.people import SYSTEM
from tests.messaging.test_send_rules import cap, holiday, quiet
from tests.messaging.test_task_pages import FACTS, text_of
from tests.moments import NOON

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "Accept-Language": "en"}
NIGHT, EVENING = "2026-11-21T23:00", "2026-11-21T20:30"
QUIET = "21 Nov, 23:00 is within the quiet hours: the text cannot be copied before they are over."
NEVER = "21 Nov, 23:00 is within the quiet hours, which end after the latest moment: it cannot be sent at all."
PACKETS = "21 Nov, 23:00 is within the quiet hours: it cannot be sent before they are over."
FULL = "21 Nov, 23:00: as many messages as the limit allows are there before it, the text cannot be copied."


@pytest.fixture(autouse=True)
def at_noon(monkeypatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)


def make_group(workspace: Workspace, name: str = "晨跑 1 群", timezone: str = "Asia/Shanghai") -> ChatGroup:
    community = make_community(workspace)
    community.timezone = timezone
    community.save(update_fields=["timezone", "updated_at"])
    return create_group(community=community, name=name, kind="long_term", actor=SYSTEM, now=NOON)[0]


@pytest.fixture
def group(workspace) -> ChatGroup:
    return make_group(workspace)


@pytest.fixture
def tab(signed_in, owner):
    client = signed_in(owner)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def post(tab, workspace, person, group):
    """Fill the form of a kind, as htmx or by its button."""

    def send(kind: str = "message", due_at: str = NIGHT, headers: dict[str, str] | None = None, **facts: Any):
        form = {"title": "晚上的事", "assignee": person.pk, "due_at": due_at, "text": "快来", "groups": [group.pk]}
        form |= {"names": "李姐", **FACTS.get(kind, {})} | facts
        return tab.post(reverse("messaging:task_new", args=[workspace.slug, kind]), form, follow=True, headers=headers)

    return send


def warned(api, person, **body: Any) -> list[str]:
    facts = {
        "assignee": person.pk,
        "kind": "message",
        "title": "晚上的事",
        "text": "快来",
        "due_at": f"{NIGHT}:00+08:00",
    }
    answer = api.post("/api/v1/tasks/", facts | body, headers={"Accept-Language": "en"})
    assert answer.status_code == 201, answer.content
    return [f"{one['code']}: {one['message']}" for one in answer.json()["warnings"]]


# --- pages -------------------------------------------------------------------------------------------


def test_the_form_warns_while_it_is_filled_and_makes_nothing(workspace, post) -> None:
    quiet(workspace, 22, 8)
    assert QUIET in text_of(post(headers=HTMX))
    assert "notice" not in text_of(post(due_at=EVENING, headers=HTMX))
    half = post(title="", text="", assignee="", groups=[], headers=HTMX)
    assert QUIET in text_of(half)  # no group is chosen yet
    assert text_of(post(due_at="soon", headers=HTMX)).strip() == ""
    assert not HumanTask.objects.exists()


def test_its_own_button_makes_the_card_and_the_next_page_says_it_again(workspace, post) -> None:
    quiet(workspace, 22, 8)
    page = text_of(post())
    assert "is on the list of 阿May" in page
    assert QUIET in page
    assert HumanTask.objects.count() == 1


def test_the_empty_form_warns_of_the_time_it_offers(workspace, tab) -> None:
    url = reverse("messaging:task_new", args=[workspace.slug, "message"])
    assert "quiet hours" not in text_of(tab.get(url))
    quiet(workspace, 20, 22)  # it offers 20:15
    page = text_of(tab.get(url))
    assert page.index("within the quiet hours") < page.index("Put on the list")


def test_what_is_held_until_after_its_latest_moment_cannot_be_sent_at_all(workspace, post, api, person, group) -> None:
    quiet(workspace, 22, 8)
    page = text_of(post(latest_at="2026-11-21T23:30", headers=HTMX))
    assert NEVER in page
    assert QUIET not in page
    assert NEVER not in text_of(post(latest_at="2026-11-22T08:30", headers=HTMX))
    items = [{"target_kind": "group", "target_id": group.pk}]
    assert warned(api, person, items=items, latest_at=f"{NIGHT}:30+08:00") == [f"quiet_hours: {NEVER}"]


@pytest.mark.parametrize("kind", TaskKind.values)
def test_only_kinds_that_post_something_are_warned_of(workspace, post, kind) -> None:
    quiet(workspace, 22, 8)
    page = text_of(post(kind))
    assert (QUIET in page) == (kind in HAS_TEXT)
    assert (PACKETS in page) == (kind == TaskKind.RED_PACKET)
    assert HumanTask.objects.get().kind == kind


def test_without_a_rule_nothing_is_said(post) -> None:
    assert "within the quiet hours" not in text_of(post())


# --- REST --------------------------------------------------------------------------------------------


def test_a_tool_reads_it_beside_success(workspace, api, person, group) -> None:
    items = [{"target_kind": "group", "target_id": group.pk}]
    assert warned(api, person, items=items) == []
    quiet(workspace, 22, 8)
    assert warned(api, person, items=items) == [f"quiet_hours: {QUIET}"]
    assert warned(api, person, items=items, kind="pull_in") == []
    task = HumanTask.objects.latest("id")
    assert api.get(f"/api/v1/tasks/{task.pk}/").json()["warnings"] == []


def test_a_holiday_is_said(workspace, api, person, group) -> None:
    holiday(workspace, date(2026, 11, 21))
    found = warned(api, person, items=[{"target_kind": "group", "target_id": group.pk}])
    assert [one.partition(":")[0] for one in found] == ["holiday"]


def test_a_cap_that_others_use_up_is_said_by_purpose(workspace, api, person, group, post) -> None:
    cap(workspace, 1, purpose="selling")
    items = [{"target_kind": "group", "target_id": group.pk}]
    assert warned(api, person, items=items, purpose="selling", source_key="first") == []
    assert warned(api, person, items=items, purpose="selling", source_key="first") == []  # not its own rival
    assert warned(api, person, items=items) == []
    assert warned(api, person, items=items, purpose="selling") == [f"cap: {FULL}"]
    assert FULL in text_of(post(purpose="selling", headers=HTMX))
    assert FULL not in text_of(post(purpose="care", headers=HTMX))


def test_each_group_has_its_own_clock_and_is_named(workspace, api, person, group) -> None:
    quiet(workspace, 22, 8)
    london = make_group(workspace, "London", "Europe/London")
    items = [{"target_kind": "group", "target_id": one.pk} for one in (group, london)]
    assert warned(api, person, items=items) == [f"quiet_hours: 晨跑 1 群: {QUIET}"]
    assert warned(api, person, items=items, due_at="2026-11-21T23:00:00Z") == [
        "quiet_hours: 晨跑 1 群: " + QUIET.replace("21 Nov, 23:00", "22 Nov, 07:00"),
        "quiet_hours: London: " + QUIET,
    ]


def test_a_place_without_a_group_has_the_clock_of_its_card(workspace, api, person) -> None:
    quiet(workspace, 22, 8)
    assert warned(api, person, zone="Asia/Shanghai") == [f"quiet_hours: {QUIET}"]
    assert warned(api, person, zone="UTC", kind="moments") == []


def test_it_asks_as_often_for_one_group_as_for_many(workspace, group, django_assert_num_queries) -> None:
    quiet(workspace, 22, 8)
    cap(workspace, 5)
    groups = [group, *(make_group(workspace, f"{number} 群") for number in range(9))]
    items = [NewItem(one.name, "group", one.pk) for one in groups]
    facts = {"workspace_id": workspace.pk, "kind": "message", "due_at": NOON, "zone": "UTC"}
    for some in (items[:1], items):
        with django_assert_num_queries(5):
            services.task_warnings(items=some, **facts)
