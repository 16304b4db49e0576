"""The row is the queue: taking calls in hand, recording their ends, finding those whose worker died.

Every change is one conditional update. Leases are in the database's time, what is due is in the product's. At most
two calls of a subscription run at once, over all workers: its row is the lock while they are counted.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from community_ops.common.actors import Actor
from community_ops.common.turns import unlocked
from messaging.services.webhooks.subscriptions import switch_off
from messaging.webhook_models import CallState, OffReason, TryOutcome, WebhookCall, WebhookSubscription, WebhookTry
from messaging.webhook_policies import TRIED_FOR, after_try

AT_ONCE = 2  # calls of one subscription
CALLS_A_FREE_THREAD = 2  # of one workspace: it starts another only while it has fewer running than twice the free ones
NO_CALLS: Mapping[int, int] = MappingProxyType({})
LEASE = timedelta(seconds=15)  # longer than one call (5 s) and its recording
_ACTOR = Actor.system("messaging.call_webhooks")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a try ended. `wish_seconds`: the receiver's `Retry-After`."""

    outcome: TryOutcome
    http_status: int | None = None
    text: str = ""
    latency_ms: int = 0
    wish_seconds: float | None = None


def anything_to_do(*, now: datetime, db_now: datetime) -> bool:
    """Whether a call is due or lost; asked first, because an idle tick must not lock anything."""
    return _pending().filter(_is_free(now) | _is_lost(db_now), subscription__is_on=True).exists()


def claim(
    *, owner: str, limit: int, now: datetime, db_now: datetime, calls_of: Mapping[int, int] = NO_CALLS
) -> list[WebhookCall]:
    """Take up to `limit` due calls in hand, each to be made at once; those with the fewest running come first.

    `limit`: free threads of the run; `calls_of`: how many of its calls run now, by workspace. A workspace gets another
    one only while it has fewer than twice the free threads: the silent receivers of one leave room for the others.
    Where many wait, who comes first is drawn by lot, so that a backlog of one does not hold up the others.
    """
    with transaction.atomic():
        rows = [
            row
            for subscription_id, room in _rooms(limit, now, db_now, calls_of)
            for row in _pending()
            .filter(_is_free(now), subscription_id=subscription_id)
            .order_by("next_try_at", "id")[:room]
        ]
        return [row for row in _in_turn(rows, limit, calls_of) if _take(row, owner=owner, now=now, db_now=db_now)]


def _in_turn(rows: Sequence[WebhookCall], limit: int, calls_of: Mapping[int, int]) -> list[WebhookCall]:
    """Which of these are started: one by one that of the workspace with the fewest running calls, while it may."""
    calls, left = Counter(calls_of), list(rows)
    chosen: list[WebhookCall] = []
    while free := limit - len(chosen):
        may_start = [row for row in left if calls[row.workspace_id] < CALLS_A_FREE_THREAD * free]
        if not may_start:
            break
        row = min(may_start, key=lambda one: calls[one.workspace_id])
        chosen.append(row)
        left.remove(row)
        calls[row.workspace_id] += 1
    return chosen


def _rooms(limit: int, now: datetime, db_now: datetime, calls_of: Mapping[int, int]) -> list[tuple[int, int]]:
    """(subscription, how many more of its calls may run), locked until this transaction ends."""
    due = _pending().filter(_is_free(now), subscription=OuterRef("pk"))
    live = WebhookSubscription.objects.filter(is_on=True, archived_at__isnull=True)
    waiting = list(live.filter(Exists(due)).values_list("pk", "workspace_id"))
    running = _running(db_now)
    drawn = [one for one in random.sample(waiting, len(waiting)) if running[one[0]] < AT_ONCE]
    chosen = _by_turns(sorted(drawn, key=lambda one: running[one[0]]), calls_of)[:limit]
    locked = list(
        unlocked(WebhookSubscription.objects.filter(pk__in=chosen), is_key_free=True).values_list("pk", flat=True)
    )
    running = _running(db_now)  # anew: before the lock another worker may have taken some
    rooms = [(pk, AT_ONCE - running[pk]) for pk in chosen if pk in locked]
    return [(pk, room) for pk, room in rooms if room > 0]


def _by_turns(subscriptions: Sequence[tuple[int, int]], calls_of: Mapping[int, int]) -> list[int]:
    """Those of (subscription, workspace) in this order, but one of each workspace after the other, the least busy
    workspace first: what is cut off then is of those that have many."""
    turns = Counter(calls_of)
    ranked: list[tuple[int, int]] = []
    for pk, workspace_id in subscriptions:
        ranked.append((turns[workspace_id], pk))
        turns[workspace_id] += 1
    return [pk for _turn, pk in sorted(ranked, key=lambda one: one[0])]


