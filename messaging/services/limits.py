"""Keeping to limits: a call takes a slot of every budget it counts against, or waits for the next free one.

The truth is in the database, for all workers of all machines. A slot counts from the start of its call until
the call has been over for the whole window: the call reached the platform somewhere between its start and its
end, so no window on the platform's clock can hold more than the limit, however slow a call was (ADR-0007).
Nothing is lost by waiting: the row stays `planned` with the time of its place in line.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import Count, DateTimeField, F, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Greatest

from community_ops.common import dbtime
from messaging import line
from messaging.line import GUARD, window_of
from messaging.models import Delivery, DeliveryState, Endpoint, SendBudget, SendLimit, SendSlot
from messaging.platforms import registry
from messaging.platforms.base import Limit, Result, Scope
from messaging.policies import KEY_REFUSALS, KEY_REFUSED, LONGEST_WISH
from messaging.services.books import KEPT_SECONDS, Book

IN_LINE = "limit"  # reason of a planned row that waits for a slot
WAITING = (IN_LINE, KEY_REFUSED)  # reasons of rows that have a place in line
TOO_FAST_SECONDS = 10.0  # how long an account waits when the platform does not say
TEST_LEASE = timedelta(seconds=20)  # no call takes as long (10 s): the process of one that has not ended is gone
Key = tuple[str, int]
Limits = dict[Key, tuple[Limit, ...]]


@dataclass(frozen=True, slots=True)
class Counted:
    """A budget and the limits that hold for it."""

    budget: SendBudget
    limits: tuple[Limit, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What a workspace's rows say of limits: the operator's own by scope and id, and the accounts that cool down.

    `suspected`: identities of accounts whose key was refused the last time; `resting`: those left alone for it.
    """

    own: dict[Key, tuple[Limit, ...]]
    cooling: frozenset[Key]
    suspected: frozenset[int] = frozenset()
    resting: frozenset[int] = frozenset()


def read(workspace_id: int) -> Known:
    """Two queries."""
    own: dict[Key, tuple[Limit, ...]] = {}
    for row in SendLimit.objects.of(workspace_id).order_by("seconds"):
        key = (row.scope, row.scope_id)
        own[key] = (*own.get(key, ()), Limit(row.count, row.seconds, Scope(row.scope)))
    db_now = dbtime.now()
    found = SendBudget.objects.of(workspace_id).filter(Q(cooldown_until__gt=db_now) | Q(refused_count__gt=0))
    budgets = list(found.only("scope", "scope_id", "cooldown_until", "refused_count"))
    hot = [one for one in budgets if one.cooldown_until is not None and one.cooldown_until > db_now]
    return Known(
        own,
        cooling=frozenset((one.scope, one.scope_id) for one in hot),
        suspected=frozenset(one.scope_id for one in budgets if one.refused_count),
        resting=frozenset(one.scope_id for one in hot if one.refused_count >= KEY_REFUSALS),
    )


def limits_of(endpoint: Endpoint, known: Known | None = None) -> Limits:
    """The limits a call of this endpoint counts against, by scope and its id; empty where nothing limits it.

    An operator's own limit stands in the place of the platform's of the same scope and window. An account that
    was told "too fast" is among them until its cooldown is over. Without `known` it is read first.
    """
    known = known or read(endpoint.workspace_id)
    of_platform, found = _platforms_own(endpoint), dict[Key, dict[int, Limit]]()
    if not (of_platform or known.own or known.cooling):
        return {}
    for scope, scope_id in scope_ids(endpoint).items():
        platforms = [one for one in of_platform if one.scope == scope]
        windows = {one.seconds: one for one in (*platforms, *known.own.get((scope, scope_id), ()))}
        if windows or (scope, scope_id) in known.cooling:
            found[scope, scope_id] = windows
    return {key: tuple(found[key][seconds] for seconds in sorted(found[key])) for key in sorted(found)}


def _platforms_own(endpoint: Endpoint) -> tuple[Limit, ...]:
    return registry.get(endpoint.connection.platform).capabilities.limits


def scope_ids(endpoint: Endpoint) -> dict[str, int]:
    """What a call of this endpoint is counted under: the id for each scope. No query: `endpoint` has its connection.

    Not the rows' own ids: the same account may be entered twice, and two topics are one chat (ADR-0016).
    """
    return {
        Scope.CONNECTION.value: endpoint.connection.identity_id,
        Scope.ENDPOINT.value: endpoint.identity_id,
        Scope.WORKSPACE.value: endpoint.workspace_id,
    }


