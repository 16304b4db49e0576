"""What people decide about a delivery: sent, not sent, once more, at once, not at all."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from community_ops.common import audit
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidTransition
from community_ops.common.models import AuditEntry
from community_ops.common.nudge import nudge
from messaging.errors import NoChannel, NotFailed, NotUnknown
from messaging.models import Delivery, DeliveryState
from messaging.policies import (
    AGAIN,
    ATTEMPT_LIMIT,
    CHAT_CHANGED,
    DELIVER_TASK,
    MORE_PARTS,
    called_off_as,
    end_of,
    went_elsewhere,
)
from messaging.services.ends import tell_ended, tell_reopened
from messaging.services.planning import cancel_deliveries
from messaging.undoing import DECISION_UNDONE, VERDICT_OF, undoing_of

Verdict = Literal["sent", "not_sent", "again"]
VERDICTS: tuple[Verdict, ...] = ("sent", "not_sent", "again")
CANCELLED_BY_PERSON = "cancelled_by_person"
_RESULT = {
    "sent": {"state": DeliveryState.CONFIRMED, "reason": "confirmed_by_person"},
    "not_sent": {"state": DeliveryState.FAILED, "reason": "not_sent"},
}
_CANCELLED = [
    end_of(DeliveryState.CANCELLED, CANCELLED_BY_PERSON, may_have_arrived=in_doubt) for in_doubt in (False, True)
]


@transaction.atomic
def decide_unknown(*, delivery: Delivery, verdict: Verdict, actor: Actor, now: datetime) -> Delivery:
    """Settle a delivery in doubt by a person's word and return it fresh.

    sent: `confirmed`, or, of a message in several parts, on with the next, unless the rest was called off meanwhile:
    then `cancelled`. not_sent: `failed`. again: `planned` for now with its tries given back, past its cut-off too,
    because a person asked; the send guard is asked again. That is no word about the first one: where this one is not
    accepted, it is in doubt once more. The same verdict twice is harmless; anything else on a delivery that is not in
    doubt raises NotUnknown. Writes an audit row. For ten minutes there is a way back: `undo_decision`.
    """
    if verdict == "again":
        moved = _plan_again(delivery, DeliveryState.UNKNOWN, now)
    elif verdict == "sent" and delivery.parts_sent + 1 < delivery.part_count:
        moved = _go_on(delivery, now)
    else:
        rows = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.UNKNOWN)
        moved = rows.update(**_RESULT[verdict], may_have_arrived=False, updated_at=now)
    fresh = Delivery.objects.get(pk=delivery.pk)
    if moved:
        tell_ended(fresh.workspace_id, fresh.state, [fresh.pk], now=now)
        audit.record(
            actor=actor,
            verb=f"delivery.{verdict}",
            target=fresh,
            now=now,
            before={
                "state": "unknown",
                "reason": delivery.reason,
                "latest_at": delivery.latest_at,
                "parts_sent": delivery.parts_sent,
            },
            after={"state": fresh.state, "attempt_count": fresh.attempt_count, **_part_of(delivery)},
        )
    elif not _already(fresh, verdict):
        raise NotUnknown
    return fresh


@transaction.atomic
def undo_decision(*, delivery: Delivery, actor: Actor, now: datetime) -> Delivery:
    """Take a person's word about a doubt back, so that it is in doubt as before; returns it fresh.

    Within ten minutes, and only while nothing followed from it: of `sent`, the next part has not begun; of `not_sent`,
    nobody queued it again; of `again`, it has not gone out. Whatever counts deliveries counts them by their state,
    and tools are told that it is in doubt once more. A second call changes nothing. Raises InvalidTransition, which
    says why. Writes an audit row.
    """
    row = Delivery.objects.select_for_update().get(pk=delivery.pk)
    entries = list(_said_of(row).order_by("id"))
    if row.state == DeliveryState.UNKNOWN and entries and entries[-1].verb == DECISION_UNDONE:
        return row
    undoing = undoing_of(row, entries, now=now)
    if undoing.entry is None or undoing.until is None or not _in_doubt_again(row, undoing.entry.before, now):
        raise InvalidTransition(undoing.refusal)
    audit.record(
        actor=actor,
        verb=DECISION_UNDONE,
        target=row,
        now=now,
        before={"state": row.state, "verdict": VERDICT_OF[undoing.entry.verb]},
        after={"state": "unknown", **_part_of(row, undoing.entry.before["parts_sent"])},
    )
    tell_ended(row.workspace_id, DeliveryState.UNKNOWN, [row.pk], now=now)
    return Delivery.objects.get(pk=row.pk)


def _in_doubt_again(row: Delivery, before: dict[str, Any], now: datetime) -> int:
    """Whoever has a planned one in hand loses it by this; whose call has begun meanwhile keeps it."""
    latest_at = before["latest_at"]
    return Delivery.objects.filter(pk=row.pk, state=row.state, attempt_count=row.attempt_count).update(
        state=DeliveryState.UNKNOWN,
        reason=before["reason"],
        parts_sent=before["parts_sent"],
        latest_at=latest_at and datetime.fromisoformat(latest_at),
        may_have_arrived=True,
        lease_owner="",
        lease_until=None,
        updated_at=now,
    )


def _go_on(delivery: Delivery, now: datetime) -> int:
    """The next part after one that is out, or the end where the rest was called off or its channel left the chat."""
    why, state = called_off_as(delivery.reason), DeliveryState.CANCELLED
    if not why and _is_elsewhere(delivery):
        why, state = CHAT_CHANGED, DeliveryState.FAILED
    if not why:
        return _plan_again(delivery, DeliveryState.UNKNOWN, now, next_part=True)
    rows = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.UNKNOWN, reason=delivery.reason)
    ended = {"state": state, "reason": why, "may_have_arrived": False}
    return rows.filter(parts_sent=delivery.parts_sent).update(
        **ended, parts_sent=delivery.parts_sent + 1, updated_at=now
    )


def _is_elsewhere(delivery: Delivery) -> bool:
    return delivery.endpoint is not None and went_elsewhere(delivery.sending_at, delivery.endpoint.chat_changed_at)


def _part_of(delivery: Delivery, parts_sent: int | None = None) -> dict[str, int]:
    """Which part of a message that takes several a person's word is about."""
    if delivery.part_count == 1:
        return {}
    out_count = delivery.parts_sent if parts_sent is None else parts_sent
    return {"part": out_count + 1, "part_count": delivery.part_count}


