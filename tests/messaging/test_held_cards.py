"""A handed-over card asks the send rules again: when she copies, on her page, and in the tick that looks after it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from community_ops.accounts.models import Workspace
from community_ops.common import clock
from community_ops.common.actors import Actor
from community_ops.common.models import AuditEntry
from messaging import services
from messaging.models import Assignee, Delivery, HumanTask, TaskItem
from messaging.policies import EXEMPTIONS, Quiet, SendRules, Span
from messaging.ports import Verdict
from messaging.services import NotNow
from messaging.services.send_rules import RULES
from tests.messaging import test_send_rules as made
from tests.messaging.test_public_task_pages import opened, text_of, url
from tests.moments import NOON

pytestmark = pytest.mark.django_db
ZONE = ZoneInfo("Asia/Shanghai")
HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)
NIGHT = NOON + 3 * HOUR  # 23:00 in Shanghai
MORNING = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)  # 8:00 in Shanghai
OPEN = ("open", "waiting")
SHANGHAI = made.SHANGHAI


def quiet(workspace: Workspace, *facts: Any) -> None:
    made.quiet(workspace, *facts)
    RULES.forget()


def holiday(workspace: Workspace, *facts: Any) -> None:
    made.holiday(workspace, *facts)
    RULES.forget()


def cap(workspace: Workspace, *facts: Any, **more: Any) -> None:
    made.cap(workspace, *facts, **more)
    RULES.forget()


@pytest.fixture
def her(person) -> Actor:
    return Actor.assignee(person.pk, name=person.name, workspace_id=person.workspace_id)


@pytest.fixture
def at(monkeypatch) -> Callable[..., None]:
    """Set the product's clock, from noon on."""

    def go(**delta: float) -> None:
        monkeypatch.setattr(clock, "now", lambda: NOON + timedelta(**delta))

    go()
    return go


@pytest.fixture
def phone(person, at) -> Client:
    return opened(person)


@pytest.fixture
def hand_over(person, plan, deliver):
    """A touch in as many groups, handed over at 20:00 in Shanghai."""

    def make(count: int = 2, **facts: Any) -> HumanTask:
        for number in range(1, count + 1):
            target = {"target_id": number, "target_label": f"晨跑 {number} 群"}
            plan(person.endpoint, **{"origin_id": 77} | target | SHANGHAI | facts)
        deliver(facts.get("due_at", NOON))
        return HumanTask.objects.latest("id")

    return make


def copy(task: HumanTask, her: Actor, now: datetime) -> services.Copied:
    return services.copy_card(task=task, actor=her, now=now)


def held(copied: services.Copied) -> list[tuple[str, NotNow]]:
    return [(item.label, why) for item, why in copied.held]


def states(task: HumanTask) -> list[tuple[str, str]]:
    return list(TaskItem.objects.filter(task=task).order_by("id").values_list("state", "delivery__state"))


# --- copying -----------------------------------------------------------------------------------------


def test_in_quiet_hours_nothing_is_copied_and_everything_stays(workspace, hand_over, her) -> None:
    quiet(workspace, 22, 8)
    task = hand_over()
    copied = copy(task, her, NIGHT)
    assert copied.texts == ()
    assert [why for _label, why in held(copied)] == [NotNow("quiet_hours", MORNING)] * 2
    assert states(task) == [OPEN, OPEN]
    task.refresh_from_db()
    assert (task.state, task.copied_at) == ("open", None)
    assert set(TaskItem.objects.values_list("copied_text", flat=True)) == {""}
    assert not AuditEntry.objects.filter(verb="task.copied").exists()
    assert len(copy(task, her, MORNING).texts[0].items) == 2


def test_on_a_holiday_too(workspace, hand_over, her) -> None:
    tomorrow = date(2026, 11, 22)
    holiday(workspace, tomorrow, tomorrow + A_DAY)
    task = hand_over(1)
    until = datetime(2026, 11, 24, tzinfo=ZONE)
    assert held(copy(task, her, NOON + 8 * HOUR)) == [("晨跑 1 群", NotNow("holiday", until))]
    assert states(task) == [OPEN]


def test_what_is_quiet_in_one_zone_is_copied_for_the_other(workspace, hand_over, her) -> None:
    quiet(workspace, 22, 8)
    task = hand_over(1)
    hand_over(1, target_id=9, target_label="London", zone="Europe/London")
    copied = copy(task, her, NIGHT)
    assert [item.label for one in copied.texts for item in one.items] == ["London"]
    assert [label for label, _why in held(copied)] == ["晨跑 1 群"]
    assert AuditEntry.objects.get(verb="task.copied").after == {"item_count": 1}


