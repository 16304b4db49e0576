"""Private messages, moments posts and red packets: no delivery stands behind them, and quiet hours hold them too."""

from datetime import date, timedelta

import pytest

from community_ops.common.models import AuditEntry
from messaging import services, task_selectors
from messaging.models import Assignee, HumanTask, TaskItem, TaskKind
from messaging.services import NewItem, NotNow
from messaging.task_policies import FORGOTTEN_AFTER
from tests.factories.people import SYSTEM
from tests.messaging import test_held_cards as held_cards
from tests.messaging.test_held_cards import HOUR, MORNING, NIGHT, cap, her, holiday, phone, quiet
from tests.messaging.test_public_task_pages import text_of, url
from tests.moments import NOON

__all__ = ["at", "her", "phone"]
pytestmark = pytest.mark.django_db
at = held_cards.at
MINUTE = timedelta(minutes=1)
LATEST = NOON + 2.5 * HOUR  # 22:30 in Shanghai
COPIED, POSTED = ("private", "moments"), ("private", "moments", "red_packet")
FACTS = {"red_packet": {"count": "20", "amount": "50.00", "currency": "CNY"}}
FROM_EIGHT = {
    "private": "Not now: these are quiet hours. It can be copied from 08:00 on.",
    "moments": "Not now: these are quiet hours. It can be copied from 08:00 on.",
    "red_packet": "Not now: these are quiet hours. It can be sent from 08:00 on.",
}
BLOCKED = "A rule blocks it: it cannot be sent before its latest moment (22:30). These are quiet hours until 08:00."


@pytest.fixture
def made(person):
    """A card of a kind for noon in UTC, 20:00 in Shanghai."""

    def make(kind: str = "private", **changes) -> HumanTask:
        facts = {"title": "晚上的事", "text": "今晚见", "due_at": NOON, "zone": "Asia/Shanghai"} | changes
        facts |= {"items": [NewItem("李姐")] if kind in ("private", "pull_in") else [], "facts": FACTS.get(kind, {})}
        return services.create_task(assignee=person, kind=kind, actor=SYSTEM, now=NOON, **facts)

    return make


@pytest.fixture
def night(workspace) -> None:
    quiet(workspace, 22, 8)


def why(copied: services.Copied) -> list[NotNow]:
    return [one for _item, one in copied.held]


def ended(task: HumanTask) -> tuple[str, str, list[tuple[str, str]]]:
    task.refresh_from_db()
    items = TaskItem.objects.filter(task=task).order_by("id").values_list("state", "reason")
    return task.state, task.reason, list(items)


# --- copying -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", COPIED)
def test_in_quiet_hours_it_is_not_copied_and_stays(night, made, her, kind) -> None:
    task = made(kind)
    copied = services.copy_card(task=task, actor=her, now=NIGHT)
    assert (copied.texts, why(copied)) == ((), [NotNow("quiet_hours", MORNING)])
    assert ended(task) == ("open", "", [("open", "")])
    assert (task.copied_at, AuditEntry.objects.filter(verb="task.copied").count()) == (None, 0)
    assert len(services.copy_card(task=task, actor=her, now=MORNING).texts) == 1


def test_on_a_holiday_too(workspace, made, her) -> None:
    holiday(workspace, date(2026, 11, 22), date(2026, 11, 22))
    copied = services.copy_card(task=made(), actor=her, now=NOON + 8 * HOUR)
    assert why(copied) == [NotNow("holiday", MORNING + 16 * HOUR)]


def test_the_clock_is_that_of_the_card(night, made, her) -> None:
    assert why(services.copy_card(task=made(zone="UTC"), actor=her, now=NIGHT)) == []


def test_a_cap_counts_none_of_them(workspace, made, her) -> None:
    cap(workspace, 1)
    tasks = [made(), made()]
    assert [why(services.copy_card(task=task, actor=her, now=NOON)) for task in tasks] == [[], []]


@pytest.mark.parametrize("kind", ["pull_in", "new_group", "group_report"])
def test_where_nobody_is_written_to_nothing_is_held(night, made, at, kind) -> None:
    items = list(TaskItem.objects.filter(task=made(kind, text="")).select_related("task", "delivery"))
    assert len(items) == 1
    assert services.held_items(items, now=NIGHT) == {}


