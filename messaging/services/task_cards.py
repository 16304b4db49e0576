"""What a person does with her card: look, copy, tick, take back, leave out."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from community_ops.common import audit, outbox, placeholders
from community_ops.common import text as texts
from community_ops.common.actors import Actor, ActorKind
from community_ops.common.errors import InvalidInput, InvalidTransition, NotAvailable
from community_ops.common.models import Asset
from messaging import task_policies
from messaging.events import TaskItemDone, TaskItemTakenBack
from messaging.models import Assignee, Delivery, DeliveryState, HumanTask, Platform, TaskItem, TaskState
from messaging.platforms import registry
from messaging.platforms.base import Content
from messaging.ports import Verdict, text_contexts
from messaging.services import cards
from messaging.services.calling import card_of
from messaging.services.card_holds import held_items
from messaging.services.send_rules import NotNow
from messaging.services.sending import Refusal, filled, verdicts_on
from messaging.task_policies import CONFIRMED_BY_PERSON, LEFT_OUT


@dataclass(frozen=True, slots=True)
class CopiedText:
    """A text for some of the items; `pieces`: as it is pasted, cut where it is longer than the place takes."""

    pieces: tuple[str, ...]
    items: tuple[TaskItem, ...]


@dataclass(frozen=True, slots=True)
class Copied:
    """`withdrawn`: not to be posted any more, `item.reason` says why. `waiting`: their guard says "not now"; `held`: a
    send rule does. Both stay open."""

    texts: tuple[CopiedText, ...]
    at: datetime
    withdrawn: tuple[TaskItem, ...] = ()
    waiting: tuple[TaskItem, ...] = ()
    held: tuple[tuple[TaskItem, NotNow], ...] = ()


def open_card(*, task: HumanTask, now: datetime) -> None:
    """Remember that she looked at the card for the first time: then she is not told of it again before it is late."""
    HumanTask.objects.filter(pk=task.pk, opened_at__isnull=True).update(opened_at=now, updated_at=now)


def copy_card(*, task: HumanTask, actor: Actor, now: datetime) -> Copied:
    """Fill the text of every open item with the values of this moment, and remember what she was given.

    The guards of the items' deliveries, each once, and the send rules are asked first, outside any transaction: what
    may not be posted any more is withdrawn; what may not be posted now stays open and has no text. Items whose texts
    are the same share one. Writes an audit row, unless all of it has to wait. Raises InvalidTransition when nothing is
    open.
    """
    items = list(cards.open_items(task))
    deliveries = [item.delivery for item in items if item.delivery is not None]
    held = held_items(items, now=now)
    verdicts = {one.pk: verdict for one, verdict in zip(deliveries, verdicts_on(deliveries, now), strict=True)}
    found = [_look_at(item, task, verdicts, held, now) for item in items]
    if not found:
        raise InvalidTransition(_("Nothing on this card is open."))
    with transaction.atomic():
        task = cards.lock_card(task)
        still_open = set(cards.open_items(task).values_list("pk", flat=True))
        found = [one for one in found if one.item.pk in still_open]
        _withdraw_refused(found, now)
        copied = [one for one in found if one.refusal is None and not one.has_to_wait]
        if any(not one.has_to_wait for one in found):
            _remember(task, copied, now)
            cards.close_if_over(task, now=now, reason=next((one.refusal.reason for one in found if one.refusal), ""))
            audit.record(actor=actor, verb="task.copied", target=task, now=now, after={"item_count": len(copied)})
    return Copied(
        texts=_grouped(copied, is_markdown=task.is_markdown),
        at=now,
        withdrawn=tuple(one.item for one in found if one.refusal is not None),
        waiting=tuple(one.item for one in found if one.is_waiting),
        held=tuple((one.item, one.held) for one in found if one.held is not None),
    )


@dataclass(frozen=True, slots=True)
class _Look:
    item: TaskItem
    text: str = ""
    refusal: Refusal | None = None
    is_waiting: bool = False
    held: NotNow | None = None

    @property
    def has_to_wait(self) -> bool:
        return self.is_waiting or self.held is not None


def _withdraw_refused(found: Iterable[_Look], now: datetime) -> None:
    refused: dict[tuple[DeliveryState, str], list[TaskItem]] = defaultdict(list)
    for one in found:
        if one.refusal is not None:
            one.item.reason = one.refusal.reason
            refused[one.refusal.state, one.refusal.reason].append(one.item)
    for (state, reason), items in refused.items():
        cards.end_items(items, state=TaskState.WITHDRAWN, delivery=(state, reason), now=now, reason=reason)


def _look_at(
    item: TaskItem, task: HumanTask, verdicts: Mapping[int, Verdict], held: Mapping[int, NotNow], now: datetime
) -> _Look:
    """May it still be posted there, and now, and with which words?"""
    try:
        if item.delivery is None:
            why = held.get(item.pk)
            return _Look(item, held=why) if why is not None else _Look(item, _filled_by_hand(item, task, now))
        verdict = verdicts[item.delivery.pk]
        if not verdict.allowed:
            refusal = None if verdict.waits else Refusal(DeliveryState.CANCELLED, verdict.reason)
            return _Look(item, refusal=refusal, is_waiting=verdict.waits)
        if item.pk in held:
            return _Look(item, held=held[item.pk])
        if item.delivery.parts_sent:  # the rest: its values are those of the parts that are out
            return _Look(item, task.text)
        text, card = filled(item.delivery, now), card_of(item.delivery)
        return _Look(item, card.below(text) if card is not None else text)
    except Refusal as refusal:
        return _Look(item, refusal=refusal)


def _filled_by_hand(item: TaskItem, task: HumanTask, now: datetime) -> str:
    if not task.subject_kind or task.subject_id is None:
        return task.text
    if not placeholders.names_in(task.text):
        return placeholders.fill(task.text, {})
    try:
        context = text_contexts.get(task.subject_kind)
        return placeholders.fill(task.text, context.values(task.subject_id, item.target_kind, item.target_id or 0, now))
    except NotAvailable:
        raise Refusal(DeliveryState.CANCELLED, "not_available") from None
    except KeyError:
        raise Refusal(DeliveryState.FAILED, "text_incomplete") from None


def _remember(task: HumanTask, copied: Iterable[_Look], now: datetime) -> None:
    given: dict[str, list[int]] = defaultdict(list)
    for one in copied:
        one.item.copied_text = one.text
        given[one.text].append(one.item.pk)
    for text, pks in given.items():
        TaskItem.objects.filter(pk__in=pks).update(copied_text=text, updated_at=now)
    HumanTask.objects.filter(pk=task.pk).update(copied_at=now, updated_at=now)


def _grouped(copied: Iterable[_Look], *, is_markdown: bool) -> tuple[CopiedText, ...]:
    by_text: dict[str, list[TaskItem]] = defaultdict(list)
    for one in copied:
        by_text[one.text].append(one.item)
    return tuple(
        CopiedText(pieces_of(text, is_markdown=is_markdown), tuple(items)) for text, items in by_text.items() if text
    )


def pieces_of(text: str, *, is_markdown: bool) -> tuple[str, ...]:
    """A text as it is pasted: marks spelled out, and cut where it is longer than the place takes."""
    adapter = registry.get(Platform.ASSISTED)
    parts = adapter.parts(Content(text=text, is_markdown=is_markdown))
    return tuple(adapter.spelled(part.text, is_markdown=is_markdown) for part in parts)


@transaction.atomic
def finish_items(
    *,
    task: HumanTask,
    item_ids: Collection[int] | None = None,
    answers: Mapping[int, Mapping[str, Any]] | None = None,
    evidence: Asset | None = None,
    actor: Actor,
    now: datetime,
) -> HumanTask:
    """Tick items of a card (None: all that are open) and return the card fresh; it closes when none is open.

    `answers` by item id, as the kind asks (`task_policies.ANSWERS`); `evidence`: a screenshot, or the QR code some
    kinds ask for. The items' deliveries are `confirmed` by this person's word. Items that were ticked before stay
    as they are; one that was withdrawn meanwhile does not hold the others up, and where she had copied it before, her
    word that it is posted is kept: it is done, its delivery `confirmed` (`said_after`). Writes audit rows and
    TaskItemDone.
    Raises InvalidInput naming the answer, `image` or `items`; InvalidTransition when none of them can be ticked.
    """
    task = cards.lock_card(task)
    chosen = _chosen(task, item_ids)
    items = [item for item in chosen if item.state == TaskState.OPEN]
    after = [item for item in chosen if task_policies.may_have_been_posted(item)]
    if not items and not after:
        _refuse_unless(chosen or TaskItem.objects.filter(task=task), TaskState.DONE)
        return task
    if evidence is None and task.kind in task_policies.NEEDS_IMAGE:
        raise InvalidInput(_("A picture is needed."), field="image")
    fields, currency = task_policies.ANSWERS.get(task.kind, ()), task.facts.get("currency", "")
    ended = [*items, *after]
    given = {item.pk: task_policies.read(fields, (answers or {}).get(item.pk, {}), currency=currency) for item in ended}
    done_by = _who(actor, task)
    facts = {"evidence": evidence, "done_by": done_by, "note": ""}
    end = (DeliveryState.CONFIRMED, CONFIRMED_BY_PERSON)
    cards.end_items(items, state=TaskState.DONE, delivery=end, now=now, **facts, reason="")
    cards.say_after(after, now=now, **facts)
    _keep(ended, given)
    if after:
        cards.end_anew(task, now=now)
    cards.close_if_over(task, now=now)
    name = done_by.name if done_by else actor.label
    for verb, some in (("done", items), ("done_after", after)):
        if some:
            told = {"items": [item.pk for item in some], "done_by": done_by and done_by.name}
            audit.record(actor=actor, verb=f"task.{verb}", target=task, now=now, after=told)
            cards.note_on_deliveries(some, verb=f"delivery.{verb}_by_hand", actor=actor, now=now, name=name)
    for item in ended:
        outbox.publish(_done(task, item, given[item.pk], done_by))
    return task


def _chosen(task: HumanTask, item_ids: Collection[int] | None) -> list[TaskItem]:
    """Items of a locked card; all that are open when none is named. Raises InvalidInput for another card's."""
    rows = TaskItem.objects.filter(task=task).select_related("delivery").order_by("pk")
    if item_ids is None:
        return list(rows.filter(state=TaskState.OPEN))
    found = [item for item in rows if item.pk in set(item_ids)]
    if not found or len(found) != len(set(item_ids)):
        raise InvalidInput(_("Choose from this card."), field="items")
    return found


