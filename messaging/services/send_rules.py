"""Quiet hours, holidays and frequency caps: what holds a message back, at planning, at sending, and in a person's hand.

A moment is judged by the wall clock of the target. All are off until somebody makes one; which origins they never
hold is in `policies.EXEMPTIONS`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from functools import cached_property
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from messaging.models import Delivery, DeliveryState, FrequencyCap, Holiday, QuietHours
from messaging.policies import CAP, Cap, Quiet, SendRules, Span
from messaging.services.books import Book
from messaging.services.planning import PlannedSend

SPENT = (DeliveryState.SENDING, DeliveryState.ACCEPTED, DeliveryState.CONFIRMED, DeliveryState.UNKNOWN)
TO_COME = (DeliveryState.PLANNED, DeliveryState.WAITING)  # of these the earlier has a cap's last place
_NONE = SendRules()
_ALREADY = datetime.min.replace(tzinfo=UTC)  # of what has gone out: before everything that is to come


def rules_of(workspace_id: int) -> SendRules:
    """What holds messages of a workspace back, from any day on. Three queries."""

    def live(model: type[QuietHours | Holiday | FrequencyCap]) -> QuerySet:
        return model._default_manager.filter(workspace_id=workspace_id, archived_at__isnull=True).order_by("id")

    return SendRules(
        quiet=tuple(Quiet(_span(row), row.begins, row.ends) for row in live(QuietHours)),
        holidays=tuple(_span(row) for row in live(Holiday)),
        caps=tuple(Cap(_span(row), row.purpose, row.count, row.days) for row in live(FrequencyCap)),
    )


def _span(row: QuietHours | Holiday | FrequencyCap) -> Span:
    return Span(row.from_on, row.until_on)


RULES = Book(rules_of)


def held_back(delivery: Delivery, *, now: datetime) -> str:
    """Why this delivery must not go out at `now`: the code of a rule, or nothing.

    A cap counts what went out or may have on the days it looks at, and what is planned or waits for a person there
    before this one: of two that would share the last place, the earlier has it, whoever sends first.
    """
    rules = RULES.of(delivery.workspace_id)
    if delivery.exemption or rules == _NONE:
        return ""
    local = now.astimezone(ZoneInfo(delivery.zone))
    if held := rules.held_at(local):
        return held
    earlier = Q(due_at__lt=delivery.due_at) | Q(due_at=delivery.due_at, pk__lt=delivery.pk)
    for cap in rules.caps_on(delivery.purpose, local.date()):
        rows = _counted(cap, delivery.workspace_id, local)
        rows = rows.filter(target_kind=delivery.target_kind, target_id=delivery.target_id).exclude(pk=delivery.pk)
        if rows.filter(Q(state__in=SPENT) | Q(state__in=TO_COME) & earlier).count() >= cap.count:
            return CAP
    return ""


@dataclass(frozen=True, slots=True)
class NotNow:
    """A rule holds a message back that waits for a person. `until`: it lets go then; None where nobody can say.

    `latest_at`: its latest moment, where the rule holds it until that is over: it cannot be sent in time any more.
    """

    reason: str
    until: datetime | None = None
    latest_at: datetime | None = None


def not_now(deliveries: Iterable[Delivery], *, now: datetime) -> dict[int, NotNow]:
    """Of deliveries that wait for a person, by id, those a rule holds back at `now`: she posts them later.

    A cap counts as in `held_back`, and of those that wait the earlier ones only: else two would hold each other up.
    The rest of a message that has begun is not held: a rule does not cut it in half.
    No query without caps; with them at most one for each cap and zone, however many deliveries.
    """
    found: dict[int, NotNow] = {}
    capped: dict[tuple[int, str, Cap], list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        rules, local = RULES.of(delivery.workspace_id), now.astimezone(ZoneInfo(delivery.zone))
        if delivery.exemption or delivery.parts_sent or rules == _NONE:
            continue
        if rules.held_at(local):
            found[delivery.pk] = why_held(rules, zone=delivery.zone, latest_at=delivery.latest_at, at=now)
            continue
        for cap in rules.caps_on(delivery.purpose, local.date()):
            capped[delivery.workspace_id, delivery.zone, cap].append(delivery)
    for (workspace_id, zone, cap), waiting in capped.items():
        rows = _counted(cap, workspace_id, now.astimezone(ZoneInfo(zone)))
        found |= dict.fromkeys(_without_place(cap, rows, waiting), NotNow(CAP))
    return found


def why_held(rules: SendRules, *, zone: str, latest_at: datetime | None, at: datetime) -> NotNow:
    """Of what quiet hours or a holiday hold at this moment, by the clock of its target."""
    local = at.astimezone(ZoneInfo(zone))
    reason, until = rules.held_at(local), rules.free_from(local)
    if latest_at is None:
        return NotNow(reason, until)
    last = min(at, latest_at).astimezone(local.tzinfo)  # of one that is late it counts what held it when it became so
    free = rules.free_from(last) if rules.held_at(last) else last
    is_too_late = free is None or free > latest_at
    return NotNow(reason, until, latest_at if is_too_late else None)


def kept_from(deliveries: Iterable[Delivery], *, at_due: bool = False) -> dict[int, NotNow]:
    """Of deliveries that wait for a person, by id, those that quiet hours or a holiday hold at their latest moment.

    With `at_due` those that are held from their due moment until after the latest: nobody can send them in time.

    Caps are none of it: what they count may be called off. No query.
    """
    found: dict[int, NotNow] = {}
    for delivery in deliveries:
        rules, at = RULES.of(delivery.workspace_id), delivery.due_at if at_due else delivery.latest_at
        if delivery.latest_at is None or at is None or delivery.exemption or delivery.parts_sent or rules == _NONE:
            continue
        if rules.held_at(at.astimezone(ZoneInfo(delivery.zone))):
            why = why_held(rules, zone=delivery.zone, latest_at=delivery.latest_at, at=at)
            if why.latest_at is not None:
                found[delivery.pk] = why
    return found


def held_at_due(deliveries: Iterable[Delivery]) -> dict[int, NotNow]:
    """Of deliveries whose time is still to come, by id, those that quiet hours or a holiday hold when it comes.

    Caps are none of it, as in `kept_from`. No query.
    """
    found: dict[int, NotNow] = {}
    for delivery in deliveries:
        rules = RULES.of(delivery.workspace_id)
        if delivery.exemption or delivery.parts_sent or rules == _NONE:
            continue
        if rules.held_at(delivery.due_at.astimezone(ZoneInfo(delivery.zone))):
            found[delivery.pk] = why_held(rules, zone=delivery.zone, latest_at=delivery.latest_at, at=delivery.due_at)
    return found


def _without_place(cap: Cap, rows: QuerySet[Delivery], waiting: Sequence[Delivery]) -> list[int]:
    """Those for which others have used a cap up, among the rows it counts. One query."""
    targets = {
        "target_kind__in": {one.target_kind for one in waiting},
        "target_id__in": {one.target_id for one in waiting},
    }
    rows = rows.filter(**targets, state__in=(*SPENT, *TO_COME))
    counted = list(rows.only("target_kind", "target_id", "state", "due_at"))

    def has_place_before(other: Delivery, one: Delivery) -> bool:
        if other.pk == one.pk or (other.target_kind, other.target_id) != (one.target_kind, one.target_id):
            return False
        return other.state in SPENT or (other.due_at, other.pk) < (one.due_at, one.pk)

    return [one.pk for one in waiting if sum(has_place_before(other, one) for other in counted) >= cap.count]


def _counted(cap: Cap, workspace_id: int, local: datetime) -> QuerySet[Delivery]:
    """The deliveries a cap looks at on a target's day: its last days, that day included, by the time they are due."""
    first, last = _moments(cap, local)
    rows = Delivery.objects.of(workspace_id).filter(due_at__gte=first, due_at__lt=last, exemption="")
    return rows.filter(purpose=cap.purpose) if cap.purpose else rows


