"""Other tools hear how messages and places of cards ended, in the transaction in which they did.

An event is written only where a webhook wants it (`webhook_events.is_wanted`): a fan-out that nobody listens to writes
and asks nothing for each message. What ends in one go is one event.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction

from community_ops.common import outbox
from messaging.events import DeliveriesEnded, DeliveriesReopened, TaskItemsEnded, TaskItemsReopened
from messaging.models import Delivery, DeliveryState, TaskItem, TaskState
from messaging.services.webhook_events import is_wanted

# Of a delivery, each until a person decides otherwise; `unknown` waits for her word.
ENDS = frozenset(
    {
        DeliveryState.ACCEPTED,
        DeliveryState.CONFIRMED,
        DeliveryState.FAILED,
        DeliveryState.EXPIRED,
        DeliveryState.CANCELLED,
        DeliveryState.UNKNOWN,
    }
)
MOST = 100  # ids in one event: a call has about a kilobyte


@contextmanager
def telling(ended: Iterable[tuple[Delivery, str]], *, now: datetime) -> Iterator[Callable[[Collection[int]], None]]:
    """Around a statement that may bring deliveries to these states: gives what to call with the ids it did.

    A transaction where somebody is told, else nothing at all: the statement stays one by itself.
    """
    told: dict[tuple[int, str], list[int]] = defaultdict(list)
    for delivery, state in ended:
        if state in ENDS and is_wanted(DeliveriesEnded, delivery.workspace_id):
            told[delivery.workspace_id, state].append(delivery.pk)
    if not told:
        yield _tell_nobody
        return

    def tell(ids: Collection[int]) -> None:
        for (workspace_id, state), pks in told.items():
            _publish_ended(workspace_id, state, [pk for pk in pks if pk in ids], now)

    with transaction.atomic():
        yield tell


def _tell_nobody(_ids: Collection[int]) -> None:
    pass


def tell_ended(workspace_id: int, state: str, delivery_ids: Collection[int], *, now: datetime) -> None:
    """These deliveries have come to this end. Inside the caller's transaction; nothing where the state is no end."""
    if state in ENDS and delivery_ids and is_wanted(DeliveriesEnded, workspace_id):
        _publish_ended(workspace_id, state, delivery_ids, now)


def _publish_ended(workspace_id: int, state: str, delivery_ids: Collection[int], now: datetime) -> None:
    for ids in _in_order(delivery_ids):
        outbox.publish(
            DeliveriesEnded(workspace_id=workspace_id, delivery_ids=ids, state=DeliveryState(state), ended_at=now)
        )


def _in_order(ids: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """As many at a time as one event names."""
    ordered = tuple(sorted(ids))
    return (ordered[start : start + MOST] for start in range(0, len(ordered), MOST))


def are_told(workspace_id: int) -> bool:
    """Whether somebody is told how deliveries end or go on: a bulk change then has to know which rows it is about."""
    return is_wanted(DeliveriesEnded, workspace_id) or is_wanted(DeliveriesReopened, workspace_id)


def tell_reopened(workspace_id: int, delivery_ids: Sequence[int], *, now: datetime) -> None:
    """These deliveries had ended and go on. Inside the caller's transaction."""
    if delivery_ids and is_wanted(DeliveriesReopened, workspace_id):
        for ids in _in_order(delivery_ids):
            outbox.publish(DeliveriesReopened(workspace_id=workspace_id, delivery_ids=ids, reopened_at=now))


def tell_items_ended(items: Sequence[TaskItem], state: TaskState, *, now: datetime) -> None:
    """These places of one card have come to this end. Inside the caller's transaction."""
    if items and is_wanted(TaskItemsEnded, items[0].workspace_id):
        for ids in _in_order(item.pk for item in items):
            outbox.publish(
                TaskItemsEnded(
                    workspace_id=items[0].workspace_id,
                    task_id=items[0].task_id,
                    item_ids=ids,
                    state=state,
                    ended_at=now,
                )
            )


def tell_items_reopened(items: Sequence[TaskItem], *, now: datetime) -> None:
    """These places of one card are open again. Inside the caller's transaction."""
    if items and is_wanted(TaskItemsReopened, items[0].workspace_id):
        for ids in _in_order(item.pk for item in items):
            outbox.publish(
                TaskItemsReopened(
                    workspace_id=items[0].workspace_id, task_id=items[0].task_id, item_ids=ids, reopened_at=now
                )
            )
