"""When somebody let what a delivery belongs to wait, and go on: lines of its record, read from the audit log."""

from collections.abc import Iterable
from datetime import datetime

from community_ops.common.models import AuditEntry
from messaging.models import Delivery, DeliveryState

# By origin: what the audit log calls the object, and the first part of its verbs.
_HOLDERS = {"announcement": ("campaigns.announcement", "announcement"), "touch": ("campaigns.playbookrun", "run")}
_CALLED = (DeliveryState.ACCEPTED, DeliveryState.CONFIRMED, DeliveryState.FAILED, DeliveryState.UNKNOWN)


def holds_on(delivery: Delivery, decisions: Iterable[AuditEntry]) -> list[AuditEntry]:
    """Pauses of its announcement or run, and their ends, while it was still to go out; in order. At most one query.

    `decisions`: `messaging.selectors.decisions_on`, which know when it was handed to a person.
    """
    if delivery.origin not in _HOLDERS:
        return []
    kind, name = _HOLDERS[delivery.origin]
    rows = AuditEntry.objects.filter(workspace_id=delivery.workspace_id, target_kind=kind)
    rows = rows.filter(target_id=str(delivery.origin_id), verb__in=(f"{name}.paused", f"{name}.resumed"))
    until = _out_at(delivery, decisions)
    if until is not None:
        rows = rows.filter(at__lte=until)
    return _since_planned(list(rows.order_by("id")), delivery.created_at)


def _since_planned(holds: list[AuditEntry], planned_at: datetime) -> list[AuditEntry]:
    """Without the pauses that were over when it was planned; one planned during a pause has waited from its start."""
    first = next((index for index, entry in enumerate(holds) if entry.at >= planned_at), len(holds))
    is_within = first > 0 and holds[first - 1].verb.endswith(".paused")
    return holds[first - 1 :] if is_within else holds[first:]


def _out_at(delivery: Delivery, decisions: Iterable[AuditEntry]) -> datetime | None:
    """When it stopped waiting to go out: at its last call, when a person got it, or when it ended; None: it waits."""
    if delivery.state == DeliveryState.PLANNED:
        return None
    handed = [entry.at for entry in decisions if entry.verb == "delivery.handed_over"]
    if handed:
        return handed[-1]
    if delivery.state in _CALLED and delivery.sending_at is not None:
        return delivery.sending_at
    return delivery.updated_at
