"""What a forecast reads: the ways of a plan, what is used of their limits, and what else is planned over them."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db.models import Count, Q, QuerySet

from community_ops.common import dbtime
from messaging.forecasting import Calls, Card, Key
from messaging.models import (
    Assignee,
    Delivery,
    DeliveryState,
    Endpoint,
    HumanTask,
    LimitScope,
    Platform,
    SendBudget,
    SendSlot,
    TaskState,
)
from messaging.platforms import registry
from messaging.platforms.base import Card as LinkCard
from messaging.platforms.base import Content
from messaging.services import limits
from messaging.services.handing import is_by_hand
from messaging.services.limits import Limits
from messaging.services.planning import PAUSED, PlannedSend

A_DAY = timedelta(days=1)  # what was due that much earlier may wait still
BEHIND = timedelta(minutes=10)  # what is due that much later than the plan still stands in its way
MOST_OTHERS = 20_000  # rows of other plans that are looked at


class Ways:
    """The endpoints of a plan with their limits, and who works behind those that go by hand. At most four queries."""

    def __init__(self, workspace_id: int, sends: Sequence[PlannedSend]) -> None:
        self.workspace_id = workspace_id
        self.endpoints = self._read({send.endpoint_id for send in sends if send.endpoint_id is not None})
        by_hand = [pk for pk, endpoint in self.endpoints.items() if is_by_hand(endpoint)]
        people = Assignee.objects.of(workspace_id).filter(endpoint_id__in=by_hand).select_related("notice_endpoint")
        self.people: dict[int, Assignee] = {person.endpoint_id: person for person in people}
        self.limits: dict[int, Limits] = {pk: self._limits(endpoint) for pk, endpoint in self.endpoints.items()}

    def budgets(self) -> set[Key]:
        return {key for found in self.limits.values() for key in found}

    def longest_window(self) -> int:
        """In seconds; 0 where nothing limits the plan."""
        return max(
            (one.seconds for found in self.limits.values() for many in found.values() for one in many), default=0
        )

    def limits_beside(self, endpoint_ids: Collection[int]) -> dict[int, Limits]:
        """Also those of endpoints that only other plans use. One query when there are any."""
        beside = self._read(set(endpoint_ids) - self.limits.keys())
        return self.limits | {pk: self._limits(endpoint) for pk, endpoint in beside.items()}

    def _read(self, ids: Collection[int]) -> dict[int, Endpoint]:
        if not ids:
            return {}
        rows = Endpoint.objects.of(self.workspace_id).filter(pk__in=ids).select_related("connection")
        return {row.pk: row for row in rows.defer("connection__secret")}

    def _limits(self, endpoint: Endpoint) -> Limits:
        return {} if is_by_hand(endpoint) else limits.limits_of(endpoint, limits.BOOK.of(self.workspace_id))


@dataclass(frozen=True, slots=True)
class BusyPlatform:
    """A platform (`messaging.models.Platform`) that says it is busy when `send_count` sends of the plan start."""

    platform: str
    name: str
    send_count: int


def busy_of(ways: Ways, sends: Iterable[PlannedSend], *, now: datetime) -> tuple[BusyPlatform, ...]:
    """Which platforms say that they are busy in the minute in which sends start. By the UTC minute: full and half hours
    are the same in China."""
    found: Counter[str] = Counter()
    for send in sends:
        endpoint = ways.endpoints.get(send.endpoint_id or 0)
        if endpoint is None or is_by_hand(endpoint):
            continue
        platform = endpoint.connection.platform
        if max(send.due_at, now).minute in registry.get(platform).capabilities.busy_minutes:
            found[platform] += 1
    return tuple(BusyPlatform(platform, str(Platform(platform).label), found[platform]) for platform in sorted(found))


@dataclass(frozen=True, slots=True)
class Budgets:
    """By budget and in the product's time: ends of the calls that still count, oldest first, and until when an
    account cools down."""

    used: dict[Key, list[datetime]]
    closed_until: dict[Key, datetime]


def budgets_of(ways: Ways, *, now: datetime) -> Budgets:
    """A running call ends now. Two queries, and one for the database's time."""
    keys = ways.budgets()
    if not keys:
        return Budgets({}, {})
    behind, ids = now - dbtime.now(), {scope_id for _, scope_id in keys}
    used: dict[Key, list[datetime]] = defaultdict(list)
    slots = SendSlot.objects.of(ways.workspace_id).filter(budget__scope_id__in=ids)
    for scope, scope_id, ended_at in slots.values_list("budget__scope", "budget__scope_id", "ended_at").iterator():
        used[scope, scope_id].append(now if ended_at is None else ended_at + behind)
    closed: dict[Key, datetime] = {}
    for budget in SendBudget.objects.of(ways.workspace_id).filter(scope_id__in=ids):
        if budget.cooldown_until is not None and budget.cooldown_until + behind > now:
            closed[budget.scope, budget.scope_id] = budget.cooldown_until + behind
    return Budgets({key: sorted(moments) for key, moments in used.items() if key in keys}, closed)


