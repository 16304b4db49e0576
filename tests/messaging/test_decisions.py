"""A person's word ends a doubt; a failed delivery gets its tries again."""

from datetime import timedelta

import pytest

from community_ops.common.errors import InvalidTransition
from community_ops.common.models import AuditEntry
from messaging import services
from messaging.errors import NotFailed, NotUnknown
from messaging.models import Delivery
from tests.moments import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def doubtful(plan, room) -> Delivery:
    delivery = plan(room, latest_at=NOON)
    facts = {"state": "unknown", "reason": "worker_lost", "attempt_count": 1}
    Delivery.objects.filter(pk=delivery.pk).update(**facts)
    return Delivery.objects.get(pk=delivery.pk)


def decide(delivery, verdict, actor) -> Delivery:
    return services.decide_unknown(delivery=delivery, verdict=verdict, actor=actor, now=NOON)


@pytest.mark.parametrize(
    ("verdict", "state", "reason"),
    [("sent", "confirmed", "confirmed_by_person"), ("not_sent", "failed", "not_sent"), ("again", "planned", "again")],
)
def test_one_word_settles_it_and_the_same_word_again_changes_nothing(doubtful, owner, verdict, state, reason) -> None:
    for _ in range(2):
        row = decide(doubtful, verdict, owner.actor)
        assert (row.state, row.reason) == (state, reason)

    entry = AuditEntry.objects.get(target_kind="messaging.delivery")
    assert (entry.verb, entry.actor_id) == (f"delivery.{verdict}", owner.user.pk)
    assert (entry.before["state"], entry.after["state"]) == ("unknown", state)


def test_another_word_after_the_first_is_refused(doubtful, owner, fresh) -> None:
    decide(doubtful, "sent", owner.actor)

    with pytest.raises(NotUnknown):
        decide(doubtful, "again", owner.actor)

    assert fresh(doubtful).state == "confirmed"
    assert AuditEntry.objects.filter(target_kind="messaging.delivery").count() == 1


def test_again_goes_out_although_the_cut_off_has_passed(doubtful, owner, deliver, fresh) -> None:
    decide(doubtful, "again", owner.actor)
    deliver(NOON + timedelta(hours=1))
    assert (fresh(doubtful).state, fresh(doubtful).attempt_count) == ("accepted", 2)


@pytest.mark.parametrize("state", ["planned", "sending", "accepted", "expired", "cancelled"])
def test_nothing_is_decided_about_what_is_not_in_doubt(doubtful, owner, fresh, state) -> None:
    Delivery.objects.filter(pk=doubtful.pk).update(state=state)
    for verdict in services.VERDICTS:
        with pytest.raises(NotUnknown):
            decide(doubtful, verdict, owner.actor)
    assert fresh(doubtful).state == state
    assert not AuditEntry.objects.filter(target_kind="messaging.delivery").exists()


def test_a_parked_delivery_gets_all_its_tries_again(httpserver, hook, plan, deliver, fresh, owner) -> None:
    httpserver.expect_request("/hook").respond_with_data("busy", status=503)
    delivery = plan(hook)
    Delivery.objects.filter(pk=delivery.pk).update(state="failed", reason="gave_up", attempt_count=7)

    services.requeue_failed(delivery=delivery, actor=owner.actor, now=NOON)
    deliver()

    row = fresh(delivery)
    assert (row.state, row.attempt_count, row.attempt_limit) == ("planned", 8, 14)
    assert row.next_try_at - NOON < timedelta(seconds=10)


def test_only_failed_deliveries_are_queued_again(doubtful, owner, plan, room, fresh) -> None:
    failed = plan(room)
    Delivery.objects.filter(pk=failed.pk).update(state="failed", reason="refused")

    with pytest.raises(NotFailed):
        services.requeue_failed(delivery=doubtful, actor=owner.actor, now=NOON)
    rows = Delivery.objects.all()
    assert services.requeue_all_failed(deliveries=rows, actor=owner.actor, now=NOON) == 1

    assert (fresh(doubtful).state, fresh(failed).state) == ("unknown", "planned")


# --- one that is being retried ---------------------------------------------------------------------------

LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def retried(plan, room) -> Delivery:
    delivery = plan(room)
    facts = {"reason": "retrying", "attempt_count": 4, "next_try_at": LATER}
    Delivery.objects.filter(pk=delivery.pk).update(**facts)
    return Delivery.objects.get(pk=delivery.pk)


def test_a_retried_delivery_is_tried_at_once(retried, owner, deliver, fresh) -> None:
    deliver()
    assert fresh(retried).state == "planned"

    for _ in range(2):
        services.try_now(delivery=retried, actor=owner.actor, now=NOON)
    entry = AuditEntry.objects.get(verb="delivery.tried_now")
    assert (entry.actor_id, fresh(retried).next_try_at) == (owner.user.pk, NOON)

    deliver()
    assert (fresh(retried).state, fresh(retried).attempt_count) == ("accepted", 5)


@pytest.mark.parametrize(
    "facts", [{"reason": ""}, {"state": "failed"}, {"state": "sending"}, {"state": "cancelled"}, {"due_at": LATER}]
)
def test_only_what_is_being_retried_is_tried_at_once(retried, owner, fresh, facts) -> None:
    Delivery.objects.filter(pk=retried.pk).update(**facts)
    with pytest.raises(InvalidTransition):
        services.try_now(delivery=retried, actor=owner.actor, now=NOON)
    assert fresh(retried).next_try_at == LATER
    assert not AuditEntry.objects.filter(verb="delivery.tried_now").exists()


def test_one_delivery_is_cancelled_and_its_neighbour_is_not(retried, plan, room, owner, deliver, fresh) -> None:
    other = plan(room, origin_id=retried.origin_id, target_id=8)
    for _ in range(2):
        row = services.cancel_delivery(delivery=retried, actor=owner.actor, now=NOON)
        assert (row.state, row.reason) == ("cancelled", "cancelled_by_person")
    assert AuditEntry.objects.get(verb="delivery.cancelled").target_id == str(retried.pk)
    deliver(LATER)
    assert (fresh(retried).state, fresh(other).state) == ("cancelled", "accepted")


@pytest.mark.parametrize("state", ["sending", "accepted", "failed", "expired", "unknown", "cancelled"])
def test_what_has_gone_out_or_ended_is_not_cancelled(retried, owner, fresh, state) -> None:
    Delivery.objects.filter(pk=retried.pk).update(state=state)
    with pytest.raises(InvalidTransition):
        services.cancel_delivery(delivery=retried, actor=owner.actor, now=NOON)
    assert (fresh(retried).state, fresh(retried).reason) == (state, "retrying")
    assert not AuditEntry.objects.filter(verb="delivery.cancelled").exists()