def _running(db_now: datetime) -> Counter[int]:
    return Counter(_pending().filter(lease_until__gte=db_now).values_list("subscription_id", flat=True))


def _pending() -> QuerySet[WebhookCall]:
    return WebhookCall.objects.filter(state=CallState.PENDING)


def _is_free(now: datetime) -> Q:
    return Q(next_try_at__lte=now, lease_owner="")


def _is_lost(db_now: datetime) -> Q:
    return Q(lease_until__lt=db_now) & ~Q(lease_owner="")


def _take(row: WebhookCall, *, owner: str, now: datetime, db_now: datetime) -> bool:
    """Mark the start of a try; `row` then says so too."""
    free = _pending().filter(pk=row.pk, attempt_count=row.attempt_count, lease_owner="")
    row.attempt_count, row.lease_owner, row.started_at = row.attempt_count + 1, owner, now
    row.first_try_at = row.first_try_at or now
    return bool(
        free.update(
            attempt_count=row.attempt_count,
            first_try_at=row.first_try_at,
            started_at=now,
            lease_owner=owner,
            lease_until=db_now + LEASE,
            updated_at=now,
        )
    )


@transaction.atomic
def finish(row: WebhookCall, ended: Ended, *, now: datetime) -> bool:
    """Record how the try that `claim` started ended, and what follows from it.

    False, and nothing written, when the row is no longer in this hand. The subscription is locked before the call,
    as where it is switched off: never the other way round.
    """
    list(WebhookSubscription.objects.select_for_update(no_key=True).filter(pk=row.subscription_id).values_list("pk"))
    mine = WebhookCall.objects.filter(pk=row.pk, lease_owner=row.lease_owner, attempt_count=row.attempt_count)
    if not mine.update(lease_owner="", lease_until=None, updated_at=now):
        return False
    _settle(row, ended, now=now)
    return True


def settle_lost(*, db_now: datetime, now: datetime, limit: int = 200) -> int:
    """Plan calls anew whose worker ended before the answer was written down: they may arrive twice."""
    lost = list(_pending().filter(_is_lost(db_now)).order_by("lease_until")[:limit])
    return sum(finish(row, Ended(TryOutcome.LOST), now=now) for row in lost)


def _settle(row: WebhookCall, ended: Ended, *, now: datetime) -> None:
    then = after_try(
        ended.outcome,
        number=row.attempt_count - row.earlier_count,
        first_try_at=row.first_try_at or now,
        now=now,
        wish_seconds=ended.wish_seconds,
        lot=random.random(),  # noqa: S311 - spreads load, guards nothing
    )
    this, facts = WebhookCall.objects.filter(pk=row.pk), {"state": then.state, "next_try_at": then.at or now}
    if then.state is CallState.DONE:
        this.update(**facts, done_at=now)
    else:  # given up meanwhile, because its subscription was switched off, it stays so
        this.filter(state=CallState.PENDING).update(**facts)
    _note(row, ended, now=now)
    _tell_subscription(row, ended.outcome, now=now)


def _note(row: WebhookCall, ended: Ended, *, now: datetime) -> None:
    WebhookTry.objects.create(
        workspace_id=row.workspace_id,
        call=row,
        number=row.attempt_count,
        at=row.started_at or now,
        latency_ms=ended.latency_ms,
        http_status=ended.http_status,
        outcome=ended.outcome,
        text=ended.text.replace("\x00", "")[:200],
    )


def _tell_subscription(row: WebhookCall, outcome: TryOutcome, *, now: datetime) -> None:
    """Whether anything gets through; it is switched off when the receiver is gone or nothing did for three days."""
    rows = WebhookSubscription.objects.filter(pk=row.subscription_id)
    if outcome is TryOutcome.DONE:
        rows.filter(failing_since__isnull=False).update(failing_since=None, updated_at=now)
        return
    rows.filter(failing_since__isnull=True).update(failing_since=now, updated_at=now)
    reason = OffReason.GONE if outcome is TryOutcome.GONE else OffReason.FAILING
    ill: Any = rows if outcome is TryOutcome.GONE else rows.filter(failing_since__lte=now - TRIED_FOR)
    if (subscription := ill.defer("secret").first()) is not None:
        switch_off(subscription=subscription, reason=reason, actor=_ACTOR, now=now)