@dataclass(frozen=True, slots=True)
class Others:
    """What is planned beside a plan over the same budgets, and what its colleagues have to do besides.

    `later_calls` come after the plan and stand in nobody's way, but share a long window with it. `is_cut`: there is
    more than was looked at, so the times may be too early and the counts too low.
    """

    calls: list[Calls]
    later_calls: list[Calls]
    cards: list[Card]
    is_cut: bool = False


def others_of(ways: Ways, sends: Sequence[PlannedSend], *, now: datetime) -> Others:
    """At most three queries."""
    if not (sends and ways.endpoints):
        return Others([], [], [])
    rows = list(_planned_beside(ways, sends, now).values_list(*_COLUMNS)[: MOST_OTHERS + 1])
    found = [_Row(*values) for values in rows[:MOST_OTHERS]]
    known = ways.limits_beside({row.endpoint_id for row in found})
    until = max(send.due_at for send in sends) + BEHIND
    calls: dict[bool, list[Calls]] = {False: [], True: []}
    for row in found:
        if row.endpoint_id not in ways.people:
            calls[row.due_at > until].append(_calls(row, known[row.endpoint_id], now))
    by_hand = [row for row in found if row.endpoint_id in ways.people and row.due_at <= until]
    cards = [*_open_cards(ways, until, now), *_planned_cards(by_hand, ways, now)]
    return Others(calls[False], calls[True], cards, is_cut=len(rows) > MOST_OTHERS)


_COLUMNS = (
    "endpoint_id", "endpoint__connection__platform", "due_at", "next_try_at", "reason", "origin", "origin_id",
    "message__image_id", "message__card", "message__file_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Row:
    endpoint_id: int
    platform: str
    due_at: datetime
    next_try_at: datetime
    reason: str
    origin: str
    origin_id: int
    image_id: int | None
    card: Any
    file_id: int | None


def _planned_beside(ways: Ways, sends: Sequence[PlannedSend], now: datetime) -> QuerySet[Delivery]:
    """By time, as far back and ahead as a window reaches; what is paused stays where it is."""
    first, last = min(send.due_at for send in sends), max(send.due_at for send in sends)
    longest = timedelta(seconds=ways.longest_window())
    rows = Delivery.objects.of(ways.workspace_id).filter(state=DeliveryState.PLANNED, endpoint__isnull=False)
    rows = rows.exclude(reason=PAUSED).filter(due_at__lte=last + max(BEHIND, longest))
    if (since := first - max(A_DAY, longest)) > now:  # else what is late counts too, however late
        rows = rows.filter(due_at__gte=since)
    keys = ways.budgets()
    if all(scope != LimitScope.WORKSPACE for scope, _ in keys):
        identities = {pk for _scope, pk in keys}
        is_counted_with = Q(endpoint__identity__in=identities) | Q(endpoint__connection__identity__in=identities)
        rows = rows.filter(Q(endpoint_id__in=ways.endpoints) | is_counted_with)
    for origin, origin_id in {(send.origin, send.origin_id) for send in sends}:
        rows = rows.exclude(origin=origin, origin_id=origin_id)
    return rows.order_by("due_at", "pk")


def _calls(row: _Row, known: Limits, now: datetime) -> Calls:
    has = (row.image_id is not None, bool(row.card), row.file_id is not None)
    has_place = row.reason in limits.WAITING
    at = max(row.next_try_at if has_place else row.due_at, now)
    return Calls(None, at, _part_count(row.platform, *has), known, has_place=has_place)


@cache
def _part_count(platform: str, has_image: bool, has_card: bool, has_file: bool) -> int:
    """Calls of a message with a short text: nobody reads twenty thousand texts to count more exactly."""
    card, file_bytes = LinkCard(title="…", url="…") if has_card else None, 1 if has_file else None
    content = Content(text="…", has_image=has_image, card=card, file_bytes=file_bytes)
    return len(registry.get(platform).all_parts(content))


def _planned_cards(rows: Iterable[_Row], ways: Ways, now: datetime) -> list[Card]:
    """One for each touch and colleague."""
    counts: dict[tuple[int, datetime, str, int], int] = defaultdict(int)
    for row in rows:
        counts[ways.people[row.endpoint_id].pk, max(row.due_at, now), row.origin, row.origin_id] += 1
    return [Card(key[0], key[1], (None,) * count) for key, count in counts.items()]


def _open_cards(ways: Ways, until: datetime, now: datetime) -> list[Card]:
    """What the colleagues of the plan have on their lists already: it is taken to be done before, from now on."""
    if not ways.people:
        return []
    people = {person.pk for person in ways.people.values()}
    rows = HumanTask.objects.of(ways.workspace_id).filter(assignee_id__in=people, state=TaskState.OPEN)
    counted = (
        rows.filter(due_at__lte=until)
        .order_by("due_at", "pk")
        .annotate(open_count=Count("items", filter=Q(items__state=TaskState.OPEN)))
    )
    found = counted.values_list("assignee_id", "due_at", "open_count")[:MOST_OTHERS]
    return [Card(pk, max(due_at, now), (None,) * open_count) for pk, due_at, open_count in found]
