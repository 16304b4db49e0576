"""A card that a send rule holds until after its latest moment: nobody can send it in time, and nobody was late."""

from datetime import timedelta

import pytest

from messaging import services, task_selectors
from messaging.models import Delivery, HumanTask
from messaging.services import NewItem, NotNow
from tests.factories.people import SYSTEM
from tests.messaging import test_held_cards as held_cards
from tests.messaging.test_held_cards import HOUR, MORNING, cap, hand_over, her, phone, quiet, states
from tests.messaging.test_public_task_pages import text_of, url
from tests.moments import NOON

__all__ = ["at", "hand_over", "her", "phone"]
pytestmark = pytest.mark.django_db
at = held_cards.at
AT_TEN, LATEST = NOON + 2 * HOUR, NOON + 2.5 * HOUR  # 22:00 and 22:30 in Shanghai
MINUTE = timedelta(minutes=1)
SHANGHAI = held_cards.SHANGHAI
BLOCKED = "A rule blocks it: it cannot be sent before its latest moment (22:30). These are quiet hours until 08:00."


@pytest.fixture
def night(workspace) -> None:
    quiet(workspace, 22, 8)


@pytest.fixture
def task(night, hand_over) -> HumanTask:
    return hand_over(2, due_at=AT_TEN - 5 * MINUTE, latest_at=LATEST)


def counts(owner, now) -> list[tuple[int, int, int]]:
    people = task_selectors.kept_to(owner.actor, since=NOON, until=now, now=now).people
    return [(one.on_time, one.late, one.not_done) for one in people]


def test_her_page_says_that_it_is_blocked_and_promises_nothing(task, phone, at) -> None:
    at(hours=2, minutes=10)
    page = text_of(phone.get(url(task)))
    assert BLOCKED in page
    assert "There is nothing to do: it ends by itself and does not count as late." in page
    assert "It can be copied from" not in page
    assert BLOCKED in text_of(phone.get("/t/"))


def test_what_can_be_sent_before_its_latest_moment_still_says_from_when_on(workspace, hand_over, her) -> None:
    quiet(workspace, 22, 8)
    task = hand_over(1, due_at=AT_TEN - 5 * MINUTE, latest_at=MORNING)
    assert [why for _item, why in services.copy_card(task=task, actor=her, now=AT_TEN).held] == [
        NotNow("quiet_hours", MORNING)
    ]


def test_at_its_latest_moment_the_rule_is_the_reason(task, fresh) -> None:
    assert services.review_waiting(now=LATEST - MINUTE) == 0
    assert services.review_waiting(now=LATEST) == 2
    assert services.review_waiting(now=LATEST) == 0
    assert states(task) == [("withdrawn", "cancelled")] * 2
    assert set(Delivery.objects.values_list("reason", flat=True)) == {"quiet_hours"}
    task.refresh_from_db()
    assert (task.state, task.reason) == ("withdrawn", "quiet_hours")


def test_nobody_was_late_neither_before_the_tick_nor_after(task, owner) -> None:
    assert counts(owner, LATEST + MINUTE) == []
    services.review_waiting(now=LATEST + MINUTE)
    assert counts(owner, LATEST + HOUR) == []


def test_what_was_free_at_its_latest_moment_was_forgotten(workspace, hand_over, owner) -> None:
    task = hand_over(1, due_at=NOON, latest_at=NOON + HOUR)
    quiet(workspace, 22, 8)
    assert services.review_waiting(now=AT_TEN + HOUR) == 0
    assert states(task) == [("open", "waiting")]
    assert counts(owner, AT_TEN + HOUR) == [(0, 0, 1)]


def test_a_cap_that_is_used_up_at_the_latest_moment_is_the_reason(workspace, hand_over) -> None:
    hand_over(1)
    second = hand_over(1, origin_id=78, text="再来一条", latest_at=NOON + HOUR)
    cap(workspace, 1)
    assert services.review_waiting(now=NOON + HOUR - MINUTE) == 0
    assert services.review_waiting(now=NOON + HOUR) == 1
    assert Delivery.objects.get(task_item__task=second).reason == "cap"


def test_a_cap_used_up_later_excuses_nothing(workspace, hand_over, owner, plan, deliver, room) -> None:
    task = hand_over(1, latest_at=NOON + HOUR)
    plan(room, target_id=1, due_at=NOON + 2 * HOUR, **SHANGHAI)
    deliver(NOON + 2 * HOUR)
    cap(workspace, 1)
    assert services.review_waiting(now=NOON + 2 * HOUR) == 0
    assert states(task) == [("open", "waiting")]


def test_the_board_calls_it_blocked_and_not_late(task, owner) -> None:
    (one,) = task_selectors.board(owner.actor, now=LATEST - MINUTE)
    assert (one.late_count, dict(one.held)) == (0, {task.pk: NotNow("quiet_hours", MORNING, LATEST)})


def test_the_team_reads_it_on_the_list_and_in_the_record(workspace, task, signed_in, owner, at) -> None:
    client = signed_in(owner)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    at(hours=2, minutes=10)
    delivery = Delivery.objects.first()
    for page in ("tasks/", f"tasks/{task.pk}/", f"deliveries/{delivery.pk}/"):
        assert BLOCKED in text_of(client.get(f"/w/{workspace.slug}/{page}")), page


def made(person, **facts) -> HumanTask:
    items = [NewItem("晨跑 1 群", "group", 1)]
    facts = {
        "kind": "message",
        "title": "晚安",
        "text": "晚安",
        "due_at": AT_TEN + 5 * MINUTE,
        "latest_at": LATEST,
    } | facts
    return services.create_task(assignee=person, items=items, zone="Asia/Shanghai", actor=SYSTEM, now=NOON, **facts)


def test_a_card_for_later_says_that_its_time_is_blocked(night, person, phone, at) -> None:
    words = "A rule blocks it from its time on, until 08:00: it cannot be sent before its latest moment (22:30)."
    assert words in text_of(phone.get(url(made(person))))
    free = made(person, due_at=AT_TEN - 5 * MINUTE)
    assert words not in text_of(phone.get(url(free)))
