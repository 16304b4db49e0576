"""One delivery's way: the look before, the call, the record after."""

from datetime import timedelta

import pytest

from community_ops.common import dbtime
from community_ops.common.models import AuditEntry
from messaging import services
from messaging.models import Attempt, Delivery, Endpoint, SandboxPost
from messaging.platforms.base import Outcome, Result
from messaging.ports import Verdict, subject_guards, text_contexts
from messaging.services import claiming, recording
from messaging.services.recording import Start
from tests.moments import NOON

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def claim_one(owner: str = "a") -> Delivery:
    rows = claiming.claim(owner=owner, limit=1, until=NOON + SECOND, db_now=dbtime.now())
    return rows[0]


def test_a_message_is_in_the_room_and_accepted_when_it_is_due(plan, deliver, fresh, room) -> None:
    delivery = plan(room)

    assert deliver() == 1

    row = fresh(delivery)
    assert (row.state, row.accepted_at, row.attempt_count, row.sent_text) == ("accepted", NOON, 1, "今晚八点开抢")
    assert SandboxPost.objects.get().text == "今晚八点开抢"
    assert (row.lease_owner, row.lease_until) == ("", None)


def test_nothing_more_is_sent_when_the_tick_comes_twice(plan, deliver, room) -> None:
    plan(room)
    deliver()

    assert deliver() == 0

    assert SandboxPost.objects.count() == 1
    assert Attempt.objects.count() == 1


def test_nothing_is_sent_before_its_time(plan, deliver, fresh, room) -> None:
    delivery = plan(room, due_at=NOON + SECOND)

    assert deliver() == 0

    assert fresh(delivery).state == "planned"
    assert not SandboxPost.objects.exists()


@pytest.mark.parametrize("late_by", [SECOND, timedelta(days=2)])
def test_a_message_expires_when_its_latest_moment_has_passed(plan, deliver, fresh, room, guard, late_by) -> None:
    delivery = plan(room, latest_at=NOON)

    deliver(NOON + late_by)

    assert (fresh(delivery).state, fresh(delivery).reason) == ("expired", "too_late")
    assert not SandboxPost.objects.exists()
    assert guard.asked_count == 0


def test_a_message_goes_out_at_its_very_latest_moment(plan, deliver, fresh, room) -> None:
    delivery = plan(room, latest_at=NOON)
    deliver(NOON)
    assert fresh(delivery).state == "accepted"


def test_a_message_is_cancelled_with_the_guards_reason_when_the_guard_says_no(
    plan, deliver, fresh, room, guard
) -> None:
    guard.verdict = Verdict(allowed=False, reason="group_closed")
    delivery = plan(room)

    assert deliver() == 0

    assert (fresh(delivery).state, fresh(delivery).reason) == ("cancelled", "group_closed")
    assert not SandboxPost.objects.exists()
    assert not Attempt.objects.exists()


def test_a_message_is_cancelled_when_nobody_answers_for_its_origin(plan, deliver, fresh, room) -> None:
    delivery = plan(room, origin="nobody")
    deliver()
    assert (fresh(delivery).state, fresh(delivery).reason) == ("cancelled", "not_available")


def test_a_message_is_cancelled_when_nobody_answers_for_its_subject(plan, deliver, fresh, room) -> None:
    delivery = plan(room, subject_kind="comet", subject_id=1)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).reason) == ("cancelled", "not_available")


def test_a_message_fails_when_its_target_has_no_endpoint(plan, deliver, fresh) -> None:
    delivery = plan(None)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).reason) == ("failed", "no_endpoint")


def test_a_message_fails_when_its_endpoint_was_archived(plan, deliver, fresh, room) -> None:
    delivery = plan(room)
    Endpoint.objects.filter(pk=room.pk).update(archived_at=NOON)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).reason) == ("failed", "endpoint_archived")


class Stock:
    """Values of a subject; `left` is what the test says at that moment."""

    left = "3"

    def names(self) -> set[str]:
        return {"left"}

    def values(self, subject_id, target_kind, target_id, now) -> dict[str, str]:
        return {"left": self.left, "target": f"{target_kind} {target_id}"}


@pytest.fixture
def stock(monkeypatch, guard) -> Stock:
    context = Stock()
    monkeypatch.setitem(text_contexts._answers, "stock", context)
    monkeypatch.setitem(subject_guards._answers, "stock", guard)
    return context


def test_a_text_says_what_is_true_when_it_fires(plan, deliver, fresh, room, stock) -> None:
    delivery = plan(room, text="还剩 {left} 件 {{left}}", subject_kind="stock", subject_id=1)
    stock.left = "2"

    deliver()

    assert fresh(delivery).sent_text == "还剩 2 件 {left}"


def test_a_text_without_a_subject_goes_out_as_it_is(plan, deliver, fresh, room) -> None:
    delivery = plan(room, text='{left} {{left}} {"a": {"b": 1}}')
    deliver()
    assert fresh(delivery).sent_text == '{left} {{left}} {"a": {"b": 1}}'