@pytest.mark.parametrize("exemption", sorted(EXEMPTIONS))
def test_exempt_messages_are_copied_at_any_time(workspace, hand_over, her, exemption) -> None:
    quiet(workspace, 22, 8)
    holiday(workspace, date(2026, 11, 22))
    cap(workspace, 1)
    task = hand_over(1, exemption=exemption)
    assert held(copy(task, her, NIGHT)) == []
    assert held(copy(task, her, MORNING + HOUR)) == []


def test_what_is_over_is_withdrawn_in_quiet_hours_too(workspace, hand_over, her, guard) -> None:
    quiet(workspace, 22, 8)
    task = hand_over()
    guard.verdict = Verdict(allowed=False, reason="sale_over")
    assert len(copy(task, her, NIGHT).withdrawn) == 2
    assert states(task) == [("withdrawn", "cancelled")] * 2


def test_a_cap_that_is_used_up_holds_back_what_waits(workspace, hand_over, her, plan, deliver, room) -> None:
    task = hand_over(2)
    plan(room, target_id=1, due_at=NOON + HOUR, **SHANGHAI)
    deliver(NOON + HOUR)
    cap(workspace, 1)
    copied = copy(task, her, NOON + HOUR)
    assert held(copied) == [("晨跑 1 群", NotNow("cap"))]
    assert [item.label for one in copied.texts for item in one.items] == ["晨跑 2 群"]
    assert states(task) == [OPEN, OPEN]


def test_of_two_that_wait_for_the_last_place_the_earlier_is_copied(workspace, hand_over, her) -> None:
    first, second = hand_over(1), hand_over(1, origin_id=78, text="再来一条")
    cap(workspace, 1)
    assert held(copy(first, her, NOON)) == []
    assert [why.reason for _label, why in held(copy(second, her, NOON))] == ["cap"]


def test_what_comes_later_or_has_another_purpose_takes_no_place(workspace, hand_over, her, plan, room) -> None:
    task = hand_over(1)
    plan(room, target_id=1, due_at=NOON + HOUR, **SHANGHAI)
    plan(room, target_id=1, due_at=NOON - HOUR, purpose="care", **SHANGHAI)
    cap(workspace, 1, purpose="notice")
    assert held(copy(task, her, NOON)) == []


def test_rules_of_another_workspace_hold_nothing_here(stranger, hand_over, her) -> None:
    quiet(stranger.workspace, 22, 8)
    assert held(copy(hand_over(1), her, NIGHT)) == []


@pytest.mark.parametrize(("make_rule", "count"), [(None, 0), (quiet, 0), (cap, 1)])
def test_asking_costs_the_same_for_one_place_and_for_many(
    workspace, hand_over, django_assert_num_queries, make_rule, count
) -> None:
    if make_rule:
        make_rule(workspace, *((23, 8) if make_rule is quiet else (5,)))
    hand_over(1)
    hand_over(20, origin_id=78)
    rows = list(Delivery.objects.order_by("id"))
    services.not_now(rows, now=NOON)  # the rules are in the book now
    for some in (rows[:1], rows):
        with django_assert_num_queries(count):
            services.not_now(some, now=NOON)


# --- when it lets go ---------------------------------------------------------------------------------


def rules(*quiet_hours: tuple[int, int], holidays: tuple[Span, ...] = ()) -> SendRules:
    always = Span(date(2026, 1, 1), None)
    return SendRules(quiet=tuple(Quiet(always, time(a), time(b)) for a, b in quiet_hours), holidays=holidays)


@pytest.mark.parametrize(
    ("held_by", "hour", "expected"),
    [
        (rules((22, 8)), 12, (21, 12)),
        (rules((22, 8)), 23, (22, 8)),
        (rules((22, 8)), 7, (21, 8)),
        (rules((12, 14)), 13, (21, 14)),
        (rules((12, 14), (14, 15)), 12, (21, 15)),
        (rules((22, 8), holidays=(Span(date(2026, 11, 22), date(2026, 11, 23)),)), 23, (24, 8)),
        (rules(holidays=(Span(date(2026, 11, 21), None),)), 9, None),
        (rules((8, 20), (20, 8)), 9, None),
    ],
)
def test_it_lets_go_when_no_rule_holds_any_more(held_by, hour: int, expected: tuple[int, int] | None) -> None:
    free = held_by.free_from(datetime(2026, 11, 21, hour, tzinfo=ZONE))
    assert free == (datetime(2026, 11, *expected, tzinfo=ZONE) if expected else None)


