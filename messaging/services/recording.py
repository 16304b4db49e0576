"""The two writes of every call, its start and its end; and what becomes of calls whose end nobody recorded.

Every change is one conditional update, so a worker that lost its row changes nothing. Leases are in
the database's time. Several threads' starts and ends are one statement on PostgreSQL (ADR-0013).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from community_ops.common import dbtime
from messaging.models import Attempt, AttemptOutcome, Delivery, DeliveryState
from messaging.platforms.base import Outcome, Result
from messaging.policies import (
    MORE_PARTS,
    TOO_FAST_COUNT,
    Next,
    after_call,
    after_lost_call,
    too_fast_for_long,
    with_doubt,
)
from messaging.services import resting
from messaging.services.claiming import held
from messaging.services.ends import tell_ended, telling
from messaging.services.limits import Limits, end_slots, take_slots
from messaging.services.statements import (
    Change,
    insert,
    update_each,
    update_each_then_insert,
    update_then_insert,
    update_two,
    update_where,
)

# Longer than one call (5 s) and its recording; with the reaper's 5 s this makes "unknown within 45 s".
SEND_LEASE = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Start:
    """A call that may start: the row in hand as its owner read it, with the text and the parts it will have."""

    delivery: Delivery
    owner: str
    now: datetime
    db_now: datetime


def begin(start: Start) -> bool:
    """Mark the start of a call, with its text. False when the row was moved, cancelled or taken by another worker."""
    return update_where(Delivery, *_beginning(start)) == 1


def begin_all(starts: Sequence[Start]) -> list[bool]:
    """`begin` for several, in one statement where the database can. Of two of the same row the first may begin."""
    if len(starts) < 2 or connection.vendor != "postgresql":
        return [begin(start) for start in starts]
    firsts = _firsts(starts)
    return _begun(starts, firsts, update_each(Delivery, [_beginning(start) for start in firsts.values()]))


def _firsts(starts: Sequence[Start]) -> dict[int, Start]:
    """By row. One that was long in hand may be there twice: its lease ran out and it was taken again."""
    found: dict[int, Start] = {}
    for start in starts:
        found.setdefault(start.delivery.pk, start)
    return found


def _begun(starts: Sequence[Start], firsts: dict[int, Start], begun: set[int]) -> list[bool]:
    """A row that somebody had locked just then, or that came twice, says by itself whether it is still ours."""
    return [(start is firsts[start.delivery.pk] and start.delivery.pk in begun) or begin(start) for start in starts]


def _beginning(start: Start) -> Change:
    delivery = start.delivery
    started = {
        "state": DeliveryState.SENDING.value,
        "reason": "",
        "attempt_count": delivery.attempt_count + 1,
        "sending_at": start.now,
        "sent_text": delivery.sent_text,
        "part_count": delivery.part_count,
        "lease_until": start.db_now + SEND_LEASE,
        "updated_at": start.now,
    }
    return held(delivery, start.owner) | {"next_try_at__lte": start.now}, started


def begin_within(start: Start, limits: Limits) -> bool | datetime:
    """As `begin`, with a slot of every budget the call counts against, in one transaction.

    A datetime (database time) when there is no slot yet: nothing is written, the row waits until then.
    Windows want the database's clock itself, for a worker's copy of it (`start.db_now`, for the lease) is some
    milliseconds behind, and each worker's by others.
    """
    delivery = start.delivery
    with transaction.atomic():
        taken = take_slots(limits, workspace_id=delivery.workspace_id, delivery=delivery, db_now=dbtime.now())
        if isinstance(taken, datetime):
            return taken
        if begin(start):
            return True
        transaction.set_rollback(True)
        return False


def write(ends: Sequence["End"], starts: Sequence[Start]) -> tuple[list[bool], list[bool]]:
    """`finish_all` and `begin_all`; in one statement where the database can and all ends are alike."""
    endings = [_ending(end) for end in ends if is_plain(end)]
    is_alike = len({tuple(change[1]) for change, _ in endings}) == 1 and len(endings) == len(ends)
    if not (starts and is_alike and connection.vendor == "postgresql"):
        return finish_all(ends), begin_all(starts)
    changes, attempts = zip(*endings, strict=True)
    firsts = _firsts(starts)
    with telling(zip((end.delivery for end in ends), map(_state, changes), strict=True), now=ends[0].now) as tell:
        done, begun = update_two(Delivery, changes, Attempt, attempts, [_beginning(start) for start in firsts.values()])
        tell(done)
    return [end.delivery.pk in done or finish(end) for end in ends], _begun(starts, firsts, begun)


@dataclass(frozen=True, slots=True)
class End:
    """The answer to a call that `begin` started."""

    delivery: Delivery
    owner: str
    result: Result
    started_at: datetime
    now: datetime
    limits: Limits


def is_plain(end: End) -> bool:
    """Whether the answer concerns this delivery alone: no limit's slot ends with it, and no other call waits for it."""
    return not (end.limits or resting.is_heeded(end.delivery.endpoint, end.result))


