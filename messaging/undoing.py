"""Whether a person's word about a delivery in doubt can be undone: reads only, asked by pages and by the service."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from community_ops.common.models import AuditEntry
from messaging.models import Delivery, DeliveryState

DECISION_UNDO_WITHIN = timedelta(minutes=10)
VERDICT_OF = {"delivery.sent": "sent", "delivery.not_sent": "not_sent", "delivery.again": "again"}  # by audit verb
DECISION_UNDONE = "delivery.decision_undone"
_DECIDED = (DeliveryState.CONFIRMED, DeliveryState.FAILED, DeliveryState.PLANNED, DeliveryState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Undoing:
    """The word that was given last, and until when it can be undone; `refusal`: why it cannot, in words."""

    entry: AuditEntry | None
    until: datetime | None = None
    refusal: str = ""


def undoing_of(delivery: Delivery, entries: Sequence[AuditEntry], *, now: datetime) -> Undoing:
    """Judge by the delivery's audit entries, in order. A word can be undone for ten minutes, and only while nothing
    followed from it: neither another decision nor a call."""
    entry = next((one for one in reversed(entries) if one.verb in VERDICT_OF), None)
    if entry is None or delivery.state == DeliveryState.UNKNOWN:
        return Undoing(None, refusal=_("Nothing was decided about this message that could be undone."))
    until = entry.at + DECISION_UNDO_WITHIN
    if entry is not entries[-1] or not _is_as_left(delivery, entry):
        return Undoing(entry, refusal=_followed(VERDICT_OF[entry.verb]))
    if now > until:
        return Undoing(entry, refusal=_("This was decided more than ten minutes ago."))
    return Undoing(entry, until)


def undo_until(deliveries: Collection[Delivery], *, now: datetime) -> dict[int, datetime]:
    """Until when the last word about each can be undone, by id, of those where it can. At most one query."""
    fresh = now - DECISION_UNDO_WITHIN
    found = {str(row.pk): row for row in deliveries if _may_be_fresh(row, fresh)}
    if not found:
        return {}
    entries = AuditEntry.objects.filter(
        workspace_id=next(iter(found.values())).workspace_id,
        target_kind="messaging.delivery",
        target_id__in=list(found),
    )
    by_target: dict[str, list[AuditEntry]] = {}
    for entry in entries.order_by("id"):
        by_target.setdefault(entry.target_id, []).append(entry)
    judged = ((found[key].pk, undoing_of(found[key], told, now=now)) for key, told in by_target.items())
    return {pk: undoing.until for pk, undoing in judged if undoing.until is not None}


def _may_be_fresh(delivery: Delivery, since: datetime) -> bool:
    """Without looking into its entries: nothing is in doubt, and so decided, before a call was made."""
    return delivery.state in _DECIDED and delivery.attempt_count > 0 and delivery.updated_at >= since


def _is_as_left(delivery: Delivery, entry: AuditEntry) -> bool:
    """Whether the row is still as that word left it; of one that is planned, whether no call was made since."""
    left: Mapping[str, object] = entry.after
    return (delivery.state, delivery.attempt_count) == (left.get("state"), left.get("attempt_count"))


def _followed(verdict: str) -> str:
    return {
        "sent": _("What follows it is on its way already, so this cannot be undone any more."),
        "not_sent": _("It was queued again since then, so this cannot be undone any more."),
        "again": _("It was tried again already; that cannot be undone."),
    }[verdict]
