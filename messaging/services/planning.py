"""Planning, moving, pausing and cancelling deliveries: bulk, idempotent by source key, only rows not yet started.

The caller's own object (announcement, run) carries the audit row; a thousand deliveries do not.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TypeVar

from django.db import transaction
from django.db.models import Case, DateTimeField, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Greatest

from community_ops.common.actors import Actor
from community_ops.common.nudge import nudge
from messaging.models import Delivery, DeliveryState, OutboundMessage, Purpose
from messaging.platforms.base import Card
from messaging.policies import ATTEMPT_LIMIT, DELIVER_TASK, end_of
from messaging.services import cards
from messaging.services.ends import are_told, tell_ended
from messaging.services.rest_by_hand import hand_over_rests

T = TypeVar("T")
PAUSED = "paused"  # reason of a planned row that is parked until its origin goes on
CHANNEL_CHANGED = "channel_changed"
PARKED = datetime(9000, 1, 1, tzinfo=UTC)  # no engine looks as far ahead: a parked row costs its claims nothing
CHUNK = 500  # rows a statement; SQLite takes 32,766 values, a delivery has about 25


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedSend:
    """One text for one target. `source_key` (kind:object:occurrence:target) makes planning repeatable.

    `endpoint_id` None: the target has no endpoint yet; the delivery fails with `no_endpoint` at its time.
    `latest_at`: not started after this moment (`expired`). With a subject, `text` is a template whose
    placeholders are filled when it fires; without one it goes out as it is.
    `is_markdown`: `messaging.markup`. `may_split`: cut where it is longer than the platform takes, else it fails
    with `too_long`. `image_id`: an Asset that goes first, or with the text. `card` and `file_id` (an Asset that is
    kept) go last; a card is words where the platform has none, a file there fails with `file_not_taken`.
    `target_label`: what people call the target, kept for the record. `zone`: the target's, by which quiet hours,
    holidays and caps are counted; `exemption` (`policies.EXEMPTIONS`) says why they do not hold it.
    """

    source_key: str
    endpoint_id: int | None
    text: str
    due_at: datetime
    origin: str
    origin_id: int
    target_id: int
    latest_at: datetime | None = None
    subject_kind: str = ""
    subject_id: int | None = None
    target_kind: str = "group"
    target_label: str = ""
    purpose: str = Purpose.NOTICE
    zone: str = "UTC"
    exemption: str = ""
    is_markdown: bool = False
    may_split: bool = False
    image_id: int | None = None
    card: Card | None = None
    file_id: int | None = None


@transaction.atomic
def plan_deliveries(*, workspace_id: int, plans: Sequence[PlannedSend], actor: Actor, now: datetime) -> list[Delivery]:
    """Make one `planned` delivery for each plan and return them in the order of `plans`.

    A source key that exists already returns its row unchanged, whatever its state: calling twice, or
    from two planners at once, is harmless. Writes messages and deliveries; rings the delivery task.
    """
    wanted = {plan.source_key: plan for plan in plans}
    known = _by_key(workspace_id, wanted)
    new = [plan for key, plan in wanted.items() if key not in known]
    if new:
        _insert(workspace_id, new)
        known |= _by_key(workspace_id, [plan.source_key for plan in new])
        nudge(DELIVER_TASK)
    return [known[plan.source_key] for plan in plans]


def _by_key(workspace_id: int, keys: Iterable[str]) -> dict[str, Delivery]:
    rows: dict[str, Delivery] = {}
    for chunk in _chunks(list(keys)):
        found = Delivery.objects.of(workspace_id).filter(source_key__in=chunk)
        rows |= {row.source_key: row for row in found}
    return rows


def _insert(workspace_id: int, plans: list[PlannedSend]) -> None:
    for chunk in _chunks(plans):
        messages = OutboundMessage.objects.bulk_create([_message(workspace_id, plan) for plan in chunk])
        rows = [_delivery(plan, message) for plan, message in zip(chunk, messages, strict=True)]
        Delivery.objects.bulk_create(rows, ignore_conflicts=True)
        _drop_orphans(messages)


def _drop_orphans(messages: list[OutboundMessage]) -> None:
    """Another planner was first with some of the keys: its messages stay, ours go."""
    ids = [message.pk for message in messages]
    OutboundMessage.objects.filter(pk__in=ids, deliveries__isnull=True).delete()


def _message(workspace_id: int, plan: PlannedSend) -> OutboundMessage:
    return OutboundMessage(
        workspace_id=workspace_id,
        origin=plan.origin,
        origin_id=plan.origin_id,
        subject_kind=plan.subject_kind,
        subject_id=plan.subject_id,
        target_kind=plan.target_kind,
        target_id=plan.target_id,
        text=plan.text,
        is_markdown=plan.is_markdown,
        may_split=plan.may_split,
        image_id=plan.image_id,
        card=asdict(plan.card) if plan.card is not None else {},
        file_id=plan.file_id,
    )


def _delivery(plan: PlannedSend, message: OutboundMessage) -> Delivery:
    return Delivery(
        workspace_id=message.workspace_id,
        message=message,
        endpoint_id=plan.endpoint_id,
        source_key=plan.source_key,
        origin=plan.origin,
        origin_id=plan.origin_id,
        subject_kind=plan.subject_kind,
        subject_id=plan.subject_id,
        target_kind=plan.target_kind,
        target_id=plan.target_id,
        target_label=plan.target_label[:200],
        purpose=plan.purpose,
        zone=plan.zone,
        exemption=plan.exemption,
        due_at=plan.due_at,
        latest_at=plan.latest_at,
        next_try_at=plan.due_at,
        attempt_limit=ATTEMPT_LIMIT,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """The new times of one delivery."""

    due_at: datetime
    latest_at: datetime | None = None


@transaction.atomic
def reschedule_deliveries(*, workspace_id: int, moves: Mapping[str, Move | datetime], now: datetime) -> int:
    """Move deliveries (source key to new times) that have not started; returns how many were moved.

    One whose first part is out has started: half a message now and half of it later would be worse than none moved.
    So has one that is tried again because an earlier try may have arrived. Both go on as they would have.

    A bare datetime moves `latest_at` along with `due_at`. A worker that holds such a row loses it. What is paused
    stays paused, and goes out at its new time once it goes on.
    Rows that are sending or settled stay as they are. Calling twice changes nothing more.
    """
    rows = _unbegun(Delivery.objects.of(workspace_id).filter(source_key__in=moves))
    moved = sum(_move(row, moves[row.source_key], now) for row in rows.order_by("pk"))
    if moved:
        nudge(DELIVER_TASK)
    return moved


def _move(row: Delivery, move: Move | datetime, now: datetime) -> int:
    if isinstance(move, datetime):
        move = Move(due_at=move, latest_at=row.latest_at and row.latest_at + (move - row.due_at))
    return _unbegun(Delivery.objects.filter(pk=row.pk)).update(
        due_at=move.due_at,
        latest_at=move.latest_at,
        next_try_at=Case(When(reason=PAUSED, then=_moment(move.latest_at or PARKED)), default=_moment(move.due_at)),
        lease_owner="",
        lease_until=None,
        updated_at=now,
    )


def _unbegun(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Planned, and nothing of it has gone out or may have."""
    return rows.filter(state=DeliveryState.PLANNED, parts_sent=0, may_have_arrived=False)


