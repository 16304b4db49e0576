"""What every change of a card needs: its lock, the end of its items, and its own end when none is left.

Whoever changes items holds the card's row lock first, and takes several in the order of their keys; deliveries
are updated after that. So a tick of the person, a cancelled sale and the tick that looks after both cannot meet.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from community_ops.common import audit
from community_ops.common.actors import Actor
from messaging.models import Delivery, DeliveryState, HumanTask, TaskItem, TaskState
from messaging.services import ends
from messaging.task_policies import BY_HAND, HANDED_ON, LEFT_OUT, SAID_AFTER


def lock_card(task: HumanTask) -> HumanTask:
    """The card, fresh and locked, with its assignee."""
    return HumanTask.objects.select_for_update(of=("self",)).select_related("assignee").get(pk=task.pk)


def lock_cards(task_ids: Iterable[int]) -> list[HumanTask]:
    rows = HumanTask.objects.select_for_update(of=("self",)).select_related("assignee")
    return list(rows.filter(pk__in=set(task_ids)).order_by("pk"))


def open_items(task: HumanTask) -> QuerySet[TaskItem]:
    """In the order they came, with their deliveries."""
    rows = TaskItem.objects.filter(task=task, state=TaskState.OPEN)
    return rows.select_related("task", "delivery__message", "delivery__endpoint__connection").order_by("pk")


def end_items(
    items: Collection[TaskItem], *, state: TaskState, delivery: tuple[DeliveryState, str], now: datetime, **facts: Any
) -> list[TaskItem]:
    """End open items of a locked card, and their deliveries with this state and reason; returns those that ended."""
    ended = [item for item in items if item.state == TaskState.OPEN]
    rows = TaskItem.objects.filter(pk__in=[item.pk for item in ended], state=TaskState.OPEN)
    rows.update(state=state, done_at=now, updated_at=now, **facts)
    ends.tell_items_ended(ended, state, now=now)
    of_items = Delivery.objects.filter(pk__in=[item.delivery_id for item in ended if item.delivery_id])
    waiting, (new_state, reason) = of_items.filter(state=DeliveryState.WAITING), delivery
    if ended and ends.are_told(ended[0].workspace_id):
        ends.tell_ended(ended[0].workspace_id, new_state, list(waiting.values_list("pk", flat=True)), now=now)
    waiting.update(state=new_state, reason=reason, updated_at=now)
    return ended


def close_if_over(task: HumanTask, *, now: datetime, reason: str = "") -> None:
    """Close a locked card none of whose items is open: done if one was done, else left out, else withdrawn."""
    states = set(TaskItem.objects.filter(task=task).values_list("state", flat=True))
    if task.state != TaskState.OPEN or TaskState.OPEN in states:
        return
    ends = (TaskState.DONE, TaskState.LEFT_OUT)
    task.state = next((state for state in ends if state in states), TaskState.WITHDRAWN)
    task.reason = (reason if states else HANDED_ON) if task.state == TaskState.WITHDRAWN else ""
    task.done_at, task.next_tell_at = now, None
    task.save(update_fields=["state", "reason", "done_at", "next_tell_at", "updated_at"])


def reopen(task: HumanTask, *, next_tell_at: datetime | None) -> None:
    """Let a locked card that was closed go on; with a moment to tell, its rhythm begins anew."""
    task.state, task.reason, task.done_at = TaskState.OPEN, "", None
    task.next_tell_at, task.opened_at = next_tell_at, None if next_tell_at else task.opened_at
    task.tell_step = 0 if next_tell_at else task.tell_step
    task.save(
        update_fields=["state", "reason", "done_at", "next_tell_at", "opened_at", "tell_step", "updated_at"],
    )


def withdraw(
    rows: QuerySet[Delivery], *, reason: str, now: datetime, state: DeliveryState = DeliveryState.CANCELLED
) -> int:
    """Take deliveries that wait for a person away from her; returns how many. Their cards close when nothing is left.

    Inside the caller's transaction. A card that is handed on meanwhile is followed to the other person.
    """
    waiting = rows.filter(state=DeliveryState.WAITING, task_item__state=TaskState.OPEN)
    count = 0
    while task_ids := set(waiting.values_list("task_item__task_id", flat=True)):
        for task in lock_cards(task_ids):
            items = list(open_items(task).filter(delivery__in=waiting))
            ended = end_items(items, state=TaskState.WITHDRAWN, delivery=(state, reason), now=now, reason=reason)
            count += len(ended)
            close_if_over(task, now=now, reason=reason)
    return count


def say_after(items: Collection[TaskItem], *, now: datetime, **facts: Any) -> None:
    """Items of a locked card that were taken away while she was at it are done by her word; `reason` still says why
    they were taken. Their deliveries are `confirmed`, and the card is done."""
    _turn(items, TaskState.DONE, (DeliveryState.CANCELLED, DeliveryState.CONFIRMED, SAID_AFTER), now=now, **facts)


def unsay_after(items: Collection[TaskItem], *, now: datetime, **facts: Any) -> None:
    """The way back from `say_after`: taken away from her as before."""
    for item in items:
        back = (DeliveryState.CONFIRMED, DeliveryState.CANCELLED, item.reason)
        _turn([item], TaskState.WITHDRAWN, back, now=now, **facts)


def _turn(
    items: Collection[TaskItem],
    state: TaskState,
    delivery: tuple[DeliveryState, DeliveryState, str],
    *,
    now: datetime,
    **facts: Any,
) -> None:
    """Items that have ended come to another end, and their deliveries go from one state to another for a reason."""
    if not items:
        return
    TaskItem.objects.filter(pk__in=[item.pk for item in items]).update(
        state=state, **{"done_at": now} | facts, updated_at=now
    )
    ends.tell_items_ended(list(items), state, now=now)
    old, new, reason = delivery
    of_items = Delivery.objects.filter(pk__in=[item.delivery_id for item in items if item.delivery_id], state=old)
    workspace_id = next(iter(items)).workspace_id
    if ends.are_told(workspace_id):
        ends.tell_ended(workspace_id, new, list(of_items.values_list("pk", flat=True)), now=now)
    of_items.update(state=new, reason=reason, updated_at=now)


def end_anew(task: HumanTask, *, now: datetime) -> None:
    """What a locked card that is over came to, after the end of one of its items changed."""
    if task.state != TaskState.OPEN:
        withdrawn = TaskItem.objects.filter(task=task, state=TaskState.WITHDRAWN).values_list("reason", flat=True)
        task.state = TaskState.OPEN
        close_if_over(task, now=now, reason=withdrawn.first() or "")


def note_on_deliveries(
    items: Iterable[TaskItem], *, verb: str, actor: Actor, now: datetime, reason: str = "", **after: Any
) -> None:
    """An audit row for each item's delivery: the delivery's own story tells what became of it."""
    for item in items:
        if item.delivery is not None:
            audit.record(actor=actor, verb=verb, target=item.delivery, now=now, after=after, reason=reason)


def back_to_waiting(items: Sequence[TaskItem], *, now: datetime) -> None:
    """The one way back from `confirmed`, and from `cancelled`: a person takes back what she said a moment ago.

    `items` of one card, which are open again.
    """
    ends.tell_items_reopened(items, now=now)
    of_items = Delivery.objects.filter(pk__in=[item.delivery_id for item in items if item.delivery_id])
    her_word = Q(state=DeliveryState.CONFIRMED) | Q(state=DeliveryState.CANCELLED, reason=LEFT_OUT)
    rows = of_items.filter(her_word)
    if items and ends.are_told(items[0].workspace_id):
        ends.tell_reopened(items[0].workspace_id, list(rows.values_list("pk", flat=True)), now=now)
    rows.update(state=DeliveryState.WAITING, reason=BY_HAND, updated_at=now)
