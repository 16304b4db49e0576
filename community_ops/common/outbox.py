"""The outbox: how a lower app tells higher ones what happened.

`publish` writes a row in the caller's transaction. The drain task hands it to every subscribed
handler; a handler's effect and its receipt are one transaction, so effects in the database
happen once however often the drain runs. A failing handler is tried eight times with growing
delay, then parked and shown on Today; it never holds another handler up. Order is promised per
aggregate id and handler only (a parked receipt no longer holds its successors).
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from community_ops.common import audit, clock
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidTransition
from community_ops.common.events import Event
from community_ops.common.models import EventReceipt, OutboxEvent, ReceiptState
from community_ops.common.nudge import nudge
from community_ops.common.turns import unlocked

DRAIN_TASK = "common.tasks.drain_outbox"
MAX_ATTEMPTS = 8
KEEP_DISPATCHED = timedelta(days=30)
BATCH = 200

E = TypeVar("E", bound=Event)
Handler = Callable[..., None]
log = logging.getLogger(__name__)

_classes: dict[str, type[Event]] = {}
_handlers: dict[str, dict[str, Handler]] = {}
_take_rows: set[str] = set()  # names of handlers that are given the event's row too


def publish(event: Event) -> None:
    """Tell `event` to its subscribers after this transaction commits. Must run inside one."""
    assert connection.in_atomic_block, "an event belongs to the transaction that makes it true"
    OutboxEvent.objects.create(
        workspace_id=event.workspace_id,
        name=event.name,
        aggregate_id=event.aggregate_id,
        payload=event.as_payload(),
        published_at=clock.now(),
    )
    nudge(DRAIN_TASK)


def subscribe(event: type[E], *, name: str, handler: Callable[..., None], takes_row: bool = False) -> None:
    """Register `handler` under the stable name `app.what_it_does`; called from `AppConfig.ready()`.

    The handler runs inside a transaction, may be called again after a failure, and must not call out. It is given
    the event, with `takes_row` its OutboxEvent as well: for whoever needs its number and moment.
    """
    _classes[event.name] = event
    known = _handlers.setdefault(event.name, {})
    if known.get(name, handler) is not handler:
        raise ValueError(f"handler {name!r} is subscribed already")
    known[name] = handler
    if takes_row:
        _take_rows.add(name)


def drain(*, now: datetime, limit: int = BATCH, between: Callable[[], None] = lambda: None) -> int:
    """Hand out waiting events and work on due receipts; returns how many receipts were settled.

    `between` is called after each of them (`turns.give_way`).
    """
    _dispatch(now=now, limit=limit)
    settled = 0
    while settled < limit:  # a round takes one event of each aggregate; the next ones follow in the next round
        round_settled = 0
        for pk in list(_due(now).values_list("pk", flat=True)[:limit]):
            round_settled += _work_on(pk, now=now)
            between()
        if not round_settled:
            break
        settled += round_settled
    return settled


def retry_parked(*, receipt: EventReceipt, actor: Actor, now: datetime) -> None:
    """Give a parked receipt its eight tries again. Raises InvalidTransition when it is not parked."""
    with transaction.atomic():
        parked = EventReceipt.objects.filter(pk=receipt.pk, state=ReceiptState.PARKED)
        if not parked.update(state=ReceiptState.PENDING, attempt_count=0, next_try_at=now):
            raise InvalidTransition(_("This event is not parked."))
        audit.record(
            actor=actor, verb="event.retried", target=receipt.event, now=now, after={"handler": receipt.handler}
        )
        nudge(DRAIN_TASK)


def parked_receipts(workspace_id: int) -> QuerySet[EventReceipt]:
    """Receipts of this workspace that gave up, oldest first, with their events."""
    rows = EventReceipt.objects.filter(state=ReceiptState.PARKED, event__workspace_id=workspace_id)
    return rows.select_related("event").order_by("id")


def prune(*, now: datetime, dry_run: bool = False) -> int:
    """Delete events dispatched more than 30 days ago whose receipts are all done; returns how many."""
    unfinished = EventReceipt.objects.filter(event=OuterRef("pk")).exclude(state=ReceiptState.DONE)
    old = OutboxEvent.objects.filter(dispatched_at__lt=now - KEEP_DISPATCHED).exclude(Exists(unfinished))
    return old.count() if dry_run else old.delete()[1].get("common.OutboxEvent", 0)


def _dispatch(*, now: datetime, limit: int) -> None:
    with transaction.atomic():
        waiting = OutboxEvent.objects.filter(dispatched_at__isnull=True).order_by("id")
        events = list(unlocked(waiting)[:limit])
        receipts = [
            EventReceipt(event=event, handler=name, next_try_at=now)
            for event in events
            for name in _handlers.get(event.name, ())
        ]
        EventReceipt.objects.bulk_create(receipts, ignore_conflicts=True)
        OutboxEvent.objects.filter(pk__in=[event.pk for event in events]).update(dispatched_at=now)


def _due(now: datetime) -> QuerySet[EventReceipt]:
    """Due receipts, but of each aggregate and handler only the oldest pending one."""
    earlier = EventReceipt.objects.filter(
        handler=OuterRef("handler"),
        state=ReceiptState.PENDING,
        event__aggregate_id=OuterRef("event__aggregate_id"),
        event_id__lt=OuterRef("event_id"),
    )
    due = EventReceipt.objects.filter(state=ReceiptState.PENDING, next_try_at__lte=now)
    return due.exclude(Exists(earlier)).order_by("id")


def _work_on(receipt_pk: int, *, now: datetime) -> int:
    try:
        with transaction.atomic():
            pending = EventReceipt.objects.filter(pk=receipt_pk, state=ReceiptState.PENDING)
            receipt = unlocked(pending.select_related("event")).first()
            if receipt is None:
                return 0
            event = receipt.event
            told = _classes[event.name].from_payload(event.payload)
            row = (event,) if receipt.handler in _take_rows else ()
            _handlers[event.name][receipt.handler](told, *row)
            pending.update(state=ReceiptState.DONE, last_error="")
    except Exception as error:
        log.exception("event handler failed", extra={"receipt": receipt_pk})
        _record_failure(receipt_pk, error, now=now)
        return 0
    return 1


def _record_failure(receipt_pk: int, error: Exception, *, now: datetime) -> None:
    receipt = EventReceipt.objects.get(pk=receipt_pk)
    attempts = receipt.attempt_count + 1
    EventReceipt.objects.filter(pk=receipt_pk, state=ReceiptState.PENDING).update(
        attempt_count=attempts,
        state=ReceiptState.PARKED if attempts >= MAX_ATTEMPTS else ReceiptState.PENDING,
        next_try_at=now + timedelta(seconds=min(2**attempts, 300)),
        last_error=f"{type(error).__name__}: {error}"[:500],
    )