def finish(end: End) -> bool:
    """Record the answer to the call that `begin` started, and the attempt; its slots begin to run out.

    Refused because of the pace: the whole account waits, and the try is given back. Accepted, and another part is
    left: planned again for at once, and the try is given back too.

    False, and nothing written, when the row is no longer this worker's: the reaper was there first.
    """
    change, attempt = _ending(end)
    with telling([(end.delivery, _state(change))], now=end.now) as tell:
        if not _finished(end, change, attempt):
            return False
        tell([end.delivery.pk])
    return True


def _finished(end: End, change: Change, attempt: dict[str, Any]) -> bool:
    if is_plain(end):
        return update_then_insert(Delivery, *change, Attempt, attempt)
    with transaction.atomic():
        if not update_then_insert(Delivery, *change, Attempt, attempt):
            return False
        _settle_slots(end)
    return True


def _state(change: Change) -> str:
    """Which one the row has afterwards."""
    return str(change[1]["state"])


def finish_all(ends: Sequence[End]) -> list[bool]:
    """`finish` for several; those that end alike and keep to no limit in one statement where the database can."""
    done = _finished_together(ends) if len(ends) > 1 and connection.vendor == "postgresql" else set()
    return [end.delivery.pk in done or finish(end) for end in ends]


def _finished_together(ends: Sequence[End]) -> set[int]:
    alike: dict[tuple[str, ...], list[tuple[Delivery, Change, dict[str, Any]]]] = defaultdict(list)
    for end in ends:
        if is_plain(end):
            change, attempt = _ending(end)
            alike[tuple(change[1])].append((end.delivery, change, attempt))
    done: set[int] = set()
    for found in alike.values():
        if len(found) > 1:
            rows, changes, attempts = zip(*found, strict=True)
            with telling(zip(rows, map(_state, changes), strict=True), now=ends[0].now) as tell:
                together = update_each_then_insert(Delivery, changes, Attempt, attempts)
                tell(together)
            done |= together
    return done


def _ending(end: End) -> tuple[Change, dict[str, Any]]:
    """What changes in the row of a call that is over, and the attempt it leaves."""
    delivery, result, now = end.delivery, end.result, end.now
    number = delivery.attempt_count + 1
    then = after_call(
        result,
        number=number,
        limit=delivery.attempt_limit,
        latest_at=_cut_off(delivery),
        drops_repeats=bool(delivery.endpoint and delivery.endpoint.drops_repeats),
        now=now,
        parts_left=delivery.part_count - delivery.parts_sent - 1,
        is_too_fast_for_long=result.is_too_fast and _is_too_fast_for_long(delivery, now),
    )
    then = with_doubt(then, may_have_arrived=delivery.may_have_arrived or result.outcome is Outcome.IN_DOUBT)
    facts = _facts(then, now) | {
        "platform_code": _storable(result.code, 40),
        "platform_text": _storable(result.text, 500),
        "platform_message_id": _storable(result.message_id, 100),
    }
    if result.outcome is Outcome.ACCEPTED and delivery.part_count > 1:
        facts["parts_sent"] = delivery.parts_sent + 1
    if then.state is DeliveryState.PLANNED and (result.is_too_fast or then.reason == MORE_PARTS):
        facts["attempt_limit"] = delivery.attempt_limit + 1
        facts["too_fast_since"] = (delivery.too_fast_since or now) if result.is_too_fast else None
    mine = {
        "id": delivery.pk,
        "state": DeliveryState.SENDING.value,
        "lease_owner": end.owner,
        "attempt_count": number,
    }
    outcome = AttemptOutcome(result.outcome.value)
    attempt = _attempt(delivery, number, outcome, result=result, started_at=end.started_at, now=now)
    return (mine, facts), attempt


def _cut_off(delivery: Delivery) -> datetime | None:
    """After which no further try is made; what has begun is brought to its end, however late (ADR-0009)."""
    return None if delivery.parts_sent else delivery.latest_at


