"""A person's word about a doubt is taken back: within ten minutes, and only while nothing followed from it."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from django.utils import translation

from community_ops.common.errors import InvalidTransition
from community_ops.common.models import AuditEntry, OutboxEvent
from messaging import selectors, services
from messaging.models import Delivery
from messaging.undoing import undo_until
from tests.moments import NOON
from tests.races import at_once

pytestmark = pytest.mark.django_db
SOON, TOO_LATE = NOON + timedelta(minutes=10), NOON + timedelta(minutes=10, seconds=1)
FACTS = ("state", "reason", "parts_sent", "latest_at", "may_have_arrived", "lease_owner")


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def doubtful(plan, room) -> Delivery:
    return in_doubt(plan(room, latest_at=NOON))


def in_doubt(delivery: Delivery, **facts) -> Delivery:
    known = {"state": "unknown", "reason": "worker_lost", "attempt_count": 1, "may_have_arrived": True}
    Delivery.objects.filter(pk=delivery.pk).update(**known | facts)
    return Delivery.objects.get(pk=delivery.pk)


def decide(delivery, verdict, actor, now=NOON) -> Delivery:
    return services.decide_unknown(delivery=delivery, verdict=verdict, actor=actor, now=now)


def undo(delivery, actor, now=SOON) -> Delivery:
    return services.undo_decision(delivery=delivery, actor=actor, now=now)


def facts_of(delivery) -> dict:
    return Delivery.objects.values(*FACTS).get(pk=delivery.pk)


def verbs(delivery) -> list[str]:
    return [entry.verb for entry in selectors.decisions_on(delivery)]


@pytest.mark.parametrize("verdict", services.VERDICTS)
def test_a_word_is_taken_back_once_and_the_doubt_is_as_before(doubtful, owner, verdict) -> None:
    before = facts_of(doubtful)
    decide(doubtful, verdict, owner.actor)

    for _ in range(2):
        assert undo(doubtful, owner.actor).state == "unknown"

    assert facts_of(doubtful) == before
    assert verbs(doubtful) == [f"delivery.{verdict}", "delivery.decision_undone"]
    entry = AuditEntry.objects.get(verb="delivery.decision_undone")
    assert (entry.actor_id, entry.before["verdict"], entry.after["state"]) == (owner.user.pk, verdict, "unknown")
    assert not OutboxEvent.objects.exists()


def test_after_an_undo_another_word_counts_and_can_be_undone_too(doubtful, owner, helper, fresh) -> None:
    decide(doubtful, "sent", owner.actor)
    undo(doubtful, owner.actor)
    assert decide(doubtful, "not_sent", owner.actor, SOON).state == "failed"
    assert undo(doubtful, owner.actor, SOON + timedelta(minutes=10)).state == "unknown"


@pytest.mark.parametrize("verdict", services.VERDICTS)
def test_after_ten_minutes_the_word_stands(doubtful, owner, verdict) -> None:
    decided = decide(doubtful, verdict, owner.actor)
    assert undo_until([decided], now=SOON) == {doubtful.pk: SOON}
    assert undo_until([decided], now=TOO_LATE) == {}

    with pytest.raises(InvalidTransition, match="more than ten minutes ago"):
        undo(doubtful, owner.actor, TOO_LATE)

    assert facts_of(decided)["state"] == decided.state
    assert verbs(doubtful) == [f"delivery.{verdict}"]


def test_what_was_sent_again_cannot_be_undone(doubtful, owner, deliver, fresh) -> None:
    decide(doubtful, "again", owner.actor)
    deliver()

    assert undo_until([fresh(doubtful)], now=NOON) == {}
    with pytest.raises(InvalidTransition, match="It was tried again already; that cannot be undone"):
        undo(doubtful, owner.actor, NOON)

    assert fresh(doubtful).state == "accepted"
    assert verbs(doubtful) == ["delivery.again"]


def test_what_was_sent_again_and_is_in_doubt_once_more_is_not_undone(doubtful, owner) -> None:
    decide(doubtful, "again", owner.actor)
    once_more = in_doubt(doubtful, attempt_count=2, reason="no_answer")
    with pytest.raises(InvalidTransition, match="Nothing was decided"):
        undo(once_more, owner.actor, NOON)
    assert facts_of(once_more)["reason"] == "no_answer"


def test_whose_tries_were_given_back_meanwhile_cannot_be_undone(doubtful, owner, fresh) -> None:
    decide(doubtful, "not_sent", owner.actor)
    services.requeue_failed(delivery=doubtful, actor=owner.actor, now=NOON)

    assert undo_until([fresh(doubtful)], now=NOON) == {}
    with pytest.raises(InvalidTransition, match="It was queued again since then"):
        undo(doubtful, owner.actor, NOON)

    assert fresh(doubtful).state == "planned"
    assert verbs(doubtful) == ["delivery.not_sent", "delivery.requeued"]


def test_what_nobody_decided_about_has_nothing_to_undo(plan, room, owner, doubtful) -> None:
    for delivery in (plan(room), doubtful):
        before = facts_of(delivery)
        with pytest.raises(InvalidTransition, match="Nothing was decided"):
            undo(delivery, owner.actor, NOON)
        assert facts_of(delivery) == before
    assert not AuditEntry.objects.filter(verb="delivery.decision_undone").exists()


def test_a_colleagues_tick_by_hand_is_no_word_about_a_doubt(card, person, owner) -> None:
    services.finish_items(task=card, actor=owner.actor, now=NOON)
    ticked = Delivery.objects.filter(state="confirmed").first()
    assert undo_until([ticked], now=NOON) == {}
    with pytest.raises(InvalidTransition, match="Nothing was decided"):
        undo(ticked, owner.actor, NOON)
    assert facts_of(ticked)["state"] == "confirmed"


# --- a message in several parts --------------------------------------------------------------------------


def test_the_rest_that_a_word_set_off_is_held_again_before_it_begins(small, hook, plan, owner, deliver, fresh) -> None:
    delivery = in_doubt(plan(hook, text="第一句。第二句！第三句？", may_split=True, latest_at=NOON), part_count=2)
    before = facts_of(delivery)
    assert decide(delivery, "sent", owner.actor).parts_sent == 1
    Delivery.objects.update(lease_owner="w", lease_until=NOON, reason="limit")  # in hand, and in line for a limit

    undo(delivery, owner.actor, NOON)
    deliver()

    assert facts_of(delivery) == before
    assert AuditEntry.objects.get(verb="delivery.decision_undone").after["part"] == 1


def test_the_rest_that_is_on_its_way_cannot_be_called_back(
    small, hook, httpserver, plan, owner, deliver, fresh
) -> None:
    httpserver.expect_request("/hook").respond_with_data("ok")
    text = "第一句。第二句！第三句？"
    delivery = in_doubt(plan(hook, text=text, may_split=True), part_count=2, sent_text=text)
    decide(delivery, "sent", owner.actor)
    deliver()

    with pytest.raises(InvalidTransition, match="What follows it is on its way already"):
        undo(delivery, owner.actor, NOON)

    assert (fresh(delivery).state, fresh(delivery).parts_sent) == ("accepted", 2)


def test_a_rest_that_was_called_off_before_is_in_doubt_again(plan, room, owner) -> None:
    delivery = in_doubt(plan(room), part_count=2, reason="in_doubt:cancelled:sale_over")
    before = facts_of(delivery)
    assert decide(delivery, "sent", owner.actor).state == "cancelled"
    undo(delivery, owner.actor, NOON)
    assert facts_of(delivery) == before


# --- at the same moment ----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_one_of_many_undos_at_once_counts(doubtful, owner) -> None:
    decide(doubtful, "sent", owner.actor)
    results = at_once([partial(undo, doubtful, owner.actor)] * 4)
    assert [row.state for row in results] == ["unknown"] * 4
    assert verbs(doubtful) == ["delivery.sent", "delivery.decision_undone"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verdict", ["sent", "not_sent"])
def test_an_undo_and_another_word_at_once_leave_one_story(doubtful, owner, fresh, verdict) -> None:
    decide(doubtful, "not_sent", owner.actor)
    at_once([partial(undo, doubtful, owner.actor), partial(decide, doubtful, verdict, owner.actor, SOON)] * 2)
    left = fresh(doubtful).state
    assert left == {"sent": "confirmed", "not_sent": "failed", "decision_undone": "unknown"}[verbs(doubtful)[-1][9:]]


@pytest.mark.django_db(transaction=True)
def test_an_undo_and_a_requeue_at_once_never_lose_the_doubt(plan, room, owner, fresh) -> None:
    for _ in range(5):
        delivery = in_doubt(plan(room))
        decide(delivery, "not_sent", owner.actor)
        requeue = partial(services.requeue_failed, delivery=delivery, actor=owner.actor, now=NOON)
        results = at_once([partial(undo, delivery, owner.actor, NOON), requeue])
        assert len([one for one in results if isinstance(one, Exception)]) == 1
        last, row = verbs(delivery)[-1], fresh(delivery)
        ended = {"delivery.decision_undone": ("unknown", True), "delivery.requeued": ("planned", False)}
        assert (row.state, row.may_have_arrived) == ended[last]


@pytest.mark.django_db(transaction=True)
def test_a_call_that_begins_at_the_moment_of_the_undo_wins_or_is_never_made(plan, room, owner, deliver, fresh) -> None:
    for _ in range(5):
        delivery = in_doubt(plan(room))
        decide(delivery, "again", owner.actor)
        results = at_once([partial(undo, delivery, owner.actor, NOON), deliver])
        row, is_refused = fresh(delivery), isinstance(results[0], InvalidTransition)
        assert (row.state, row.attempt_count) == (("accepted", 2) if is_refused else ("unknown", 1))