def _refuse_unless(chosen: Iterable[TaskItem], state: TaskState) -> None:
    if not any(item.state == state for item in chosen):
        raise InvalidTransition(_("This is not open any more."))


def _who(actor: Actor, task: HumanTask) -> Assignee | None:
    """Whose word it is: the person behind the link, the user's own name on the board, or nobody of the list."""
    people = Assignee.objects.of(task.workspace_id).filter(archived_at__isnull=True)
    if actor.kind is ActorKind.ASSIGNEE:
        return people.filter(pk=actor.id or 0).first()
    return people.filter(user_id=actor.id or 0).first() if actor.kind is ActorKind.USER else None


def _keep(items: Iterable[TaskItem], given: Mapping[int, dict[str, Any]]) -> None:
    """Her answers, and in the delivery the words she was given to post; of the rest of a message it has all of them."""
    for item in items:
        if given[item.pk]:
            TaskItem.objects.filter(pk=item.pk).update(answers=given[item.pk])
        if item.delivery is not None and item.copied_text and not item.delivery.parts_sent:
            Delivery.objects.filter(pk=item.delivery.pk).update(sent_text=item.copied_text)


def _done(task: HumanTask, item: TaskItem, answers: dict[str, Any], done_by: Assignee | None) -> TaskItemDone:
    return TaskItemDone(
        workspace_id=task.workspace_id,
        task_id=task.pk,
        item_id=item.pk,
        kind=task.kind,
        source_key=task.source_key,
        subject_kind=task.subject_kind,
        subject_id=task.subject_id,
        target_kind=item.target_kind,
        target_id=item.target_id,
        done_by_id=done_by.pk if done_by else None,
        answers=answers,
    )