@dataclass(frozen=True, slots=True)
class LimitUse:
    """How much of one limit is used at a moment; `is_own`: chosen by the operator, who may have said why in `note`.

    `platform_count`: the platform's own limit of the same scope and window, where it has one.
    """

    limit: Limit
    used_count: int
    is_own: bool
    note: str = ""
    platform_count: int | None = None

    @property
    def share(self) -> float:
        """How full it is: 1 where the next call has to wait."""
        return self.used_count / self.limit.count

    @property
    def is_above_platform(self) -> bool:
        """Whether the operator chose more than the platform says it takes: allowed, and worth a warning."""
        return self.is_own and self.platform_count is not None and self.limit.count > self.platform_count


def use_of(endpoint: Endpoint, *, db_now: datetime) -> list[LimitUse]:
    """What a call of this endpoint counts against and how much of it is used now. For looking only."""
    return uses_of([endpoint], db_now=db_now)[endpoint.pk]


def uses_of(endpoints: Sequence[Endpoint], *, db_now: datetime) -> dict[int, list[LimitUse]]:
    """The same for many endpoints of one workspace, with their connections, by id. As many queries as for one."""
    if not endpoints:
        return {}
    workspace_id = endpoints[0].workspace_id
    own = {(row.scope, row.scope_id, row.seconds): row.note for row in SendLimit.objects.of(workspace_id)}
    known = read(workspace_id)
    limits = {endpoint.pk: limits_of(endpoint, known) for endpoint in endpoints}
    used = _used_counts(workspace_id, limits.values(), db_now)
    found: dict[int, list[LimitUse]] = {}
    for endpoint in endpoints:
        platforms = {(one.scope.value, one.seconds): one.count for one in _platforms_own(endpoint)}
        found[endpoint.pk] = [
            LimitUse(
                limit,
                used.get((key, limit.seconds), 0),
                is_own=(*key, limit.seconds) in own,
                note=own.get((*key, limit.seconds), ""),
                platform_count=platforms.get((key[0], limit.seconds)),
            )
            for key, its in limits[endpoint.pk].items()
            for limit in its
        ]
    return found


def _used_counts(workspace_id: int, limits: Iterable[Limits], db_now: datetime) -> dict[tuple[Key, int], int]:
    """How many slots of each budget are taken now, by its key and the window in seconds. One query."""
    windows: dict[Key, set[int]] = defaultdict(set)
    for one in limits:
        for key, its in one.items():
            windows[key].update(limit.seconds for limit in its)
    spans = sorted(set[int]().union(*windows.values()))
    if not spans:
        return {}
    ids: dict[str, list[int]] = defaultdict(list)
    for scope, scope_id in windows:
        ids[scope].append(scope_id)
    mine = reduce(or_, (Q(budget__scope=scope, budget__scope_id__in=found) for scope, found in ids.items()))
    still = {
        seconds: Q(ended_at__isnull=True) | Q(ended_at__gt=db_now - timedelta(seconds=seconds * GUARD))
        for seconds in spans
    }
    rows = SendSlot.objects.of(workspace_id).filter(mine, still[spans[-1]]).order_by()
    counts = {f"in_{seconds}": Count("pk", filter=still[seconds]) for seconds in spans}
    counted = rows.values_list("budget__scope", "budget__scope_id").annotate(**counts)
    return {
        ((scope, scope_id), seconds): count
        for scope, scope_id, *found in counted
        for seconds, count in zip(spans, found, strict=True)
    }


def cooling_until(endpoint: Endpoint, *, db_now: datetime) -> datetime | None:
    """Until when nothing goes out here because a platform said "too fast", in database time. One query."""
    mine = Q()
    for scope, scope_id in scope_ids(endpoint).items():
        mine |= Q(scope=scope, scope_id=scope_id)
    hot = SendBudget.objects.of(endpoint.workspace_id).filter(mine, cooldown_until__gt=db_now)
    until: datetime | None = hot.aggregate(until=Max("cooldown_until"))["until"]
    return until


BOOK = Book(read)


def take_slots(
    limits: Limits, *, workspace_id: int, delivery: Delivery | None, db_now: datetime
) -> list[int] | datetime:
    """Take a slot of every budget for a call that starts now, and return their ids.

    A datetime when there is none: nothing is taken, and it is when to try again, in database time: the row's
    place in line. Runs inside the transaction that starts the call; budgets are locked in one order.
    `delivery` None: a call without a row (a test message), which never stands in line.
    """
    counted = _locked(workspace_id, limits)
    waits = [wait for one in counted if (wait := _wait(one, delivery, db_now)) is not None]
    if waits:
        return max(waits)
    slots = SendSlot.objects.bulk_create(
        SendSlot(workspace_id=workspace_id, budget=one.budget, delivery=delivery, started_at=db_now) for one in counted
    )
    return [slot.pk for slot in slots]