def _already(delivery: Delivery, verdict: Verdict) -> bool:
    """Whether this verdict was given before. "again" that has moved on cannot be told from never given."""
    if verdict == "again":
        return delivery.state == DeliveryState.PLANNED and delivery.reason == "again"
    if verdict == "sent" and delivery.parts_sent:
        return delivery.state in (DeliveryState.PLANNED, DeliveryState.CONFIRMED) or _last_said(delivery, verdict)
    return delivery.state == _RESULT[verdict]["state"] and delivery.reason == _RESULT[verdict]["reason"]


def _last_said(delivery: Delivery, verdict: str) -> bool:
    """Whether this was the last word about it."""
    last = _said_of(delivery).order_by("-id").first()
    return last is not None and last.verb == f"delivery.{verdict}"


def _said_of(delivery: Delivery) -> QuerySet[AuditEntry]:
    rows = AuditEntry.objects.filter(workspace_id=delivery.workspace_id, target_kind="messaging.delivery")
    return rows.filter(target_id=str(delivery.pk))


@transaction.atomic
def requeue_failed(*, delivery: Delivery, actor: Actor, now: datetime) -> Delivery:
    """Give a failed delivery its tries again, from now. Writes an audit row.

    Raises NotFailed, and NoChannel where it has nowhere to go: it gets a channel when its target does.
    """
    nowhere = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.FAILED, endpoint__isnull=True)
    if nowhere.exists():
        raise NoChannel
    if not _plan_again(delivery, DeliveryState.FAILED, now):
        raise NotFailed
    audit.record(actor=actor, verb="delivery.requeued", target=delivery, now=now, before={"state": "failed"})
    return Delivery.objects.get(pk=delivery.pk)