def _is_too_fast_for_long(delivery: Delivery, now: datetime) -> bool:
    """Its attempts are only counted where there may be too many."""
    since, count = delivery.too_fast_since, 0
    if since is not None and delivery.attempt_count + 1 >= TOO_FAST_COUNT:
        tried = Attempt.objects.of(delivery.workspace_id).filter(delivery=delivery, finished_at__gte=since)
        count = tried.filter(outcome=AttemptOutcome.RETRY).count()
    return too_fast_for_long(since, count=count + 1, now=now)


def _settle_slots(end: End) -> None:
    db_now = dbtime.now()  # after the call's end, by the one clock all workers share
    end_slots(delivery_id=end.delivery.pk, db_now=db_now)
    if end.delivery.endpoint is not None:
        resting.heed(end.delivery.endpoint, end.result, db_now=db_now, now=end.now)


def _facts(then: Next, now: datetime) -> dict[str, Any]:
    facts: dict[str, Any] = {"state": then.state.value, "reason": then.reason, "updated_at": now}
    facts |= {"lease_owner": "", "lease_until": None, "may_have_arrived": then.may_have_arrived}
    if then.state is DeliveryState.ACCEPTED:
        facts["accepted_at"] = now
    if then.next_try_at is not None:
        facts["next_try_at"] = then.next_try_at
    return facts


def _note(
    delivery: Delivery, number: int, outcome: AttemptOutcome, *, result: Result, started_at: datetime, now: datetime
) -> None:
    insert(Attempt, _attempt(delivery, number, outcome, result=result, started_at=started_at, now=now))


def _attempt(
    delivery: Delivery, number: int, outcome: AttemptOutcome, *, result: Result, started_at: datetime, now: datetime
) -> dict[str, Any]:
    return {
        "workspace": delivery.workspace_id,
        "delivery": delivery.pk,
        "number": number,
        "part": delivery.parts_sent + 1,
        "part_count": max(delivery.part_count, delivery.parts_sent + 1),
        "started_at": started_at,
        "finished_at": now,
        "latency_ms": max(0, int((now - started_at).total_seconds() * 1000)),
        "outcome": outcome.value,
        "http_status": result.http_status,
        "platform_code": _storable(result.code, 40),
        "platform_text": _storable(result.text, 500),
        "created_at": now,
        "updated_at": now,
    }


def _storable(text: str, length: int) -> str:
    """What a platform says, as any database can keep it: no NUL, no half sign, not too long."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")[:length]


@transaction.atomic
def put_off(delivery: Delivery, *, owner: str, result: Result, now: datetime) -> bool:
    """Record that a delivery failed before its call (our own fault): later, or `failed` after the last try."""
    number = delivery.attempt_count + 1
    then = after_call(
        result,
        number=number,
        limit=delivery.attempt_limit,
        latest_at=_cut_off(delivery),
        drops_repeats=False,
        now=now,
    )
    then = with_doubt(then, may_have_arrived=delivery.may_have_arrived)
    if not update_where(Delivery, held(delivery, owner), {"attempt_count": number, **_facts(then, now)}):
        return False
    _note(delivery, number, AttemptOutcome.NOT_CALLED, result=result, started_at=now, now=now)
    tell_ended(delivery.workspace_id, then.state, [delivery.pk], now=now)
    return True


def reap(*, db_now: datetime, now: datetime, limit: int = 500) -> int:
    """Settle calls whose worker went silent: `unknown`, or planned again where the receiver drops repeats."""
    rows = Delivery.objects.filter(state=DeliveryState.SENDING, lease_until__lt=db_now).select_related("endpoint")
    return sum(_reap(row, db_now=db_now, now=now) for row in rows.order_by("lease_until")[:limit])


@transaction.atomic
def _reap(delivery: Delivery, *, db_now: datetime, now: datetime) -> int:
    then = after_lost_call(
        number=delivery.attempt_count,
        limit=delivery.attempt_limit,
        latest_at=_cut_off(delivery),
        drops_repeats=bool(delivery.endpoint and delivery.endpoint.drops_repeats),
        now=now,
    )
    then = with_doubt(then, may_have_arrived=True)
    stuck = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.SENDING, lease_until__lt=db_now)
    facts = _facts(then, now) | {"platform_code": "", "platform_text": ""}  # those of an earlier call say nothing now
    if not stuck.filter(attempt_count=delivery.attempt_count).update(**facts):
        return 0
    end_slots(delivery_id=delivery.pk, db_now=db_now)
    number, started_at = delivery.attempt_count, delivery.sending_at or now
    lost = Result(Outcome.IN_DOUBT)
    _note(delivery, number, AttemptOutcome.LOST, result=lost, started_at=started_at, now=now)
    tell_ended(delivery.workspace_id, then.state, [delivery.pk], now=now)
    return 1
