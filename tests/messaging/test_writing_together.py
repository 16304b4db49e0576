"""Starts and ends of several calls, written in one go."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import DataError, OperationalError, connection, transaction

from community_ops.common import dbtime
from messaging.models import Attempt, Delivery, Endpoint, SendSlot
from messaging.platforms.base import Outcome, Result
from messaging.ports import PAUSED, Verdict
from messaging.services import claiming, recording, sending, statements
from messaging.services.recording import End, Start
from messaging.services.sending import Ready, record_all, write_all
from tests.moments import NOON
from tests.races import at_once

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
OK = Result(Outcome.ACCEPTED, "200", "", 200)
LATER = Result(Outcome.RETRY, "503", "HTTP 503", 503)


@pytest.fixture
def held(plan: Callable[..., Delivery], room: Endpoint) -> list[Delivery]:
    """Four rows in the hand of worker `a`."""
    for _ in range(4):
        plan(room)
    return claiming.claim(owner="a", limit=4, until=NOON + SECOND, db_now=dbtime.now())


def start(row: Delivery, owner: str = "a") -> Start:
    row.sent_text = f"text {row.pk}"
    return Start(row, owner, NOON, dbtime.now())


def end(row: Delivery, result: Result = OK, owner: str = "a") -> End:
    return End(row, owner, result, NOON, NOON + SECOND, limits={})


def ready(row: Delivery) -> Ready:
    found = sending.look(row, owner="a", now=lambda: NOON)
    assert found is not None
    return found


def states() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


def test_each_row_starts_with_its_own_text_and_only_while_it_is_ours(held) -> None:
    Delivery.objects.filter(pk=held[1].pk).update(state="cancelled")
    Delivery.objects.filter(pk=held[2].pk).update(lease_owner="b")

    assert recording.begin_all([start(row) for row in held]) == [True, False, False, True]

    assert states() == ["sending", "cancelled", "planned", "sending"]
    rows = Delivery.objects.filter(state="sending").order_by("pk")
    assert [(row.sent_text, row.attempt_count, row.sending_at) for row in rows] == [
        (f"text {held[0].pk}", 1, NOON),
        (f"text {held[3].pk}", 1, NOON),
    ]


@pytest.mark.parametrize("has_end", [False, True], ids=["starts alone", "with an end"])
def test_of_a_row_that_is_twice_in_hand_one_call_begins(held, has_end) -> None:
    """Its lease ran out while it waited in the hand, and the same worker took it again."""
    recording.begin_all([start(held[0])])
    Delivery.objects.filter(pk=held[1].pk).update(lease_until=dbtime.now() - SECOND)
    (again,) = claiming.claim(owner="a", limit=4, until=NOON + SECOND, db_now=dbtime.now())
    assert again.pk == held[1].pk
    ends = [end(held[0])] if has_end else []

    _, begun = recording.write(ends, [start(held[1]), start(again), start(held[2])])

    assert begun == [True, False, True]
    assert Delivery.objects.get(pk=again.pk).attempt_count == 1


def test_each_end_is_recorded_with_its_attempt_unless_the_reaper_was_there(held) -> None:
    recording.begin_all([start(row) for row in held])
    Delivery.objects.filter(pk=held[3].pk).update(state="unknown")

    done = recording.finish_all([end(held[0]), end(held[1]), end(held[2], LATER), end(held[3])])

    assert done == [True, True, True, False]
    assert states() == ["accepted", "accepted", "planned", "unknown"]
    found = Attempt.objects.order_by("delivery_id").values_list("delivery_id", "outcome", "http_status", "latency_ms")
    assert list(found) == [
        (held[0].pk, "accepted", 200, 1000),
        (held[1].pk, "accepted", 200, 1000),
        (held[2].pk, "retry", 503, 1000),
    ]


def test_an_end_too_fast_cools_its_account_among_others(held) -> None:
    recording.begin_all([start(row) for row in held[:2]])
    too_fast = Result(Outcome.RETRY, "429", "HTTP 429", 429, is_too_fast=True)

    assert recording.finish_all([end(held[0]), end(held[1], too_fast)]) == [True, True]

    assert states()[:2] == ["accepted", "planned"]
    assert not SendSlot.objects.filter(ended_at__isnull=True).exists()


def test_ends_and_starts_are_written_in_one_go(held) -> None:
    recording.begin_all([start(row) for row in held[:2]])
    first, second = ready(held[2]), ready(held[3])

    assert write_all([end(held[0]), end(held[1])], [first, second]) == (2, [first, second])

    assert states() == ["accepted", "accepted", "sending", "sending"]


def test_what_its_guard_refuses_does_not_start(held, guard) -> None:
    guard.verdict = PAUSED

    assert write_all([], [ready(held[0]), ready(held[1])]) == (0, [])

    assert guard.asked_count == 2
    rows = Delivery.objects.order_by("pk")[:2]
    assert [(row.state, row.reason, row.lease_owner) for row in rows] == [("planned", "paused", "")] * 2


def test_the_guards_word_comes_before_any_other_reason(plan, deliver, fresh, room, guard) -> None:
    delivery = plan(room)
    Endpoint.objects.filter(pk=room.pk).update(archived_at=NOON)
    guard.verdict = Verdict(allowed=False, reason="sale_over")

    deliver()

    assert (fresh(delivery).state, fresh(delivery).reason) == ("cancelled", "sale_over")


def test_a_database_that_is_away_for_a_moment_loses_no_answer(held, monkeypatch) -> None:
    recording.begin_all([start(row) for row in held[:3]])
    away = iter([True, False, True, True, False, False])  # the first answer is recorded late, the third later
    finish = recording.finish

    def failing(one: End) -> bool:
        if next(away):
            raise OperationalError("the database is away")
        return finish(one)

    monkeypatch.setattr(sending, "RECORD_PAUSES_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(sending.connection, "close", lambda: None)
    monkeypatch.setattr(recording, "finish", failing)

    assert record_all([end(row) for row in held[:3]]) == 3

    assert states() == ["accepted", "accepted", "accepted", "planned"]


def test_one_answer_that_cannot_be_recorded_spoils_no_other(held, monkeypatch) -> None:
    recording.begin_all([start(row) for row in held[:2]])
    finish = recording.finish

    def failing(one: End) -> bool:
        if one.delivery.pk == held[0].pk:
            raise DataError("not a text for this column")
        return finish(one)

    monkeypatch.setattr(recording, "finish", failing)

    assert record_all([end(row) for row in held[:2]]) == 1

    assert states()[:2] == ["sending", "accepted"]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_holds_is_waited_for_alone(held) -> None:
    """Nobody waits for a locked row with others in hand: two who write several could wait for each other."""
    with transaction.atomic():
        Delivery.objects.select_for_update().get(pk=held[0].pk)
        begun = at_once(
            [lambda: statements.update_each(Delivery, [recording._beginning(start(row)) for row in held[:3]])]
        )
    assert begun == [{held[1].pk, held[2].pk}]
    assert recording.begin_all([start(held[0]), start(held[3])]) == [True, True]
    assert connection.vendor == "postgresql"
