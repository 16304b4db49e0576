"""Which send rules kept a delivery from going out, by the rules of the moment at which they did."""

from collections.abc import Callable, Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Q

from messaging.models import Delivery, DeliveryState, FrequencyCap, Holiday, QuietHours
from messaging.policies import CAP, HELD_BACK, HOLIDAY, QUIET_HOURS, Cap, Quiet, Span

Rule = QuietHours | Holiday | FrequencyCap
# By the reason of a delivery: the kind of rule as the page of send rules calls it.
KINDS = {QUIET_HOURS: "quiet-hours", HOLIDAY: "holidays", CAP: "frequency-caps"}


def blocking_rules(delivery: Delivery) -> list[Rule]:
    """The rules that held a delivery when it was cancelled for one of them, taken away since or not; nothing for any
    other. Of caps those that count such a message. One query.

    A rule is taken away, never changed: what it says is what it said then.
    """
    if delivery.state != DeliveryState.CANCELLED or delivery.reason not in HELD_BACK:
        return []
    at: datetime = delivery.updated_at
    model, holds = _BY_REASON[delivery.reason]
    rows = model._default_manager.filter(workspace_id=delivery.workspace_id, created_at__lte=at)
    rows = rows.filter(Q(archived_at__isnull=True) | Q(archived_at__gte=at)).order_by("id")
    return _those(rows, holds, delivery, at.astimezone(ZoneInfo(delivery.zone)))


Holds = Callable[[Rule, Delivery, datetime], bool]


def _those(rows: Iterable[Rule], holds: Holds, delivery: Delivery, local: datetime) -> list[Rule]:
    return [row for row in rows if holds(row, delivery, local)]


def _is_quiet(row: Rule, delivery: Delivery, local: datetime) -> bool:
    assert isinstance(row, QuietHours)
    return Quiet(Span(row.from_on, row.until_on), row.begins, row.ends).has(local)


def _is_holiday(row: Rule, delivery: Delivery, local: datetime) -> bool:
    return Span(row.from_on, row.until_on).has(local.date())


def _counts(row: Rule, delivery: Delivery, local: datetime) -> bool:
    assert isinstance(row, FrequencyCap)
    cap = Cap(Span(row.from_on, row.until_on), row.purpose, row.count, row.days)
    return cap.counts(delivery.purpose, local.date())


_BY_REASON: dict[str, tuple[type[Rule], Holds]] = {
    QUIET_HOURS: (QuietHours, _is_quiet),
    HOLIDAY: (Holiday, _is_holiday),
    CAP: (FrequencyCap, _counts),
}
