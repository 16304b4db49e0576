"""Cards: made by hand, handed on to a colleague, taken back. Cards of touches are made by `handing`."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from community_ops.common import audit, placeholders
from community_ops.common import text as text_tools
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput, InvalidTransition
from community_ops.common.models import Asset
from community_ops.common.nudge import nudge
from messaging import task_policies
from messaging.models import Assignee, DeliveryState, HumanTask, Purpose, TaskItem, TaskKind, TaskState
from messaging.ports import text_contexts
from messaging.services import cards
from messaging.services.card_posts import GROUP, NewItem, plan_posts, zones_of
from messaging.task_policies import HAS_TEXT, MOST_ITEMS, TAKEN_BACK, TELL_TASK

MAX_TEXT = 20_000


@transaction.atomic
def create_task(
    *,
    assignee: Assignee,
    kind: str,
    title: str,
    due_at: datetime,
    items: Sequence[NewItem] = (),
    text: str = "",
    latest_at: datetime | None = None,
    is_markdown: bool = False,
    image: Asset | None = None,
    facts: Mapping[str, Any] | None = None,
    subject_kind: str = "",
    subject_id: int | None = None,
    source_key: str = "",
    zone: str = "",
    purpose: str = Purpose.NOTICE,
    actor: Actor,
    now: datetime,
) -> HumanTask:
    """Give somebody work: a card with its items (without any: one, called like the card). She is told when it is due.

    What posts a text in a group (`task_policies.IN_GROUPS`) gets a delivery for it that waits for her: send rules
    hold it, caps count it by `purpose`, and its subject's guard is asked, as of a touch.
    With a subject, `text` is a template that is filled when she copies it; without one a placeholder in it is a
    mistake, as in announcements. `facts`: `task_policies.FACTS`, amounts
    as decimal strings in major units. `zone`: whose clock her times are told by; without one that of the first group,
    else the installation's. A `source_key` (kind:object:occurrence) that exists returns its card
    unchanged, whatever its state: calling twice is harmless; without one every call makes a card.
    Writes an audit row. Raises InvalidInput naming the field.
    """
    key = text_tools.clean_line(source_key, field="source_key", max_length=130, required=False)
    key = key or f"task:{uuid.uuid4().hex}"
    values = {
        "kind": _known_kind(kind),
        "assignee": _live(assignee, field="assignee"),
        **_words(kind, title, text, has_image=image is not None, known=_fillable(subject_kind, subject_id)),
        "subject_kind": subject_kind,
        "subject_id": subject_id,
        "is_markdown": is_markdown,
        "image": image,
        "facts": task_policies.read(task_policies.FACTS.get(kind, ()), facts or {}),
        "zone": zone or _zone_of(assignee.workspace_id, items),
        "due_at": due_at,
        "latest_at": _after(due_at, latest_at),
        "next_tell_at": max(due_at, now),
    }
    places, purpose = _places(items, title), _known_purpose(purpose)
    task, is_new = HumanTask.objects.get_or_create(workspace_id=assignee.workspace_id, source_key=key, defaults=values)
    if is_new:
        after = {"kind": kind, "title": task.title, "assignee": assignee.pk, "item_count": len(places)}
        audit.record(actor=actor, verb="task.created", target=task, now=now, after=after)
        _add_items(task, places, purpose=purpose, actor=actor, now=now)
        nudge(TELL_TASK)
    return task


def _zone_of(workspace_id: int, items: Sequence[NewItem]) -> str:
    zones = zones_of(workspace_id, [item.target_id for item in items if item.target_kind == GROUP and item.target_id])
    return next(iter(zones.values()), settings.DEFAULT_COMMUNITY_TIMEZONE)


def _add_items(task: HumanTask, places: Sequence[NewItem], *, purpose: str, actor: Actor, now: datetime) -> None:
    """The places of a new card, with their deliveries where a text goes to a group."""
    posts = plan_posts(task, places, purpose=purpose, actor=actor, now=now)
    items = TaskItem.objects.bulk_create(
        TaskItem(workspace_id=task.workspace_id, task=task, label=one.label, target_kind=one.target_kind,
                 target_id=one.target_id, delivery=posts.get(number))
        for number, one in enumerate(places)
    )  # fmt: skip
    names: dict[str, Any] = {"assignee": task.assignee_id, "name": task.assignee.name, "task": task.pk}
    cards.note_on_deliveries(items, verb="delivery.handed_over", actor=actor, now=now, **names)


def _known_kind(kind: str) -> str:
    if kind not in TaskKind.values:
        raise InvalidInput(_("One of: %(names)s.") % {"names": ", ".join(TaskKind.values)}, field="kind")
    return kind


def _known_purpose(purpose: str) -> str:
    if purpose not in Purpose.values:
        raise InvalidInput(_("One of: %(names)s.") % {"names": ", ".join(Purpose.values)}, field="purpose")
    return purpose


def _live(assignee: Assignee, *, field: str) -> Assignee:
    if assignee.archived_at is not None:
        raise InvalidInput(_("This person is archived."), field=field)
    return assignee


def _fillable(subject_kind: str, subject_id: int | None) -> Collection[str]:
    """Placeholders that will have a value when she copies; without a subject there are none."""
    return text_contexts.get(subject_kind).names() if subject_kind and subject_id is not None else ()


def _words(kind: str, title: str, words: str, *, has_image: bool, known: Collection[str]) -> dict[str, str]:
    words = text_tools.clean_text(words, field="text", max_length=MAX_TEXT, required=kind in HAS_TEXT and not has_image)
    placeholders.refuse_unknown(words, known=known)
    return {"title": text_tools.clean_line(title, field="title", max_length=200), "text": words}


def _after(due_at: datetime, latest_at: datetime | None) -> datetime | None:
    if latest_at is not None and latest_at < due_at:
        raise InvalidInput(_("The latest moment is before its time."), field="latest_at")
    return latest_at


def _places(items: Sequence[NewItem], title: str) -> list[NewItem]:
    if len(items) > MOST_ITEMS:
        raise InvalidInput(_("At most %(count)d.") % {"count": MOST_ITEMS}, field="items")
    return list(items) or [NewItem(text_tools.clean_line(title, field="title", max_length=200))]


@transaction.atomic
def hand_on(*, task: HumanTask, to: Assignee, actor: Actor, now: datetime) -> HumanTask:
    """Let another person do what is still open of a card, and return her card; she is told at once.

    What was done stays with who did it. The same hand-over twice returns the same card. Writes an audit row, and one
    for each delivery.
    Raises InvalidInput naming `to`, InvalidTransition when nothing of the card is open.
    """
    if to.pk == task.assignee_id or to.workspace_id != task.workspace_id:
        raise InvalidInput(_("Choose a colleague."), field="to")
    _live(to, field="to")
    hers = _card_of(to, task, now)  # before any lock: two hand-overs at once meet here, not crosswise
    locked = {one.pk: one for one in cards.lock_cards([task.pk, hers.pk])}
    task, hers = locked[task.pk], locked[hers.pk]
    moving = list(cards.open_items(task))
    moved = TaskItem.objects.filter(task=task, state=TaskState.OPEN).update(task=hers, copied_text="", updated_at=now)
    if moved:
        cards.reopen(hers, next_tell_at=now)
        cards.close_if_over(task, now=now)
        before, after = {"assignee": task.assignee.name}, {"assignee": to.name, "task": hers.pk, "item_count": moved}
        audit.record(actor=actor, verb="task.handed_on", target=task, now=now, before=before, after=after)
        names = {"name": to.name, "giver": task.assignee.name}
        cards.note_on_deliveries(moving, verb="delivery.handed_on", actor=actor, now=now, **names)
        nudge(TELL_TASK)
    elif not TaskItem.objects.filter(task=hers).exists():
        raise InvalidTransition(_("Nothing on this card is open."))
    return hers


_COPIED = (
    "kind", "title", "text", "subject_kind", "subject_id", "is_markdown", "image_id", "file_id", "facts", "zone",
    "due_at", "latest_at",
)  # fmt: skip


def _card_of(person: Assignee, task: HumanTask, now: datetime) -> HumanTask:
    """This person's card of the same work; a new one is closed, and opened when items come to it."""
    facts = {name: getattr(task, name) for name in _COPIED}
    return HumanTask.objects.get_or_create(
        workspace_id=task.workspace_id,
        source_key=task_policies.key_for(task.source_key, person.pk),
        defaults={**facts, "assignee": person, "state": TaskState.WITHDRAWN, "done_at": now},
    )[0]


@transaction.atomic
def withdraw_task(*, task: HumanTask, actor: Actor, now: datetime, note: str = "") -> HumanTask:
    """Take a card back: what is open of it is not to be done, and its deliveries are cancelled. Returns it fresh.

    Twice is once. Writes an audit row with the note. Raises InvalidTransition when nothing of it is open.
    """
    task = cards.lock_card(task)
    note = text_tools.clean_line(note, field="note", max_length=200, required=False)
    delivery = (DeliveryState.CANCELLED, TAKEN_BACK)
    items = list(cards.open_items(task))
    ended = cards.end_items(items, state=TaskState.WITHDRAWN, delivery=delivery, now=now, reason=TAKEN_BACK)
    if ended:
        cards.close_if_over(task, now=now, reason=TAKEN_BACK)
        audit.record(actor=actor, verb="task.withdrawn", target=task, now=now, reason=note)
        cards.note_on_deliveries(ended, verb="delivery.taken_back", actor=actor, now=now, reason=note)
    elif not TaskItem.objects.filter(task=task, reason=TAKEN_BACK).exists():
        raise InvalidTransition(_("Nothing on this card is open."))
    return task
