"""Pausing an announcement or a run: nothing goes out until it goes on, whatever is planned or moved meanwhile."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns import services
from campaigns.errors import AlreadyCancelled, NothingPlanned, NotScheduled, RunIsStopped
from campaigns.models import Announcement, Occurrence, PlaybookRun, RunState
from community_ops.common.errors import InvalidTransition
from community_ops.common.models import AuditEntry
from groups.models import ChatGroup
from messaging import services as messaging
from messaging.models import Delivery, SandboxPost
from messaging.ports import ALLOWED, PAUSED, OneByOne, Verdict, origin_guards, subject_guards, text_contexts
from messaging.wording import state_sentence
from tests.campaigns.conftest import END, START, Start, Write, make_endpoint, schedule
from tests.factories.people import SYSTEM
from tests.moments import NOON
from tests.races import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
DUE = NOON + HOUR


class Sale(OneByOne):
    """What the runs here are about, in the place of a real one: its guard, and its values for texts."""

    def __init__(self) -> None:
        self.verdict = ALLOWED

    def check(self, delivery: Delivery, now: datetime) -> Verdict:
        return self.verdict

    def values(self, subject_id: int, target_kind: str, target_id: int, now: datetime) -> dict[str, str]:
        return defaultdict(lambda: "x")


@pytest.fixture(autouse=True)
def sale(monkeypatch: pytest.MonkeyPatch) -> Sale:
    answers = Sale()
    monkeypatch.setitem(subject_guards._answers, "flash_sale", answers)
    monkeypatch.setitem(text_contexts._answers, "flash_sale", answers)
    return answers


def pause(paused: Announcement | PlaybookRun, now: datetime = NOON) -> int:
    if isinstance(paused, Announcement):
        return services.pause_announcement(announcement=paused, actor=SYSTEM, now=now)
    return services.pause_run(run=paused, actor=SYSTEM, now=now)


def resume(paused: Announcement | PlaybookRun, now: datetime = NOON) -> int:
    if isinstance(paused, Announcement):
        return services.resume_announcement(announcement=paused, actor=SYSTEM, now=now)
    return services.resume_run(run=paused, actor=SYSTEM, now=now)


def deliver(now: datetime) -> int:
    return messaging.deliver_due(worker="tests", now=now)


def found() -> list[tuple[str, str]]:
    return list(Delivery.objects.order_by("id").values_list("state", "reason"))


@pytest.fixture
def scheduled(write: Write, group: ChatGroup, second_group: ChatGroup) -> Announcement:
    announcement = write(group, second_group)
    schedule(announcement)
    return announcement


@pytest.fixture(params=["announcement", "run"])
def going(request: pytest.FixtureRequest, scheduled: Announcement, start: Start) -> Announcement | PlaybookRun:
    """An announcement to two groups, and a run that has ten touches planned."""
    if request.param == "announcement":
        return scheduled
    Delivery.objects.all().delete()
    return start()


def test_nothing_goes_out_while_it_is_paused_and_all_does_afterwards(going: Announcement | PlaybookRun) -> None:
    count = Delivery.objects.count()
    assert pause(going) == count
    assert deliver(NOON + 3 * HOUR) == 0
    assert set(found()) == {("planned", "paused")}

    assert resume(going) == count
    Delivery.objects.update(latest_at=None)
    assert deliver(END + HOUR) == count
    assert SandboxPost.objects.count() == count


def test_the_second_call_changes_nothing_and_the_audit_log_has_each_once(going: Announcement | PlaybookRun) -> None:
    assert pause(going)
    assert pause(going, NOON + MINUTE) == 0
    assert going.paused_at == NOON
    assert resume(going)
    assert resume(going) == 0
    going.refresh_from_db()
    assert going.paused_at is None
    verbs = AuditEntry.objects.filter(target_id=str(going.pk)).values_list("verb", flat=True)
    assert sum(verb.endswith(".paused") for verb in verbs) == 1
    assert sum(verb.endswith(".resumed") for verb in verbs) == 1


def test_an_announcement_goes_on_late_because_it_has_no_latest_moment(scheduled: Announcement) -> None:
    pause(scheduled)
    late = DUE + 5 * HOUR
    resume(scheduled, late)
    assert deliver(late) == 2
    assert {row.accepted_at for row in Delivery.objects.all()} == {late}


def test_what_is_not_due_when_it_goes_on_waits_for_its_time(scheduled: Announcement) -> None:
    pause(scheduled)
    resume(scheduled, NOON + MINUTE)
    assert deliver(NOON + 2 * MINUTE) == 0
    assert deliver(DUE) == 2


def test_a_touch_whose_latest_moment_passes_expires_with_its_sentence_resumed_or_not(start: Start) -> None:
    run = start()
    first, second = Delivery.objects.order_by("due_at")[:2]
    assert first.latest_at
    assert second.latest_at
    pause(run)
    assert deliver(first.latest_at + timedelta(seconds=1)) == 0
    first.refresh_from_db()
    assert (first.state, first.reason, first.attempt_count) == ("expired", "too_late", 0)
    assert "had passed" in state_sentence(first, zone="Asia/Shanghai")

    late = second.latest_at + timedelta(seconds=1)
    resume(run, late)
    deliver(late)
    second.refresh_from_db()
    assert (second.state, second.reason) == ("expired", "too_late")


def test_the_delivery_says_that_it_is_paused(scheduled: Announcement) -> None:
    pause(scheduled)
    words = state_sentence(Delivery.objects.all()[0], zone="Asia/Shanghai")
    assert words == "It is paused and goes out when somebody lets it go on."


def test_a_pause_of_the_sale_and_one_of_its_run_are_two_things(start: Start, sale: Sale) -> None:
    run = start(starts_at=NOON + MINUTE, ends_at=NOON + 2 * HOUR)
    first = Delivery.objects.order_by("due_at").first()
    assert first
    Delivery.objects.update(latest_at=None)
    pause(run)
    sale.verdict = Verdict(allowed=False, reason="sale_paused")
    deliver(END)
    assert set(found()) == {("planned", "paused")}  # a paused sale drops nothing that the run keeps

    resume(run, first.due_at)
    deliver(first.due_at)
    first.refresh_from_db()
    assert (first.state, first.reason) == ("cancelled", "sale_paused")  # as everything due while the sale is paused


@pytest.mark.parametrize("state", ["sending", "accepted", "unknown", "failed"])
def test_with_nothing_planned_there_is_nothing_to_pause(scheduled: Announcement, state: str) -> None:
    Delivery.objects.update(state=state)
    with pytest.raises(NothingPlanned):
        pause(scheduled)
    scheduled.refresh_from_db()
    assert scheduled.paused_at is None
    assert not AuditEntry.objects.filter(verb="announcement.paused").exists()


def test_drafts_and_what_was_called_off_are_neither_paused_nor_resumed(write: Write, start: Start) -> None:
    draft, cancelled, run = write(), write(), start()
    schedule(cancelled)
    services.cancel_announcement(announcement=cancelled, actor=SYSTEM, now=NOON)
    services.stop_run(run=run, reason="run_stopped", actor=SYSTEM, now=NOON)
    refusals: list[tuple[Any, type[InvalidTransition]]] = [
        (draft, NotScheduled),
        (cancelled, AlreadyCancelled),
        (run, RunIsStopped),
    ]
    for refused, error in refusals:
        for change in (pause, resume):
            with pytest.raises(error):
                change(refused)
    assert not Announcement.objects.filter(paused_at__isnull=False).exists()
    assert not PlaybookRun.objects.filter(paused_at__isnull=False).exists()


def test_calling_off_ends_a_pause_too(scheduled: Announcement, start: Start) -> None:
    run = start()
    pause(scheduled)
    pause(run)
    assert services.cancel_announcement(announcement=scheduled, actor=SYSTEM, now=NOON) == 2
    assert services.stop_run(run=run, reason="run_stopped", actor=SYSTEM, now=NOON) == 10
    run.refresh_from_db()
    assert (scheduled.paused_at, run.paused_at) == (None, None)
    assert {state for state, _reason in found()} == {"cancelled"}
    assert deliver(END) == 0


def test_a_moved_announcement_stays_paused_at_its_new_time(scheduled: Announcement) -> None:
    pause(scheduled)
    services.move_announcement(announcement=scheduled, due_at=DUE + HOUR, actor=SYSTEM, now=NOON)
    assert deliver(DUE + 2 * HOUR) == 0
    resume(scheduled, NOON)
    assert deliver(DUE) == 0
    assert deliver(DUE + HOUR) == 2


def test_a_moved_run_stays_paused_with_what_the_move_plans_anew(start: Start, group: ChatGroup) -> None:
    run = start(starts_at=NOON + 2 * HOUR, ends_at=NOON + 4 * HOUR)  # the days before it are past and skipped
    before = Delivery.objects.count()
    pause(run)
    services.move_run(run=run, starts_at=START, ends_at=END, actor=SYSTEM, now=NOON)
    planned = Delivery.objects.filter(state="planned")
    assert planned.count() > before
    assert set(planned.values_list("reason", flat=True)) == {"paused"}
    planned.update(latest_at=None)
    assert deliver(END + HOUR) == 0


def test_what_a_condition_sets_off_in_a_paused_run_waits(start: Start) -> None:
    run = start(starts_at=NOON, ends_at=NOON + 2 * HOUR)
    pause(run)
    facts = {"workspace_id": run.workspace_id, "subject_kind": "flash_sale", "subject_id": 1}
    assert services.meet_condition(**facts, condition="half_sold", now=NOON + MINUTE) == 1
    assert deliver(NOON + MINUTE) == 0
    assert Delivery.objects.filter(state="planned", reason="paused", due_at=NOON + MINUTE).count() == 1
    resume(run, NOON + 2 * MINUTE)
    assert deliver(NOON + 2 * MINUTE) >= 1


def test_a_group_that_gets_its_channel_meanwhile_waits_with_the_others(
    start: Start, group: ChatGroup, silent_group: ChatGroup
) -> None:
    run = start(group, silent_group)
    pause(run)
    silent_group.endpoint = make_endpoint(silent_group.workspace)
    silent_group.save(update_fields=["endpoint", "updated_at"])
    assert services.plan_skipped_touches(workspace_id=run.workspace_id, group_id=silent_group.pk, now=NOON) == 10
    assert set(found()) == {("planned", "paused")}


def test_a_run_that_only_waits_for_its_conditions_can_be_paused(start: Start) -> None:
    run = start(starts_at=NOON, ends_at=NOON + 2 * HOUR)
    Delivery.objects.update(state="accepted")
    assert pause(run) == 0
    assert run.paused_at == NOON
    over = start(starts_at=NOON, ends_at=NOON + 2 * HOUR, subject_id=2)
    Delivery.objects.update(state="accepted")
    with pytest.raises(NothingPlanned):
        pause(over, NOON + 3 * HOUR)


def test_a_missing_delivery_that_the_planner_makes_up_for_waits_too(scheduled: Announcement) -> None:
    pause(scheduled)
    Delivery.objects.filter(target_id__gt=0).delete()
    Occurrence.objects.update(planned_at=None)
    services.plan_due(now=NOON)
    assert found() == [("planned", "paused")] * 2


@pytest.mark.parametrize("state", ["failed", "unknown"])
def test_what_a_person_queues_again_waits_while_it_is_paused(scheduled: Announcement, state: str) -> None:
    stuck = Delivery.objects.order_by("id").first()
    assert stuck
    Delivery.objects.filter(pk=stuck.pk).update(state=state, attempt_count=1)
    pause(scheduled)
    stuck.refresh_from_db()
    if state == "failed":
        messaging.requeue_failed(delivery=stuck, actor=SYSTEM, now=DUE)
    else:
        messaging.decide_unknown(delivery=stuck, verdict="again", actor=SYSTEM, now=DUE)

    for minutes in range(5):  # it is looked at now and then, and neither sent nor cancelled
        assert deliver(DUE + minutes * MINUTE) == 0
    stuck.refresh_from_db()
    assert (stuck.state, stuck.reason, stuck.attempt_count) == ("planned", "paused", 1)

    resume(scheduled, DUE + HOUR)
    assert deliver(DUE + HOUR) == 2


def test_a_call_that_was_on_its_way_ends_by_itself_and_its_next_try_waits(scheduled: Announcement) -> None:
    sending = Delivery.objects.order_by("id").first()
    assert sending
    Delivery.objects.filter(pk=sending.pk).update(state="sending")
    assert pause(scheduled) == 1
    back = {"state": "planned", "reason": "retrying", "next_try_at": DUE, "attempt_count": 1}
    Delivery.objects.filter(pk=sending.pk).update(**back)  # as a refusal that may pass leaves it
    assert deliver(DUE) == 0
    sending.refresh_from_db()
    assert (sending.state, sending.reason, sending.attempt_count) == ("planned", "paused", 1)
    with pytest.raises(InvalidTransition):  # "try now" is for what is being retried
        messaging.try_now(delivery=sending, actor=SYSTEM, now=DUE)
    resume(scheduled, DUE)
    assert deliver(DUE) == 2


def test_the_guard_lets_wait_what_is_paused_and_still_refuses_an_archived_group(
    going: Announcement | PlaybookRun, group: ChatGroup
) -> None:
    delivery = Delivery.objects.filter(target_id=group.pk).first()
    assert delivery
    pause(going)
    guard = origin_guards.get(delivery.origin)
    assert list(guard.check_all([delivery], NOON)) == [PAUSED]
    ChatGroup.objects.filter(pk=group.pk).update(archived_at=NOON)
    assert list(guard.check_all([delivery], NOON)) == [Verdict(allowed=False, reason="group_closed")]


def test_pausing_one_leaves_the_others_alone(write: Write, start: Start) -> None:
    first, second, run = write(), write(), start()
    schedule(first)
    schedule(second)
    pause(first)
    assert deliver(DUE) == 1
    assert Delivery.objects.get(origin="announcement", origin_id=second.pk).state == "accepted"
    assert not Delivery.objects.filter(origin="touch", reason="paused").exists()
    pause(run)
    resume(first, DUE)
    assert deliver(DUE) == 1


def test_the_state_of_a_run_says_that_it_is_paused_until_it_is_over(start: Start) -> None:
    run = start(starts_at=NOON + HOUR, ends_at=NOON + 2 * HOUR)
    pause(run)
    assert [run.state_at(NOON + hours * HOUR) for hours in (0, 1, 2)] == [
        RunState.PAUSED,
        RunState.PAUSED,
        RunState.FINISHED,
    ]
    resume(run)
    assert run.state_at(NOON) == RunState.PLANNED


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_pause_and_condition_at_once_leave_nothing_to_go_out(start: Start) -> None:
    run = start(starts_at=NOON, ends_at=NOON + 2 * HOUR)
    facts = {"workspace_id": run.workspace_id, "subject_kind": "flash_sale", "subject_id": 1}
    jobs: list[Callable[[], Any]] = [
        lambda: services.meet_condition(**facts, condition="half_sold", now=NOON),
        lambda: pause(PlaybookRun.objects.get(pk=run.pk)),
    ]
    results = at_once(jobs)
    assert not [result for result in results if isinstance(result, Exception)]
    assert not Delivery.objects.filter(state="planned").exclude(reason="paused").exists()
