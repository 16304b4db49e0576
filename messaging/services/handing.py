"""From the engine to a person: a due delivery becomes an item of her card. See docs/adr/0008-human-tasks.md."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from community_ops.common import audit
from community_ops.common.actors import Actor
from community_ops.common.nudge import nudge
from messaging.models import (
    Assignee,
    Delivery,
    DeliveryState,
    Endpoint,
    HumanTask,
    Platform,
    TaskItem,
    TaskKind,
    TaskState,
)
from messaging.services import cards, claiming
from messaging.services.calling import card_of
from messaging.services.ends import tell_items_reopened
from messaging.showing import first_words, with_names
from messaging.task_policies import BY_HAND, TELL_TASK, card_digest, card_key

SETTLING = timedelta(seconds=2)  # until the other groups of the touch have joined: she is told of all of them
ENGINE = Actor.system("messaging.deliver_due")


def is_by_hand(endpoint: Endpoint | None) -> bool:
    """Whether a person sends what goes through this channel. The endpoint has its connection."""
    return endpoint is not None and endpoint.connection.platform == Platform.ASSISTED


@transaction.atomic
def hand_over(delivery: Delivery, *, owner: str, now: datetime) -> bool:
    """Let a due delivery wait for its person: `waiting`, and an item of her card of this touch.

    The groups of one touch share the card, however many workers hand them over at once. A card that was closed
    before a group came is opened again, and she is told anew; what was on a card before goes back there. False, and
    nothing written, when the row was moved, cancelled or taken by another worker. No limit counts it: no platform is
    called.
    """
    assert delivery.endpoint is not None
    if not claiming.drop(delivery, owner=owner, state=DeliveryState.WAITING, reason=BY_HAND, now=now):
        return False
    known = TaskItem.objects.filter(delivery=delivery).select_related("task").first()
    if known is not None:
        _note(delivery, _back_on(known, now), now)
    else:
        put_on_card(delivery, _whole(delivery), Assignee.objects.get(endpoint=delivery.endpoint), now)
    return True


@dataclass(frozen=True, kw_only=True, slots=True)
class Posting:
    """What a person posts of a message. `digest`: the same for places that share a card; with a subject, `text` is a
    template; `facts`: of the card."""

    digest: str
    title: str
    text: str
    image_id: int | None
    file_id: int | None
    subject_kind: str = ""
    subject_id: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def put_on_card(delivery: Delivery, posting: Posting, person: Assignee, now: datetime) -> HumanTask:
    """A new place for a delivery that waits, on this person's card of the same posting. Inside a transaction."""
    task = _card_for(delivery, posting, person, now)
    TaskItem.objects.create(
        workspace_id=delivery.workspace_id,
        task=task,
        target_kind=delivery.target_kind,
        target_id=delivery.target_id,
        label=delivery.target_label or person.name,
        delivery=delivery,
    )
    _note(delivery, task, now)
    return task


def _note(delivery: Delivery, task: HumanTask, now: datetime) -> None:
    """In the delivery's own story who has it; and she is told soon."""
    after = {"assignee": task.assignee_id, "name": task.assignee.name, "task": task.pk}
    audit.record(actor=ENGINE, verb="delivery.handed_over", target=delivery, now=now, after=after)
    nudge(TELL_TASK)


def _back_on(item: TaskItem, now: datetime) -> HumanTask:
    """Its own place again: it had failed there, and somebody wants it tried once more."""
    task = cards.lock_card(item.task)
    facts = {"reason": "", "note": "", "copied_text": "", "done_at": None, "done_by": None, "updated_at": now}
    TaskItem.objects.filter(pk=item.pk).update(state=TaskState.OPEN, **facts)
    tell_items_reopened([item], now=now)
    cards.reopen(task, next_tell_at=now + SETTLING)
    return task


def _whole(delivery: Delivery) -> Posting:
    message, template = delivery.message, written_text(delivery)
    return Posting(
        digest=card_digest(delivery),
        title=first_words(with_names(template, delivery.subject_kind), is_markdown=message.is_markdown),
        text=template,
        image_id=message.image_id,
        file_id=message.file_id,
        subject_kind=delivery.subject_kind,
        subject_id=delivery.subject_id,
    )


def _card_for(delivery: Delivery, posting: Posting, person: Assignee, now: datetime) -> HumanTask:
    """The card of this touch and person, locked and open."""
    task, is_new = HumanTask.objects.get_or_create(
        workspace_id=delivery.workspace_id,
        source_key=card_key(person.pk, posting.digest),
        defaults={
            "kind": TaskKind.MESSAGE,
            "assignee": person,
            "title": posting.title,
            "text": posting.text,
            "subject_kind": posting.subject_kind,
            "subject_id": posting.subject_id,
            "facts": posting.facts,
            "is_markdown": delivery.message.is_markdown,
            "image_id": posting.image_id,
            "file_id": posting.file_id,
            "zone": delivery.zone,
            "due_at": delivery.due_at,
            "latest_at": delivery.latest_at,
            "next_tell_at": now + SETTLING,
        },
    )
    if is_new:
        return task
    task = cards.lock_card(task)
    if task.state != TaskState.OPEN:
        cards.reopen(task, next_tell_at=now + SETTLING)
    return task


def written_text(delivery: Delivery) -> str:
    """What she posts, with its placeholders: a card of the message stands in words below its text."""
    card = card_of(delivery)
    return card.below(delivery.message.text) if card is not None else delivery.message.text