# --- the tick ----------------------------------------------------------------------------------------


def test_the_tick_leaves_what_is_held_on_her_list(workspace, hand_over) -> None:
    quiet(workspace, 22, 8)
    task = hand_over()
    assert services.review_waiting(now=NIGHT) == 0
    assert states(task) == [OPEN, OPEN]


@pytest.mark.parametrize(
    ("make_rule", "end"),
    [
        (lambda workspace: holiday(workspace, date(2026, 11, 22), date(2026, 11, 28)), ("cancelled", "holiday")),
        (lambda workspace: quiet(workspace, 19, 21), ("expired", "not_done")),
    ],
)
def test_after_a_day_a_holiday_is_the_reason_and_a_night_is_none(workspace, hand_over, make_rule, end) -> None:
    task = hand_over()
    make_rule(workspace)
    assert services.review_waiting(now=NOON + A_DAY) == 2
    assert set(Delivery.objects.values_list("state", "reason")) == {end}
    task.refresh_from_db()
    assert (task.state, task.reason) == ("withdrawn", end[1])


# --- telling -----------------------------------------------------------------------------------------


@pytest.fixture
def told(person, room):
    """The moments at which she is told, when the tick looks at these."""
    Assignee.objects.filter(pk=person.pk).update(notice_endpoint=room)
    return lambda *moments: [moment for moment in moments if services.tell_assignees(now=moment)]


def test_she_is_told_when_it_can_be_posted_and_not_before(workspace, hand_over, told) -> None:
    quiet(workspace, 22, 8)
    at_ten = NOON + 2 * HOUR
    task = hand_over(due_at=at_ten - timedelta(minutes=2))
    first = at_ten - timedelta(minutes=1)
    assert told(first, at_ten + timedelta(minutes=5), at_ten + HOUR, MORNING) == [first, MORNING]
    task.refresh_from_db()
    assert (task.told_count, task.tell_step) == (2, 2)


def test_while_some_of_it_can_be_posted_she_is_told_as_always(workspace, hand_over, told) -> None:
    quiet(workspace, 20, 22)
    hand_over(1, due_at=NOON - timedelta(minutes=1))
    hand_over(1, due_at=NOON - timedelta(minutes=1), target_id=9, zone="Europe/London")
    assert HumanTask.objects.count() == 1
    soon = NOON + timedelta(minutes=5)
    assert told(NOON, soon) == [NOON, soon]


def test_where_no_end_is_known_it_is_looked_at_again(workspace, hand_over, told) -> None:
    hand_over(1)
    second = hand_over(1, origin_id=78, text="再来一条")
    cap(workspace, 1)
    assert len(told(NOON + timedelta(seconds=2))) == 1
    second.refresh_from_db()
    assert (second.told_count, second.next_tell_at) == (0, NOON + timedelta(minutes=5, seconds=2))


# --- her page ----------------------------------------------------------------------------------------

NOT_NOW = "Not now: these are quiet hours. It can be copied from 08:00 on."


def test_her_page_says_it_above_the_button_and_copies_nothing(workspace, hand_over, phone, at) -> None:
    quiet(workspace, 22, 8)
    task = hand_over()
    assert "Not now" not in text_of(phone.get(url(task)))
    at(hours=3)
    page = text_of(phone.get(url(task)))
    assert page.index(NOT_NOW) < page.index("data-copy-form")
    assert "Still send it?" not in page
    page = text_of(phone.post(url(task, "copy/"), follow=True))
    assert "Not copied: 晨跑 1 群, 晨跑 2 群." in page
    assert "<textarea" not in page
    assert states(task) == [OPEN, OPEN]
    assert phone.post(url(task, "copy/"), headers={"X-Fragment": "1"}).status_code == 205