def _days(cap: Cap, day: date) -> tuple[date, date]:
    """The first day of a cap's window that ends with `day`, and the day after it."""
    return day - timedelta(days=cap.days - 1), day + timedelta(days=1)


def _moments(cap: Cap, local: datetime) -> tuple[datetime, datetime]:
    """The same two days as moments: the midnights of the target's zone with which they begin."""
    first, last = (datetime.combine(day, wall_time.min, local.tzinfo) for day in _days(cap, local.date()))
    return first, last


@dataclass(frozen=True, slots=True)
class Held:
    """A planned send that a rule would hold back."""

    send: PlannedSend
    reason: str


def would_be_held(*, workspace_id: int, sends: Sequence[PlannedSend], rules: SendRules | None = None) -> list[Held]:
    """What of a plan the rules would hold back at its time, as far as it can be known now; by time.

    Caps count what went out or is planned besides the plan, and what stands earlier in it. Rows that are planned
    already are known by their source key, or by their origin where the plan is only looked at and has other keys.
    `rules`: the workspace's, where they are known. Three queries without, and one more where a cap counts something.
    """
    rules = rules_of(workspace_id) if rules is None else rules
    if rules == _NONE:
        return []
    plan = _Plan(workspace_id, rules, [send for send in sends if not send.exemption])
    found = []
    for send in sorted(plan.sends, key=lambda one: one.due_at):
        local = send.due_at.astimezone(ZoneInfo(send.zone))
        caps = rules.caps_on(send.purpose, local.date())
        reason = rules.held_at(local) or (CAP if any(plan.is_full(cap, send, local) for cap in caps) else "")
        if reason:
            found.append(Held(send, reason))
        else:
            plan.keep(send, local.date())
    return found


