"""What a plan will take, before it is scheduled: how long, who hears last, by whose hands, who cannot be reached."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from community_ops.common import dbtime
from messaging import forecasting
from messaging.forecasting import Calls, Card, Key
from messaging.models import Delivery, DeliveryState, Endpoint, SendSlot
from messaging.platforms import registry
from messaging.platforms.base import Content, Limit
from messaging.services import limits
from messaging.services.limits import Limits
from messaging.services.planning import PlannedSend

BY_HAND = "assisted"
A_DAY_SECONDS = 86_400
MOST_OTHERS = 20_000  # rows of other plans that are looked at


@dataclass(frozen=True, slots=True)
class Allowance:
    """A limit of a day or longer: what is used of it now and what the plan wants of it."""

    endpoint_name: str
    limit: Limit
    used_count: int
    wanted_count: int

    @property
    def is_too_little(self) -> bool:
        return self.used_count + self.wanted_count > self.limit.count


@dataclass(frozen=True, slots=True)
class Unreached:
    """A send that cannot go out as things are; `reason` is a code of the delivery reasons."""

    send: PlannedSend
    reason: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """What becomes of a plan. Times are estimates: calls of 0.3 s, hands of 20 s a group (`messaging.forecasting`)."""

    robot_count: int
    hand_counts: dict[int, int]  # by assignee
    unreached: list[Unreached]
    seconds: float  # from the first moment to the last one's end
    last: PlannedSend | None
    last_at: datetime | None
    allowances: list[Allowance]

    def is_after(self, anchor_at: datetime) -> bool:
        """Whether the last target hears after this moment."""
        return self.last_at is not None and self.last_at > anchor_at


def forecast(*, workspace_id: int, sends: Sequence[PlannedSend]) -> Forecast:
    """Foresee a plan that is not scheduled yet. Reads only; at most eight queries, whatever its size."""
    endpoints = _endpoints(workspace_id, sends)
    unreached = [Unreached(send, why) for send in sends if (why := _why_not(send, endpoints))]
    going = [(number, send) for number, send in enumerate(sends) if not _why_not(send, endpoints)]
    by_hand = [(number, send) for number, send in going if _is_by_hand(endpoints[send.endpoint_id or 0])]
    by_robot = [(number, send) for number, send in going if not _is_by_hand(endpoints[send.endpoint_id or 0])]
    known = {pk: limits.limits_of(endpoint, limits.BOOK.of(workspace_id)) for pk, endpoint in endpoints.items()}
    used = _used(workspace_id, {key for found in known.values() for key in found})
    calls = [_calls(number, send, endpoints, known) for number, send in by_robot]
    others = _others(workspace_id, sends, endpoints, known)
    ends = forecasting.ends_of([*calls, *others], used=used, guard=limits.GUARD)
    ends |= forecasting.ends_by_hand(_cards(by_hand, endpoints))
    last = max(ends, key=lambda number: (ends[number], number), default=None)
    return Forecast(
        robot_count=len(by_robot),
        hand_counts=_hand_counts(by_hand, endpoints),
        unreached=unreached,
        seconds=_seconds([send for _, send in going], ends[last]) if last is not None else 0.0,
        last=sends[last] if last is not None else None,
        last_at=ends[last] if last is not None else None,
        allowances=_allowances(calls, endpoints, known, used),
    )


def _endpoints(workspace_id: int, sends: Sequence[PlannedSend]) -> dict[int, Endpoint]:
    ids = {send.endpoint_id for send in sends if send.endpoint_id is not None}
    rows = Endpoint.objects.of(workspace_id).filter(pk__in=ids).select_related("connection")
    return {row.pk: row for row in rows.defer("connection__secret")}


def _why_not(send: PlannedSend, endpoints: dict[int, Endpoint]) -> str:
    if send.endpoint_id is None or send.endpoint_id not in endpoints:
        return "no_endpoint"
    return "endpoint_archived" if endpoints[send.endpoint_id].archived_at is not None else ""


def _is_by_hand(endpoint: Endpoint) -> bool:
    return endpoint.connection.platform == BY_HAND


def _calls(number: int, send: PlannedSend, endpoints: dict[int, Endpoint], known: dict[int, Limits]) -> Calls:
    endpoint = endpoints[send.endpoint_id or 0]
    content = Content(text=send.text, is_markdown=send.is_markdown, has_image=send.image_id is not None)
    count = max(1, len(registry.get(endpoint.connection.platform).parts(content)))
    return Calls(number, send.due_at, count, known[endpoint.pk])


def _used(workspace_id: int, keys: set[Key]) -> dict[Key, list[datetime]]:
    """Ends of the calls that still count, by budget; a running one ends now."""
    db_now = dbtime.now()
    rows = SendSlot.objects.of(workspace_id).filter(budget__scope_id__in={scope_id for _, scope_id in keys})
    found: dict[Key, list[datetime]] = defaultdict(list)
    for scope, scope_id, ended_at in rows.order_by("ended_at").values_list(
        "budget__scope", "budget__scope_id", "ended_at"
    ):
        if (scope, scope_id) in keys:
            found[scope, scope_id].append(ended_at or db_now)
    return found


def _others(
    workspace_id: int, sends: Sequence[PlannedSend], endpoints: dict[int, Endpoint], known: dict[int, Limits]
) -> list[Calls]:
    """What other plans send over the same endpoints in the same time."""
    if not sends:
        return []
    first, last = min(send.due_at for send in sends), max(send.due_at for send in sends)
    longest = max((one.seconds for found in known.values() for many in found.values() for one in many), default=0)
    since, until = first - timedelta(seconds=min(longest, A_DAY_SECONDS)), last + timedelta(minutes=10)
    rows = Delivery.objects.of(workspace_id).filter(state=DeliveryState.PLANNED, endpoint_id__in=endpoints)
    rows = rows.filter(due_at__gte=since, due_at__lte=until)
    for origin, origin_id in {(send.origin, send.origin_id) for send in sends}:
        rows = rows.exclude(origin=origin, origin_id=origin_id)
    found = rows.order_by("due_at").values_list("endpoint_id", "due_at")[:MOST_OTHERS]
    return [Calls(None, due_at, 1, known[pk]) for pk, due_at in found if not _is_by_hand(endpoints[pk])]


def _cards(by_hand: list[tuple[int, PlannedSend]], endpoints: dict[int, Endpoint]) -> list[Card]:
    """One for each touch and colleague."""
    found: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for number, send in by_hand:
        who = _assignee(endpoints[send.endpoint_id or 0])
        found[who, send.due_at, send.origin, send.origin_id, send.text, send.image_id].append(number)
    return [Card(key[0], key[1], tuple(numbers)) for key, numbers in found.items()]  # type: ignore[arg-type]


def _assignee(endpoint: Endpoint) -> int:
    return int(endpoint.address.get("assignee", 0))


def _hand_counts(by_hand: list[tuple[int, PlannedSend]], endpoints: dict[int, Endpoint]) -> dict[int, int]:
    counts: dict[int, int] = defaultdict(int)
    for _, send in by_hand:
        counts[_assignee(endpoints[send.endpoint_id or 0])] += 1
    return dict(counts)


def _seconds(sends: Sequence[PlannedSend], end: datetime) -> float:
    return (end - min(send.due_at for send in sends)).total_seconds()


def _allowances(
    calls: list[Calls], endpoints: dict[int, Endpoint], known: dict[int, Limits], used: dict[Key, list[datetime]]
) -> list[Allowance]:
    """Limits of a day or longer that the plan uses, by budget."""
    wanted: dict[Key, int] = defaultdict(int)
    for one in calls:
        for key in one.limits:
            wanted[key] += one.count
    names = {key: endpoint.name for pk, endpoint in endpoints.items() for key in known[pk]}
    return [
        Allowance(names[key], limit, len(used.get(key, ())), wanted[key])
        for key, found in {key: many for pk in known for key, many in known[pk].items()}.items()
        for limit in found
        if limit.seconds >= A_DAY_SECONDS and wanted[key]
    ]