def end_slots(*, db_now: datetime, delivery_id: int | None = None, slot_ids: Collection[int] = ()) -> None:
    """The call is over (or its worker is): from now on its slots run out."""
    which = Q(pk__in=slot_ids) if delivery_id is None else Q(delivery_id=delivery_id)
    SendSlot.objects.filter(which, ended_at__isnull=True).update(ended_at=db_now)


def end_lost_tests(*, db_now: datetime) -> int:
    """End the slots of test messages whose process died, or had no database, before it could; returns how many.

    A test has no delivery, so the reaper does not find it. When its call was over nobody knows: before now. So its
    slots count for their windows from now on. One update, over the few open slots.
    """
    lost = SendSlot.objects.filter(delivery__isnull=True, ended_at__isnull=True, started_at__lt=db_now - TEST_LEASE)
    return lost.update(ended_at=db_now)


def cool_down(endpoint: Endpoint, result: Result, *, db_now: datetime) -> None:
    """The platform said "too fast": nothing of what it meant (`cools`) is sent before its own wish is over.

    Of a wish for more than a day a day is kept: then one message asks again, and is parked if it hears the same.
    """
    wish = timedelta(seconds=result.pause_seconds or result.retry_after_seconds or TOO_FAST_SECONDS)
    until = db_now + min(wish, LONGEST_WISH)
    budget = budget_of(endpoint, result.cools)
    later = SendBudget.objects.filter(pk=budget.pk).exclude(cooldown_until__gt=until)
    later.update(cooldown_until=until)
    forget()


def budget_of(endpoint: Endpoint, scope: Scope, *, lock: bool = False) -> SendBudget:
    """The budget of this scope that a call of the endpoint counts against; made where it is missing."""
    return _budgets(endpoint.workspace_id, [(scope.value, scope_ids(endpoint)[scope.value])], lock=lock)[0]


def forget() -> None:
    """What is remembered is read anew, at once and once more when the change is there for everybody to read."""
    BOOK.forget()
    transaction.on_commit(BOOK.forget)


def forget_old_slots(*, db_now: datetime, limit: int = 10_000) -> int:
    """Delete slots that no window of their budget can hold any more; returns how many. For the tick.

    All are kept for the longest window of any platform, those of a budget with a longer own limit for that one.
    At most five queries.
    """
    kept = _kept_longer()
    common = SendSlot.objects.filter(ended_at__lt=_forgotten_before(_platforms_longest(), db_now))
    if kept:
        common = common.filter(budget_id__in=_with_old(kept, db_now))
    old = list(common.values_list("pk", flat=True)[:limit])
    if kept and len(old) < limit:
        old += _old_of(kept, db_now).values_list("pk", flat=True)[: limit - len(old)]
    return SendSlot.objects.filter(pk__in=old).delete()[0] if old else 0


def _kept_longer() -> dict[int, int]:
    """The longest own window of each budget where it is longer than any platform's. One query over the own limits."""
    budget = SendBudget.objects.filter(
        workspace_id=OuterRef("workspace_id"), scope=OuterRef("scope"), scope_id=OuterRef("scope_id")
    )
    longer = SendLimit.objects.filter(seconds__gt=_platforms_longest()).annotate(budget=Subquery(budget.values("pk")))
    return dict(longer.filter(budget__isnull=False).order_by("seconds").values_list("budget", "seconds"))


def _with_old(kept: Collection[int], db_now: datetime) -> list[int]:
    """The other budgets that have something to forget. Each one's oldest slot is looked up in the index: so the many
    that are kept for a month are not read every time."""
    oldest = SendSlot.objects.filter(budget=OuterRef("pk"), ended_at__isnull=False).order_by("ended_at")
    others = SendBudget.objects.exclude(pk__in=kept).annotate(oldest_at=Subquery(oldest.values("ended_at")[:1]))
    old = others.filter(oldest_at__lt=_forgotten_before(_platforms_longest(), db_now))
    return list(old.values_list("pk", flat=True))


def _old_of(kept: dict[int, int], db_now: datetime) -> QuerySet[SendSlot]:
    """What is too old for the own windows of these budgets."""
    budgets: dict[int, list[int]] = defaultdict(list)
    for budget_id, seconds in kept.items():
        budgets[seconds].append(budget_id)
    old = Q()
    for seconds, ids in budgets.items():
        old |= Q(budget_id__in=ids, ended_at__lt=_forgotten_before(seconds, db_now))
    return SendSlot.objects.filter(old)


def _forgotten_before(seconds: int, db_now: datetime) -> datetime:
    return db_now - timedelta(seconds=seconds * GUARD)