Target = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Other:
    """A row besides the plan that caps count; `goes_out_at`: what has gone out is before everything planned."""

    purpose: str
    due_at: datetime
    goes_out_at: datetime


class _Plan:
    """What a plan's targets have got already: by the rows besides it, and by the sends that come earlier."""

    def __init__(self, workspace_id: int, rules: SendRules, sends: Sequence[PlannedSend]) -> None:
        self.sends = sends
        self._workspace_id = workspace_id
        self._longest = timedelta(days=max((cap.days for cap in rules.caps), default=1))
        self._kept: dict[Target, list[tuple[str, date]]] = defaultdict(list)

    def keep(self, send: PlannedSend, day: date) -> None:
        self._kept[send.target_kind, send.target_id].append((send.purpose, day))

    def is_full(self, cap: Cap, send: PlannedSend, local: datetime) -> bool:
        target = (send.target_kind, send.target_id)
        days, (first, last) = _days(cap, local.date()), _moments(cap, local)
        own = [day for purpose, day in self._kept[target] if cap.purpose in ("", purpose) and days[0] <= day < days[1]]
        others = [
            other
            for other in self._others[target]
            if cap.purpose in ("", other.purpose) and first <= other.due_at < last and other.goes_out_at <= send.due_at
        ]
        return len(others) + len(own) >= cap.count

    @cached_property
    def _others(self) -> dict[Target, list[_Other]]:
        """By target, in all days that any cap looks at from any send of the plan; read once, when a cap first asks."""
        origins = {(send.origin, send.origin_id) for send in self.sends}
        keys = {send.source_key for send in self.sends}
        found: dict[Target, list[_Other]] = defaultdict(list)
        for row in self._rows():
            is_planned = row.state == DeliveryState.PLANNED
            if row.source_key in keys or (is_planned and (row.origin, row.origin_id) in origins):
                continue
            other = _Other(row.purpose, row.due_at, row.due_at if row.state in TO_COME else _ALREADY)
            found[row.target_kind, row.target_id].append(other)
        return found

    def _rows(self) -> QuerySet[Delivery]:
        due, a_day = [send.due_at for send in self.sends], timedelta(days=1)
        rows = Delivery.objects.of(self._workspace_id).filter(
            due_at__gte=min(due) - self._longest - a_day,
            due_at__lt=max(due) + 2 * a_day,
            target_kind__in={send.target_kind for send in self.sends},
            target_id__in={send.target_id for send in self.sends},
            state__in=(*SPENT, *TO_COME),
            exemption="",
        )
        return rows.only("source_key", "origin", "origin_id", "state", "purpose", "due_at", "target_kind", "target_id")
