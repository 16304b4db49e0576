"""What a pause or a send rule holds back on cards, place by place.

What posts in a group is held by its delivery, all else by its card.
A private message, a moments post and red packets have no delivery. Quiet hours and holidays hold them by the clock of
their card; a cap counts the messages of one target, and there is none.
"""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from messaging.models import Delivery, HumanTask, TaskItem
from messaging.services.holds import held_now
from messaging.services.send_rules import RULES, NotNow, kept_from, why_held
from messaging.task_policies import POSTS


def held_items(items: Iterable[TaskItem], *, now: datetime) -> dict[int, NotNow]:
    """Of open items, with their deliveries and cards, by id those that are paused or that a rule holds back at `now`.

    As many queries as `holds.held_now`.
    """
    posts, others = _apart(items)
    found = {posts[pk].pk: why for pk, why in held_now(_deliveries(posts), now=now).items()}
    return found | {pk: why for pk, task in others.items() if (why := _held(task, now)) is not None}


def kept_items(items: Iterable[TaskItem], *, at_due: bool = False) -> dict[int, NotNow]:
    """The same for what quiet hours or a holiday hold at the latest moment, or from the due one until after it
    (`send_rules.kept_from`). No query."""
    posts, others = _apart(items)
    found = {posts[pk].pk: why for pk, why in kept_from(_deliveries(posts), at_due=at_due).items()}
    for pk, task in others.items():
        at = task.due_at if at_due else task.latest_at
        why = _held(task, at) if task.latest_at is not None and at is not None else None
        if why is not None and why.latest_at is not None:
            found[pk] = why
    return found


def _apart(items: Iterable[TaskItem]) -> tuple[dict[int, TaskItem], dict[int, HumanTask]]:
    """Items that have a delivery by that one's id, and of the others that post something the card by the item's id."""
    posts: dict[int, TaskItem] = {}
    others: dict[int, HumanTask] = {}
    for item in items:
        if item.delivery is not None:
            posts[item.delivery.pk] = item
        elif item.task.kind in POSTS:
            others[item.pk] = item.task
    return posts, others


def _deliveries(posts: dict[int, TaskItem]) -> list[Delivery]:
    return [item.delivery for item in posts.values() if item.delivery is not None]


def _held(task: HumanTask, at: datetime) -> NotNow | None:
    rules = RULES.of(task.workspace_id)
    if not rules.held_at(at.astimezone(ZoneInfo(task.zone))):
        return None
    return why_held(rules, zone=task.zone, latest_at=task.latest_at, at=at)