@transaction.atomic
def undo_items(*, task: HumanTask, item_ids: Collection[int], actor: Actor, now: datetime) -> HumanTask:
    """Take back a tick, or that something is left out, of the last ten minutes; its deliveries wait again,
    and what had been called off is so again.

    Returns the card fresh and open. What is open already stays. Writes audit rows, and TaskItemTakenBack for a tick.
    Raises InvalidInput naming `items`, InvalidTransition when she ended none of them, or too long ago.
    """
    task = cards.lock_card(task)
    chosen = _chosen(task, item_ids)
    ended = [item for item in chosen if item.state in task_policies.HER_WORD]
    items = [item for item in ended if task_policies.undo_until(item.state, item.done_at, now) is not None]
    if ended and not items:
        raise InvalidTransition(_too_late_to_undo(ended))
    if not items:
        _refuse_unless(chosen, TaskState.OPEN)
        return task
    ticked = [item.pk for item in items if item.state == TaskState.DONE]
    facts: dict[str, Any] = {"done_by": None, "answers": {}, "evidence": None, "note": ""}
    called_off = [item for item in items if item.state == TaskState.DONE and item.reason]
    cards.unsay_after(called_off, now=now, **facts)
    again = [item for item in items if item not in called_off]
    rows = TaskItem.objects.filter(pk__in=[item.pk for item in again])
    rows.update(state=TaskState.OPEN, done_at=None, **facts, updated_at=now)
    cards.back_to_waiting(again, now=now)
    if task.state != TaskState.OPEN and again:
        cards.reopen(task, next_tell_at=None)
    elif called_off:
        cards.end_anew(task, now=now)
    ids = [item.pk for item in items]
    audit.record(actor=actor, verb="task.undone", target=task, now=now, after={"items": ids})
    for state, verb in _UNDONE.items():
        cards.note_on_deliveries((item for item in items if item.state == state), verb=verb, actor=actor, now=now)
    for pk in ticked:
        outbox.publish(TaskItemTakenBack(workspace_id=task.workspace_id, task_id=task.pk, item_id=pk))
    return task