def _moment(moment: datetime) -> Value:
    return Value(moment, output_field=DateTimeField())


@transaction.atomic
def pause_deliveries(*, workspace_id: int, origin: str, origin_id: int, now: datetime) -> int:
    """Park what has not started of one origin's object until `resume_deliveries`; returns how many were parked.

    Their times stay. One with a latest moment is looked at again when that has come, and expires. A worker that
    holds such a row loses it; what is being sent keeps its own end. Calling twice changes nothing more. What is
    planned afterwards is held by the origin's guard (`ports.PAUSED`), so the object has to know that it is paused.
    """
    rows = _planned_of(workspace_id, origin, origin_id).exclude(reason=PAUSED)
    parked_until = Coalesce("latest_at", _moment(PARKED))
    return rows.update(next_try_at=parked_until, reason=PAUSED, lease_owner="", lease_until=None, updated_at=now)


@transaction.atomic
def resume_deliveries(*, workspace_id: int, origin: str, origin_id: int, now: datetime) -> int:
    """Let go on what `pause_deliveries` parked; returns how many. What is due goes out now, the rest at its time.

    What has passed its latest moment is not sent: it expires as always. Calling twice changes nothing more.
    """
    rows = _planned_of(workspace_id, origin, origin_id).filter(reason=PAUSED)
    next_try_at = Greatest("due_at", _moment(now))
    resumed = rows.update(next_try_at=next_try_at, reason="", lease_owner="", lease_until=None, updated_at=now)
    if resumed:
        nudge(DELIVER_TASK)
    return resumed


def waiting_by_hand_count(*, workspace_id: int, origin: str, origin_id: int) -> int:
    """How many of one origin's object wait for a person to send them. A pause holds them by the origin's guard alone,
    which is asked by their cards."""
    rows = Delivery.objects.of(workspace_id).filter(origin=origin, origin_id=origin_id)
    return rows.filter(state=DeliveryState.WAITING).count()


def _planned_of(workspace_id: int, origin: str, origin_id: int) -> QuerySet[Delivery]:
    rows = Delivery.objects.of(workspace_id).filter(origin=origin, origin_id=origin_id)
    return rows.filter(state=DeliveryState.PLANNED)