# --- pages, telling ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", POSTED)
def test_her_pages_and_the_teams_say_until_when(workspace, night, made, phone, at, signed_in, owner, kind) -> None:
    task = made(kind, text="" if kind == "red_packet" else "今晚见")
    assert "Not now" not in text_of(phone.get(url(task)))
    at(hours=3)
    team = signed_in(owner)
    team.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    board = f"/w/{workspace.slug}/tasks/"
    for page in (phone.get(url(task)), phone.get("/t/"), team.get(board), team.get(f"{board}{task.pk}/")):
        assert text_of(page).count(FROM_EIGHT[kind]) == 1
        assert "Still send it?" not in text_of(page)
    (one,) = task_selectors.board(owner.actor, now=NIGHT)
    assert (one.late_count, dict(one.held)) == (0, {task.pk: NotNow("quiet_hours", MORNING)})


def test_her_tap_on_copy_says_it_and_shows_no_text(night, made, phone, at) -> None:
    task = made("moments")
    at(hours=3)
    page = text_of(phone.post(url(task, "copy/"), follow=True))
    assert "Not copied: 晚上的事." in page
    assert "<textarea" not in page


def test_what_was_sent_before_can_be_ticked_in_quiet_hours(night, made, phone, at) -> None:
    task = made()
    at(hours=3)
    phone.post(url(task, "done/"))
    assert ended(task) == ("done", "", [("done", "")])


def test_she_is_told_when_the_night_is_over(night, made, person, room) -> None:
    Assignee.objects.filter(pk=person.pk).update(notice_endpoint=room)
    made("moments", due_at=NIGHT)
    moments = (NIGHT, NIGHT + HOUR, MORNING)
    assert [moment for moment in moments if services.tell_assignees(now=moment)] == [MORNING]


def test_a_card_for_later_says_that_its_time_is_blocked(night, made, phone, at) -> None:
    words = "A rule blocks it from its time on, until 08:00: it cannot be sent before its latest moment (22:30)."
    task = made(due_at=LATEST - 20 * MINUTE, latest_at=LATEST)
    assert words in text_of(phone.get(url(task)))


# --- its latest moment -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", POSTED)
def test_at_its_latest_moment_the_rule_is_the_reason_and_nobody_was_late(night, made, owner, kind) -> None:
    task = made(kind, due_at=LATEST - 40 * MINUTE, latest_at=LATEST)

    def counted(now) -> list:
        return task_selectors.kept_to(owner.actor, since=NOON, until=now, now=now).people

    assert services.review_waiting(now=LATEST - MINUTE) == 0
    assert counted(LATEST + MINUTE) == []
    assert [services.review_waiting(now=LATEST) for _ in range(2)] == [1, 0]
    assert ended(task) == ("withdrawn", "quiet_hours", [("withdrawn", "quiet_hours")])
    assert counted(LATEST + HOUR) == []


def test_her_page_says_that_it_is_blocked(night, made, phone, at) -> None:
    task = made(due_at=LATEST - 40 * MINUTE, latest_at=LATEST)
    at(hours=2, minutes=10)
    assert BLOCKED in text_of(phone.get(url(task)))


def test_what_was_free_at_its_latest_moment_stays_and_was_not_done(night, made, owner) -> None:
    task = made(latest_at=NOON + HOUR)
    assert services.review_waiting(now=NIGHT) == 0
    assert ended(task) == ("open", "", [("open", "")])
    (one,) = task_selectors.kept_to(owner.actor, since=NOON, until=NIGHT, now=NIGHT).people
    assert one.not_done == 1


def test_a_new_rule_ends_no_card_of_days_ago(workspace, made) -> None:
    task = made(due_at=LATEST - MINUTE, latest_at=LATEST)
    quiet(workspace, 22, 8)
    assert services.review_waiting(now=LATEST + FORGOTTEN_AFTER) == 0
    assert ended(task)[0] == "open"


def test_what_nobody_is_written_on_is_not_ended(night, made) -> None:
    task = made(TaskKind.PULL_IN, text="", due_at=LATEST - MINUTE, latest_at=LATEST)
    assert services.review_waiting(now=LATEST + HOUR) == 0
    assert ended(task)[0] == "open"