_UNDONE = {TaskState.DONE: "delivery.undone_by_hand", TaskState.LEFT_OUT: "delivery.left_out_undone"}


def _too_late_to_undo(ended: Iterable[TaskItem]) -> str:
    if any(item.state == TaskState.DONE for item in ended):
        return _("It was ticked more than ten minutes ago.")
    return _("It was left out more than ten minutes ago.")


@transaction.atomic
def leave_out(
    *, task: HumanTask, item_ids: Collection[int] | None = None, note: str, actor: Actor, now: datetime
) -> HumanTask:
    """Not do items of a card (None: all that are open), and say why, for ten minutes with a way back; returns it fresh.

    Their deliveries are cancelled with the reason `left_out`, the words stand in the audit rows. Twice is once.
    Raises InvalidInput naming `note` or `items`, InvalidTransition when none of them is open.
    """
    note = texts.clean_line(note, field="note", max_length=200)
    task = cards.lock_card(task)
    chosen = _chosen(task, item_ids)
    items = [item for item in chosen if item.state == TaskState.OPEN]
    if not items:
        _refuse_unless(chosen or TaskItem.objects.filter(task=task), TaskState.LEFT_OUT)
        return task
    facts = {"done_by": _who(actor, task), "note": note}
    cards.end_items(items, state=TaskState.LEFT_OUT, delivery=(DeliveryState.CANCELLED, LEFT_OUT), now=now, **facts)
    cards.close_if_over(task, now=now)
    after = {"items": [item.pk for item in items]}
    audit.record(actor=actor, verb="task.left_out", target=task, now=now, after=after, reason=note)
    cards.note_on_deliveries(items, verb="delivery.left_out", actor=actor, now=now, reason=note)
    return task