def test_her_list_calls_nothing_late_that_has_to_wait(workspace, hand_over, phone, at) -> None:
    quiet(workspace, 22, 8)
    hand_over()
    london = hand_over(1, origin_id=78, target_id=9, target_label="London", zone="Europe/London")
    at(hours=1)
    assert text_of(phone.get("/t/")).count("1 hour late") == 2
    at(hours=3)
    rows = phone.get("/t/").context["due"]
    assert [(row["task"].pk == london.pk, row["late"], row["held"]) for row in rows] == [
        (True, "3 hours late", []),
        (False, "", [NOT_NOW]),
    ]


def test_a_text_copied_before_is_not_offered_to_be_copied_again(workspace, hand_over, phone, at) -> None:
    quiet(workspace, 22, 8)
    task = hand_over()
    assert "<textarea" in text_of(phone.post(url(task, "copy/"), follow=True))
    at(hours=3)
    page = text_of(phone.get(url(task)))
    assert NOT_NOW in page
    assert "<textarea" not in page


def test_only_what_is_held_is_named(workspace, hand_over, phone, at) -> None:
    quiet(workspace, 22, 8)
    hand_over(1)
    task = hand_over(1, target_id=9, target_label="London", zone="Europe/London")
    at(hours=3)
    page = text_of(phone.get(url(task) + "?send=now"))
    assert f"晨跑 1 群: {NOT_NOW}" in page
    page = text_of(phone.post(url(task, "copy/"), follow=True))
    assert "Not copied: 晨跑 1 群." in page
    assert "<textarea" in page


def test_a_holiday_says_its_day_and_the_team_reads_it_too(
    workspace: Workspace,
    hand_over,
    phone,
    at,
    owner,
    signed_in,
) -> None:
    tomorrow = date(2026, 11, 22)
    holiday(workspace, tomorrow, tomorrow + A_DAY)
    task = hand_over()
    at(hours=5)
    words = "Not now: it is a holiday. It can be copied from 24 Nov, 00:00 on."
    assert words in text_of(phone.get(url(task)))
    client: Client = signed_in(owner)
    team = client.get(f"/w/{workspace.slug}/tasks/{task.pk}/", headers={"Accept-Language": "en"})
    assert words in text_of(team)


def test_what_she_posted_before_can_be_ticked_in_quiet_hours(workspace, hand_over, phone, at) -> None:
    quiet(workspace, 22, 8)
    task = hand_over(1)
    at(hours=3)
    items = [item.pk for item in TaskItem.objects.filter(task=task)]
    phone.post(url(task, "done/"), {"items": items})
    assert states(task) == [("done", "confirmed")]


def test_a_cap_is_said_without_a_time(workspace, hand_over, phone) -> None:
    hand_over(1)
    second = hand_over(1, origin_id=78, text="再来一条")
    cap(workspace, 1)
    assert "Not now: there have been as many messages as the limit allows." in text_of(phone.get(url(second)))


def test_while_all_of_it_is_held_nothing_is_to_be_pressed_and_no_time_runs(workspace, hand_over, phone, at) -> None:
    quiet(workspace, 22, 8)
    task = hand_over(1, latest_at=MORNING + HOUR)
    assert "data-countdown" in text_of(phone.get(url(task)))
    at(hours=3)
    page = text_of(phone.get(url(task)))
    assert 'type="submit" disabled><span data-copy-label>' in page
    assert "data-countdown" not in page
    assert page.index("Sent already? Tick it here.") < page.index(url(task, "done/"))
    at(hours=13)
    page = text_of(phone.get(url(task) + "?send=now"))
    assert "disabled" not in page
    assert "Sent already? Tick it here." not in page


def test_what_a_rule_will_hold_is_marked_before(workspace, person, plan, hand_over, phone) -> None:
    quiet(workspace, 22, 8)
    plan(person.endpoint, origin_id=78, text="夜里", due_at=NIGHT, **SHANGHAI)
    plan(person.endpoint, origin_id=79, text="还早", due_at=NOON + HOUR, **SHANGHAI)
    rows = phone.get("/t/").context["later"]
    held_by = {row["title"]: row["held"] for row in rows}
    assert held_by == {"夜里": ["A rule blocks it at its time: it will not be sent."], "还早": []}
    assert "A rule blocks it at its time" in text_of(phone.get("/t/"))
    task = hand_over(1)
    HumanTask.objects.update(due_at=NIGHT)
    Delivery.objects.filter(task_item__task=task).update(due_at=NIGHT)
    rows = [row for row in phone.get("/t/").context["later"] if row.get("task")]
    assert [row["held"] for row in rows] == [["A rule blocks it from its time on, until 08:00."]]