@transaction.atomic
def retarget_deliveries(
    *, workspace_id: int, target_id: int, endpoint_id: int | None, now: datetime, target_kind: str = "group"
) -> int:
    """Let what is planned for a target go to another endpoint (None: nowhere); returns how many deliveries changed.

    A worker that holds such a row loses it and the next one sends it the new way. Rows that are sending or settled
    keep the endpoint they went to; what failed because there was none can be tried again through the new one.
    One of which a try may have arrived is not repeated another way: it is in doubt, and a person decides. Of one whose
    first parts are out a person gets the rest at once, on a card of its own (`rest_by_hand`); where the new channel is
    no person, or nobody can tell the rest, it fails (`channel_changed`) and keeps the channel that has its beginning:
    half a message in each of two chats would be none.
    Calling twice changes nothing more.
    """
    of_target = Delivery.objects.of(workspace_id).filter(target_kind=target_kind, target_id=target_id)
    went_nowhere = of_target.filter(state=DeliveryState.FAILED, reason="no_endpoint", endpoint_id__isnull=True)
    if endpoint_id is not None:
        went_nowhere.filter(parts_sent=0).update(endpoint_id=endpoint_id)  # not `updated_at`: it failed when it failed
    rows = of_target.filter(state=DeliveryState.PLANNED)
    if endpoint_id is None:
        rows = rows.filter(endpoint_id__isnull=False)
    else:
        rows = rows.filter(~Q(endpoint_id=endpoint_id) | Q(endpoint_id__isnull=True))
    _end(workspace_id, rows.filter(may_have_arrived=True), DeliveryState.FAILED, CHANNEL_CHANGED, now)
    handed = hand_over_rests(rows, endpoint_id=endpoint_id, now=now) if endpoint_id is not None else 0
    _end(workspace_id, rows.filter(parts_sent__gt=0), DeliveryState.FAILED, CHANNEL_CHANGED, now)
    changed = rows.update(endpoint_id=endpoint_id, lease_owner="", lease_until=None, updated_at=now)
    if changed:
        nudge(DELIVER_TASK)
    return changed + handed


@transaction.atomic
def cancel_deliveries(
    *,
    workspace_id: int,
    reason: str,
    actor: Actor,
    now: datetime,
    origin: str = "",
    origin_id: int | None = None,
    source_keys: Collection[str] | None = None,
) -> int:
    """Cancel what has not started, of one origin's object and/or with these source keys; returns how many.

    One conditional update: what a worker has begun to send is not touched, and keeps its own end. What waits for a
    person to send it is taken away from her. One of which an earlier try may have arrived is counted too, and is in
    doubt from then on: not tried again, and a person says whether it was sent.
    """
    rows = Delivery.objects.of(workspace_id)
    if origin_id is not None:
        rows = rows.filter(origin=origin, origin_id=origin_id)
    if source_keys is None:
        assert origin_id is not None, "say whose deliveries, or which"
        return _cancel(workspace_id, rows, reason, now)
    chunks = _chunks(list(source_keys))
    return sum(_cancel(workspace_id, rows.filter(source_key__in=keys), reason, now) for keys in chunks)


def _cancel(workspace_id: int, rows: QuerySet[Delivery], reason: str, now: datetime) -> int:
    """First the planned rows: a worker that hands one over at this moment has done so, or never will."""
    cancelled = _end(workspace_id, rows, DeliveryState.CANCELLED, reason, now)
    return cancelled + cards.withdraw(rows, reason=reason, now=now)


def _end(workspace_id: int, rows: QuerySet[Delivery], state: DeliveryState, reason: str, now: datetime) -> int:
    """End what is planned among the rows, in doubt where an earlier try may have arrived.

    One conditional update; where a webhook is told of it, one for each `CHUNK` rows.
    """
    planned = rows.filter(state=DeliveryState.PLANNED)
    if not are_told(workspace_id):
        return _put_to_end(planned, state, reason, now)
    count = 0
    for in_doubt in (False, True):
        ids = list(
            planned.filter(may_have_arrived=in_doubt).select_for_update().order_by("pk").values_list("pk", flat=True)
        )
        count += sum(_put_to_end(Delivery.objects.filter(pk__in=some), state, reason, now) for some in _chunks(ids))
        tell_ended(workspace_id, end_of(state, reason, may_have_arrived=in_doubt)[0], ids, now=now)
    return count


def _put_to_end(planned: QuerySet[Delivery], state: DeliveryState, reason: str, now: datetime) -> int:
    in_doubt, why = end_of(state, reason, may_have_arrived=True)
    is_doubt = Q(may_have_arrived=True)
    return planned.update(
        state=Case(When(is_doubt, then=Value(in_doubt.value)), default=Value(state.value)),
        reason=Case(When(is_doubt, then=Value(why[:60])), default=Value(reason)),
        lease_owner="",
        lease_until=None,
        updated_at=now,
    )


def _chunks(rows: list[T]) -> Iterable[list[T]]:
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))