def test_a_text_fails_when_a_placeholder_has_no_value(plan, deliver, fresh, room, stock) -> None:
    delivery = plan(room, text="{gone}", subject_kind="stock", subject_id=1)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).reason) == ("failed", "text_incomplete")
    assert not SandboxPost.objects.exists()


def test_a_text_fails_when_its_values_make_it_too_long(plan, deliver, fresh, robot, stock) -> None:
    stock.left = "长" * 683
    delivery = plan(robot, text="{left}", subject_kind="stock", subject_id=1)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).reason) == ("failed", "too_long")


def test_a_guard_that_breaks_is_recorded_and_asked_again_later(plan, deliver, fresh, room, guard, monkeypatch) -> None:
    delivery = plan(room)
    monkeypatch.setattr(guard, "check", lambda delivery, now: 1 / 0)

    deliver()

    row = fresh(delivery)
    assert (row.state, row.reason, row.next_try_at > NOON) == ("planned", "retrying", True)
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.platform_code, attempt.platform_text) == (
        "not_called",
        "check_failed",
        "ZeroDivisionError",
    )


def test_a_cancelled_row_is_not_started_by_a_worker_that_holds_it(plan, workspace, fresh, room) -> None:
    delivery = plan(room)
    held = claim_one()
    services.cancel_deliveries(
        workspace_id=workspace.pk, source_keys=[delivery.source_key], reason="x", actor=None, now=NOON
    )

    assert not recording.begin(Start(held, "a", NOON, dbtime.now()))

    assert (fresh(delivery).state, fresh(delivery).attempt_count) == ("cancelled", 0)


def test_a_moved_row_is_not_started_by_a_worker_that_holds_it(plan, workspace, fresh, room) -> None:
    delivery = plan(room)
    held = claim_one()
    services.reschedule_deliveries(
        workspace_id=workspace.pk, moves={delivery.source_key: NOON + timedelta(hours=1)}, now=NOON
    )

    assert not recording.begin(Start(held, "a", NOON, dbtime.now()))

    assert (fresh(delivery).state, fresh(delivery).due_at) == ("planned", NOON + timedelta(hours=1))


def test_a_held_row_is_not_taken_by_another_worker_until_its_lease_is_over(plan, room) -> None:
    plan(room)
    claim_one("a")

    assert claiming.claim(owner="b", limit=1, until=NOON + SECOND, db_now=dbtime.now()) == []

    later = dbtime.now() + claiming.CLAIM_LEASE + SECOND
    assert len(claiming.claim(owner="b", limit=1, until=NOON + SECOND, db_now=later)) == 1


def test_a_row_that_was_put_back_can_be_taken_at_once(plan, room) -> None:
    plan(room)
    claiming.let_go([claim_one("a")], owner="a")
    assert claim_one("b").lease_owner == "b"


def test_a_call_whose_worker_went_silent_becomes_unknown(plan, fresh, hook) -> None:
    delivery = plan(hook)
    recording.begin(Start(claim_one(), "a", NOON, dbtime.now()))
    later = dbtime.now() + recording.SEND_LEASE + SECOND

    assert recording.reap(db_now=dbtime.now(), now=NOON) == 0
    assert recording.reap(db_now=later, now=NOON) == 1
    assert recording.reap(db_now=later, now=NOON) == 0

    assert (fresh(delivery).state, fresh(delivery).reason) == ("unknown", "worker_lost")
    assert (Attempt.objects.get().outcome, Attempt.objects.get().number) == ("lost", 1)


def test_a_silent_call_is_repeated_when_its_receiver_drops_repeats(plan, fresh, room, deliver) -> None:
    delivery = plan(room)
    recording.begin(Start(claim_one(), "a", NOON, dbtime.now()))

    recording.reap(db_now=dbtime.now() + recording.SEND_LEASE + SECOND, now=NOON)
    deliver(NOON + timedelta(minutes=1))

    assert (fresh(delivery).state, fresh(delivery).attempt_count) == ("accepted", 2)


def test_a_stale_answer_changes_nothing(plan, fresh, hook) -> None:
    delivery = plan(hook)
    held = claim_one()
    recording.begin(Start(held, "a", NOON, dbtime.now()))
    recording.reap(db_now=dbtime.now() + recording.SEND_LEASE + SECOND, now=NOON)

    assert not recording.finish(recording.End(held, "a", Result(Outcome.ACCEPTED), NOON, NOON, limits={}))

    assert fresh(delivery).state == "unknown"
    assert Attempt.objects.get().outcome == "lost"


def test_an_unknown_delivery_is_never_sent_again_by_itself(plan, fresh, hook, deliver, httpserver) -> None:
    delivery = plan(hook)
    recording.begin(Start(claim_one(), "a", NOON, dbtime.now()))
    recording.reap(db_now=dbtime.now() + recording.SEND_LEASE + SECOND, now=NOON)

    assert deliver(NOON + timedelta(days=1)) == 0

    assert (fresh(delivery).state, len(httpserver.log)) == ("unknown", 0)


def test_planning_and_sending_write_no_audit_rows_of_their_own(plan, deliver, room) -> None:
    before = AuditEntry.objects.count()
    plan(room)
    deliver()
    assert AuditEntry.objects.count() == before
