"""After the latest moment of what is sent by hand: she asks first, the record says it, and "late" means one thing."""

from datetime import timedelta

import pytest
from django.utils import translation

from messaging import services, task_policies, task_selectors
from messaging.models import Delivery, HumanTask
from messaging.task_selectors import board
from messaging.wording import state_sentence
from tests.factories.people import SYSTEM
from tests.messaging.test_held_cards import at, phone  # noqa: F401
from tests.messaging.test_public_task_pages import text_of, url
from tests.moments import NOON

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
ASK = "The latest moment, 20:03, is over: ask the team before you do it"


@pytest.fixture
def task(person, plan, deliver) -> HumanTask:
    """Due at 20:00 in Shanghai, at the latest to be sent at 20:03."""
    plan(person.endpoint, origin_id=77, target_label="晨跑群", latest_at=NOON + 3 * MINUTE, zone="Asia/Shanghai")
    deliver()
    return HumanTask.objects.get()


def test_after_the_latest_moment_her_phone_tells_her_to_ask(task, phone, at) -> None:  # noqa: F811
    at(minutes=3)
    assert "ask the team" not in text_of(phone.get(url(task))) + text_of(phone.get("/t/"))
    at(minutes=4)
    shown = text_of(phone.get(url(task)))
    assert ASK in shown
    assert "data-copy-form" not in shown
    assert "data-copy-form" in text_of(phone.get(url(task) + "?send=now"))
    listed = text_of(phone.get("/t/"))
    assert ASK in listed
    assert "latest 20:03" not in listed  # once is enough


@pytest.mark.parametrize("latest", [None, 3, 30])
def test_late_is_what_is_not_kept_to_wherever_it_is_said(task, phone, at, owner, latest) -> None:  # noqa: F811
    HumanTask.objects.update(latest_at=latest and NOON + latest * MINUTE)
    over = max(10, latest or 0)
    for minutes, is_late in ((over, False), (over + 1, True)):
        at(minutes=minutes)
        now = NOON + minutes * MINUTE
        assert bool(phone.get("/t/").context["due"][0]["late"]) is is_late
        assert sum(one.late_count for one in board(owner.actor, now=now)) == is_late
        kept = task_selectors.kept_to(owner.actor, since=NOON, until=now, now=now)
        assert sum(row.not_done for row in kept.people) == is_late


@pytest.mark.parametrize(("minutes", "is_after"), [(3, False), (4, True)])
def test_the_record_says_that_it_was_ticked_after_its_latest_moment(task, minutes, is_after) -> None:
    services.finish_items(task=task, actor=SYSTEM, now=NOON + minutes * MINUTE)
    delivery = Delivery.objects.get()
    said = task_selectors.said_by_hand([delivery])[delivery.pk]
    with translation.override("en"):
        words = state_sentence(delivery, zone="Asia/Shanghai", said=said)
    assert ("That was after its latest moment, 20:03." in words) is is_after
    assert task_policies.is_past_latest(task.latest_at, NOON + minutes * MINUTE) is is_after


# --- what is urgent ----------------------------------------------------------------------------------


def test_what_has_a_latest_moment_comes_first_and_shows_it(
    task,
    phone,  # noqa: F811
    person,
    plan,
    deliver,
    at,  # noqa: F811
    signed_in,
    owner,
) -> None:
    plan(person.endpoint, origin_id=78, text="没有最晚时间", due_at=NOON - MINUTE, zone="Asia/Shanghai")
    plan(person.endpoint, origin_id=79, text="更急", latest_at=NOON + 2 * MINUTE, zone="Asia/Shanghai")
    deliver()
    at(minutes=1)
    listed = phone.get("/t/")
    latest = [row["task"].latest_at for row in listed.context["due"]]
    assert latest == [NOON + 2 * MINUTE, NOON + 3 * MINUTE, None]
    assert "latest 20:02" in text_of(listed)
    team = signed_in(owner).get(f"/w/{owner.workspace.slug}/tasks/", headers={"Accept-Language": "en"})
    assert [row["task"].latest_at for row in team.context["people"][0]["rows"]] == latest
    assert "latest 20:02" in text_of(team)
