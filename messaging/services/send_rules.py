"""Quiet hours, holidays and frequency caps: what holds a message back, at planning and again at sending.

A moment is judged by the wall clock of the target. All are off until somebody makes one; which origins they never
hold is in `policies.EXEMPTIONS`.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from messaging.models import Delivery, DeliveryState, FrequencyCap, Holiday, QuietHours
from messaging.policies import CAP, Cap, Quiet, SendRules, Span
from messaging.services.books import Book
from messaging.services.planning import PlannedSend

SPENT = (
    DeliveryState.SENDING,
    DeliveryState.ACCEPTED,
    DeliveryState.WAITING,
    DeliveryState.CONFIRMED,
    DeliveryState.UNKNOWN,
)
_NONE = SendRules()
_ALREADY = datetime.min.replace(tzinfo=UTC)  # of what has gone out: before everything that is planned


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

    A cap counts what went out, may have, or waits for a person on the days it looks at, and what is planned there
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
        if rows.filter(Q(state__in=SPENT) | Q(state=DeliveryState.PLANNED) & earlier).count() >= cap.count:
            return CAP
    return ""


def _counted(cap: Cap, workspace_id: int, local: datetime) -> QuerySet[Delivery]:
    """The deliveries a cap looks at on a target's day: its last days, that day included, by the time they are due."""
    first, last = (datetime.combine(day, wall_time.min, local.tzinfo) for day in _days(cap, local.date()))
    rows = Delivery.objects.of(workspace_id).filter(due_at__gte=first, due_at__lt=last, exemption="")
    return rows.filter(purpose=cap.purpose) if cap.purpose else rows


def _days(cap: Cap, day: date) -> tuple[date, date]:
    """The first day of a cap's window that ends with `day`, and the day after it."""
    return day - timedelta(days=cap.days - 1), day + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Held:
    """A planned send that a rule would hold back."""

    send: PlannedSend
    reason: str


def would_be_held(*, workspace_id: int, sends: Sequence[PlannedSend]) -> list[Held]:
    """What of one origin's plan the rules would hold back at its time, as far as it can be known now; by time.

    Caps count what of other origins went out or is planned, and what stands earlier in the plan. Three queries, and
    one for each cap, zone and day the plan touches.
    """
    rules = rules_of(workspace_id)
    if rules == _NONE:
        return []
    plan = _Plan(workspace_id, sends)
    found = []
    for send in sorted(sends, key=lambda one: one.due_at):
        if send.exemption:
            continue
        local = send.due_at.astimezone(ZoneInfo(send.zone))
        caps = rules.caps_on(send.purpose, local.date())
        reason = rules.held_at(local) or (CAP if any(plan.is_full(cap, send, local) for cap in caps) else "")
        if reason:
            found.append(Held(send, reason))
        else:
            plan.keep(send, local.date())
    return found


class _Plan:
    """What a plan's targets have got already: by the rows of other origins, and by the sends that come earlier."""

    def __init__(self, workspace_id: int, sends: Sequence[PlannedSend]) -> None:
        self._workspace_id = workspace_id
        self._own = {(send.origin, send.origin_id) for send in sends}
        self._kept: dict[tuple[str, int], list[tuple[str, date]]] = defaultdict(list)
        self._known: dict[tuple[Cap, date, str], dict[tuple[str, int], list[datetime]]] = {}

    def keep(self, send: PlannedSend, day: date) -> None:
        self._kept[send.target_kind, send.target_id].append((send.purpose, day))

    def is_full(self, cap: Cap, send: PlannedSend, local: datetime) -> bool:
        target = (send.target_kind, send.target_id)
        first, last = _days(cap, local.date())
        own = [day for purpose, day in self._kept[target] if cap.purpose in ("", purpose) and first <= day < last]
        others = [due_at for due_at in self._others(cap, local, send.zone)[target] if due_at <= send.due_at]
        return len(others) + len(own) >= cap.count

    def _others(self, cap: Cap, local: datetime, zone: str) -> dict[tuple[str, int], list[datetime]]:
        """By target when the rows of other origins are due that count; what went out counts whenever it was due."""
        key = (cap, local.date(), zone)
        if key not in self._known:
            rows = _counted(cap, self._workspace_id, local).filter(state__in=(*SPENT, DeliveryState.PLANNED))
            for origin, origin_id in self._own:
                rows = rows.exclude(origin=origin, origin_id=origin_id)
            found: dict[tuple[str, int], list[datetime]] = defaultdict(list)
            for kind, pk, state, due_at in rows.order_by().values_list("target_kind", "target_id", "state", "due_at"):
                found[kind, pk].append(due_at if state == DeliveryState.PLANNED else _ALREADY)
            self._known[key] = found
        return self._known[key]