def _platforms_longest() -> int:
    adapters = map(registry.get, registry.names())
    return max(1, *(limit.seconds for adapter in adapters for limit in adapter.capabilities.limits))


def heal_queues(*, db_now: datetime) -> int:
    """Take back places in line that nobody holds any more (their rows were cancelled or moved); returns how many."""
    queues = SendBudget.objects.filter(queue_until__gt=db_now).order_by("pk")
    return sum(queues.filter(pk=one.pk).update(queue_until=None) for one in queues if not _has_waiting(one))


def _has_waiting(budget: SendBudget) -> bool:
    return _in_line(budget.workspace_id, (budget.scope, budget.scope_id)).exists()


def _in_line(workspace_id: int, key: Key) -> QuerySet[Delivery]:
    """What waits for a slot and counts against this budget."""
    scope = {
        Scope.CONNECTION: {"endpoint__connection__identity_id": key[1]},
        Scope.ENDPOINT: {"endpoint__identity_id": key[1]},
        Scope.WORKSPACE: {},
    }[Scope(key[0])]
    rows = Delivery.objects.of(workspace_id).filter(state=DeliveryState.PLANNED, reason__in=WAITING)
    return rows.filter(**scope)


def dissolve_line(workspace_id: int, key: Key, *, now: datetime) -> None:
    """A limit of this budget was changed: what waits is tried as soon as every worker knows it and lines up anew, for
    the place it had may be a month away. What a worker has in hand is tried anyway.

    Two queries, in the order in which the engine locks.
    """
    soon = Value(now + timedelta(seconds=2 * KEPT_SECONDS), output_field=DateTimeField())
    SendBudget.objects.of(workspace_id).filter(scope=key[0], scope_id=key[1]).update(queue_until=None)
    rows = _in_line(workspace_id, key).filter(next_try_at__gt=now, lease_owner="")
    rows.update(next_try_at=Greatest("due_at", soon), reason="", updated_at=now)


def _locked(workspace_id: int, limits: Limits) -> list[Counted]:
    budgets = _budgets(workspace_id, sorted(limits), lock=True)
    return [Counted(budget, limits[budget.scope, budget.scope_id]) for budget in budgets]


def _budgets(workspace_id: int, keys: Sequence[Key], *, lock: bool = False) -> list[SendBudget]:
    """The budgets of these keys, made where they are missing."""
    rows = {(row.scope, row.scope_id): row for row in _found(workspace_id, keys, lock=lock)}
    if missing := [key for key in keys if key not in rows]:
        SendBudget.objects.bulk_create(
            [SendBudget(workspace_id=workspace_id, scope=scope, scope_id=scope_id) for scope, scope_id in missing],
            ignore_conflicts=True,
        )
        rows |= {(row.scope, row.scope_id): row for row in _found(workspace_id, missing, lock=lock)}
    return [rows[key] for key in keys]


def _found(workspace_id: int, keys: Iterable[Key], *, lock: bool) -> QuerySet[SendBudget]:
    wanted = list(keys)
    rows = SendBudget.objects.of(workspace_id).filter(
        scope__in={scope for scope, _ in wanted}, scope_id__in={scope_id for _, scope_id in wanted}
    )
    rows = rows.order_by("pk")
    return rows.select_for_update() if lock else rows


def _wait(one: Counted, delivery: Delivery | None, db_now: datetime) -> datetime | None:
    """When this budget lets the row try again; None when it has a slot now."""
    budget = one.budget
    rooms = {limit: _room_at(budget, limit, db_now) for limit in one.limits}
    is_test_of_key = delivery is None and budget.refused_count >= KEY_REFUSALS  # somebody wants to know now
    free_at = max([(None if is_test_of_key else budget.cooldown_until) or db_now, *rooms.values()])
    if delivery is None:
        return free_at if free_at > db_now else None
    has_place = delivery.reason in WAITING
    wait = line.wait(rooms, free_at=free_at, last=budget.queue_until, has_place=has_place, now=db_now)
    if wait is not None and wait.is_place:
        SendBudget.objects.filter(pk=budget.pk).update(queue_until=wait.until)
        budget.queue_until = wait.until
    return wait.until if wait is not None else None


def _room_at(budget: SendBudget, limit: Limit, db_now: datetime) -> datetime:
    """Running calls come first: they have not ended before now. The index `slot_of_budget` has this order."""
    newest = SendSlot.objects.filter(budget=budget).order_by(F("ended_at").desc(nulls_first=True))
    filling = newest.values_list("ended_at", flat=True)[limit.count - 1 : limit.count]
    return max(((ended_at or db_now) + window_of(limit) for ended_at in filling), default=db_now)