@transaction.atomic
def requeue_all_failed(*, deliveries: Iterable[Delivery], actor: Actor, now: datetime) -> int:
    """`requeue_failed` for each that has failed and has a channel, all or none; returns how many were queued again."""
    return sum(1 for row in deliveries if row.state == DeliveryState.FAILED and _requeued(row, actor, now))


def _requeued(delivery: Delivery, actor: Actor, now: datetime) -> bool:
    try:
        requeue_failed(delivery=delivery, actor=actor, now=now)
    except (NoChannel, NotFailed):
        return False
    return True


@transaction.atomic
def try_now(*, delivery: Delivery, actor: Actor, now: datetime) -> Delivery:
    """Let a delivery that is being retried try at once instead of later, and return it fresh.

    Its tries are not given back and its latest moment stays. One whose next try is due already is left as it is.
    Raises InvalidTransition for one that is not being retried. Writes an audit row.
    """
    rows = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.PLANNED, reason="retrying", due_at__lte=now)
    before = rows.values_list("next_try_at", flat=True).first()
    if before is None:
        raise InvalidTransition(_("This message is not being retried."))
    if before > now and rows.filter(next_try_at__gt=now).update(next_try_at=now, updated_at=now):
        audit.record(
            actor=actor,
            verb="delivery.tried_now",
            target=delivery,
            now=now,
            before={"next_try_at": before},
            after={"next_try_at": now},
        )
        nudge(DELIVER_TASK)
    return Delivery.objects.get(pk=delivery.pk)


@transaction.atomic
def cancel_delivery(*, delivery: Delivery, actor: Actor, now: datetime) -> Delivery:
    """Cancel one delivery that has not started, and return it fresh; the others of its origin stay as they are.

    One of which an earlier try may have arrived is not tried again and is in doubt from then on. A second call changes
    nothing. Raises InvalidTransition when it has gone out or ended. Writes an audit row.
    """
    cancelled = cancel_deliveries(
        workspace_id=delivery.workspace_id,
        source_keys=[delivery.source_key],
        reason=CANCELLED_BY_PERSON,
        actor=actor,
        now=now,
    )
    fresh = Delivery.objects.get(pk=delivery.pk)
    if cancelled:
        after = {"state": fresh.state, "reason": fresh.reason}
        audit.record(actor=actor, verb="delivery.cancelled", target=fresh, now=now, after=after)
    elif (fresh.state, fresh.reason) not in _CANCELLED:
        raise InvalidTransition(_("This message is not waiting to be sent any more."))
    return fresh


def _plan_again(delivery: Delivery, state: str, now: datetime, *, next_part: bool = False) -> int:
    """Planned for now. Of what was in doubt an earlier try may have arrived, unless the next part is planned.

    Where its channel leads to another chat by now, all of it goes there: its first parts are in the former one.
    """
    nudge(DELIVER_TASK)
    parts = {"parts_sent": delivery.parts_sent + 1} if next_part else {}
    if not next_part and _is_elsewhere(delivery):
        parts = {"parts_sent": 0}
    is_doubt = state == DeliveryState.UNKNOWN and not next_part
    rows = Delivery.objects.filter(pk=delivery.pk, state=state, parts_sent=delivery.parts_sent)
    planned = rows.update(
        **parts,
        state=DeliveryState.PLANNED,
        reason=MORE_PARTS if next_part else AGAIN,
        next_try_at=now,
        latest_at=None,
        attempt_limit=F("attempt_count") + ATTEMPT_LIMIT,
        may_have_arrived=is_doubt,
        too_fast_since=None,
        lease_owner="",
        lease_until=None,
        updated_at=now,
    )
    tell_reopened(delivery.workspace_id, [delivery.pk] * planned, now=now)
    return planned
