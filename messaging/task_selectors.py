"""Reads of work for people: the phone's list, the team's board, and who kept to what was planned."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Prefetch, Q, QuerySet
from django.utils.translation import gettext_noop as _

from community_ops.accounts.policies import is_limited
from community_ops.common.actors import Actor, ActorKind
from community_ops.common.models import AuditEntry
from community_ops.common.ordering import by_name
from community_ops.common.templatetags.wording import time_in_zone
from community_ops.common.tenancy import get_row
from messaging import task_policies
from messaging.models import Assignee, Delivery, DeliveryState, HumanTask, TaskItem, TaskState
from messaging.services.card_holds import held_items, kept_items
from messaging.services.handing import written_text
from messaging.services.send_rules import NotNow, held_at_due
from messaging.services.telling import can_be_told, is_out_of_reach
from messaging.showing import first_words, with_names
from messaging.wording import SaidByHand

ITEM_COUNTS = {
    "item_count": Count("items"),
    "open_count": Count("items", filter=Q(items__state=TaskState.OPEN)),
    "done_count": Count("items", filter=Q(items__state=TaskState.DONE)),
}


# --- people ------------------------------------------------------------------------------------------


def assignees_visible_to(actor: Actor, *, with_archived: bool = False) -> QuerySet[Assignee]:
    """Live people who work by hand in the actor's workspace, by name; a helper sees herself."""
    rows = Assignee.objects.within(actor)
    rows = rows if with_archived else rows.filter(archived_at__isnull=True)
    if is_limited(actor):
        rows = rows.filter(user_id=_user_id(actor))
    return rows.select_related("user", "deputy", "notice_endpoint", "endpoint").order_by("name", "id")


def get_assignee(actor: Actor, assignee_id: int) -> Assignee:
    """Raises NotFound, also for another workspace's person and for one who is archived."""
    return get_row(assignees_visible_to(actor), assignee_id, _("There is no such person."))


def assignee_of(actor: Actor) -> Assignee | None:
    """The person an actor is on the to-send list, if she is one."""
    rows = Assignee.objects.filter(workspace_id=actor.workspace_id or 0, archived_at__isnull=True)
    if actor.kind is ActorKind.ASSIGNEE:
        return rows.filter(pk=actor.id or 0).first()
    return rows.filter(user_id=actor.id or 0).first() if actor.kind is ActorKind.USER else None


def everybody_of(actor: Actor) -> list[Assignee]:
    """Everybody who works by hand in the actor's workspace, by name: whom a card can be handed on to."""
    rows = Assignee.objects.within(actor).filter(archived_at__isnull=True)
    return list(rows.select_related("notice_endpoint").order_by("name", "id"))


def colleagues_of(assignee: Assignee) -> list[Assignee]:
    """Whom her work can be handed on to: her deputy first, then the others by name."""
    rows = Assignee.objects.of(assignee.workspace_id).filter(archived_at__isnull=True).exclude(pk=assignee.pk)
    rows = rows.select_related("notice_endpoint").order_by("name", "id")
    return sorted(rows, key=lambda one: one.pk != assignee.deputy_id)


def find_by_code(code: str) -> Assignee | None:
    """The person of a personal link; None for a wrong code, and for one that was revoked."""
    rows = Assignee.objects.filter(link_digest=task_policies.link_digest(code), archived_at__isnull=True)
    return rows.filter(workspace__archived_at__isnull=True).select_related("deputy").first()


def find_linked(assignee_id: int, digest: str) -> Assignee | None:
    """The person, while her link is the one with this beginning of a digest."""
    rows = Assignee.objects.filter(pk=assignee_id, archived_at__isnull=True, workspace__archived_at__isnull=True)
    found = rows.select_related("deputy").first()
    return found if found is not None and digest and found.link_digest.startswith(digest) else None


def _user_id(actor: Actor) -> int:
    return actor.id or 0 if actor.kind is ActorKind.USER else 0


# --- cards -------------------------------------------------------------------------------------------


def tasks_visible_to(actor: Actor) -> QuerySet[HumanTask]:
    """Cards the actor may see, with their people, counts of items and last telling, newest first.

    A helper sees her own, as the person behind a personal link does.
    """
    if actor.kind is ActorKind.ASSIGNEE:
        rows = HumanTask.objects.filter(workspace_id=actor.workspace_id or 0, assignee_id=actor.id or 0)
    else:
        rows = HumanTask.objects.within(actor)
        if is_limited(actor):
            rows = rows.filter(assignee__user_id=_user_id(actor))
    rows = rows.select_related("assignee__notice_endpoint", "telling", "image", "file").annotate(**ITEM_COUNTS)
    return rows.order_by("-id")


def get_task(actor: Actor, task_id: int) -> HumanTask:
    """Raises NotFound, also for another workspace's or another person's card."""
    return get_row(tasks_visible_to(actor), task_id, _("There is no such card."))


def items_visible_to(actor: Actor) -> QuerySet[TaskItem]:
    """Items of the cards the actor may see, with card, delivery and who did it, in order."""
    rows = TaskItem.objects.filter(task__in=tasks_visible_to(actor).order_by().values("pk"))
    return rows.select_related("task", "delivery", "done_by", "evidence").order_by("id")


def items_of(task: HumanTask) -> list[TaskItem]:
    """In the order in which people look for them (`in_order`), with who did them."""
    return in_order(TaskItem.objects.filter(task=task).select_related("task", "delivery", "done_by", "evidence"))


def in_order(items: Iterable[TaskItem]) -> list[TaskItem]:
    """Groups by name, as they are found in a chat app; what was typed by hand after them, in the order it was."""
    return sorted(
        items, key=lambda item: (not item.target_kind, by_name(item.label) if item.target_kind else (), item.pk)
    )


def entries_of(task: HumanTask) -> QuerySet[AuditEntry]:
    """What people did with a card, in order."""
    rows = AuditEntry.objects.filter(workspace_id=task.workspace_id, target_kind="messaging.humantask")
    return rows.filter(target_id=str(task.pk)).order_by("id")


def item_of_delivery(delivery: Delivery) -> TaskItem | None:
    """Where a delivery waits, or was done, by hand; with its card and the card's person."""
    rows = TaskItem.objects.filter(delivery=delivery)
    return rows.select_related("task__assignee", "done_by", "evidence").first()


def who_has(deliveries: Collection[Delivery]) -> dict[int, str]:
    """Who is to send those that wait to be sent by hand: delivery id to name. At most one query."""
    ids = [delivery.pk for delivery in deliveries if delivery.state == DeliveryState.WAITING]
    if not ids:
        return {}
    return dict(TaskItem.objects.filter(delivery__in=ids).values_list("delivery_id", "task__assignee__name"))


def said_by_hand(deliveries: Collection[Delivery]) -> dict[int, SaidByHand]:
    """What was said on the to-send list of those that ended there, by delivery id. At most one query."""
    ends = (task_policies.CONFIRMED_BY_PERSON, task_policies.SAID_AFTER, task_policies.LEFT_OUT)
    ids = [delivery.pk for delivery in deliveries if delivery.reason in ends]
    if not ids:
        return {}
    items = TaskItem.objects.filter(delivery__in=ids, state__in=(TaskState.DONE, TaskState.LEFT_OUT))
    return {item.delivery_id or 0: _said(item) for item in items.select_related("done_by", "task")}


def _said(item: TaskItem) -> SaidByHand:
    is_sent, zone = item.state == TaskState.DONE, item.task.zone
    is_after = is_sent and task_policies.is_past_latest(item.task.latest_at, item.done_at or item.task.due_at)
    return SaidByHand(
        is_sent,
        item.done_by.name if item.done_by else "",
        item.note,
        at=time_in_zone(item.done_at, zone),
        after_latest=time_in_zone(item.task.latest_at, zone) if is_after else "",
        called_off=item.reason if is_sent else "",
    )


def who_has_of(deliveries: QuerySet[Delivery]) -> dict[int, list[str]]:
    """Who is to send those that wait to be sent by hand, by their origin's id: names in order. One query."""
    waiting = deliveries.filter(state=DeliveryState.WAITING).order_by()
    found: dict[int, list[str]] = {}
    items = TaskItem.objects.filter(delivery__in=waiting.values("pk")).order_by()
    pairs = items.values_list("delivery__origin_id", "task__assignee__name").distinct()
    for origin_id, name in sorted(pairs):
        found.setdefault(origin_id, []).append(name)
    return found


@dataclass(frozen=True, slots=True)
class Cards:
    """A person's list: due now with the late ones first, open ones for later, and what ended today."""

    due: list[HumanTask]
    later: list[HumanTask]
    done: list[HumanTask]


def cards_of(assignee: Assignee, *, now: datetime) -> Cards:
    """Her cards as her phone shows them. Today is the installation's day. Two queries."""
    rows = HumanTask.objects.filter(assignee=assignee).select_related("image", "file").annotate(**ITEM_COUNTS)
    open_ones = list(rows.filter(state=TaskState.OPEN).order_by("due_at", "id"))
    zone = ZoneInfo(settings.DEFAULT_COMMUNITY_TIMEZONE)
    today = datetime.combine(now.astimezone(zone).date(), time.min, zone)
    ended = rows.exclude(state=TaskState.OPEN).exclude(reason=task_policies.HANDED_ON)
    return Cards(
        due=[task for task in open_ones if task.due_at <= now],
        later=[task for task in open_ones if task.due_at > now],
        done=list(ended.filter(done_at__gte=today, done_at__lte=now).order_by("-done_at", "-id")),
    )


def to_tick(items: Iterable[TaskItem], named: Collection[str]) -> list[TaskItem]:
    """What a tick can be about: what is open, and of what was called off after she had copied it those whose ids she
    names on the page she still has, or all where nothing is open."""
    found = list(items)
    still_open = [item for item in found if item.state == TaskState.OPEN]
    after = [item for item in found if task_policies.may_have_been_posted(item)]
    chosen = [item for item in after if str(item.pk) in named] if named or still_open else after
    return [item for item in found if item in still_open or item in chosen]


def copied_by_hand(deliveries: QuerySet[Delivery]) -> list[TaskItem]:
    """Of those that wait on to-send lists, those whose text was copied: they may be posted by now. One query."""
    items = TaskItem.objects.filter(delivery__in=deliveries.order_by().values("pk"), state=TaskState.OPEN)
    return list(items.exclude(copied_text="").select_related("task__assignee").order_by("task_id", "pk"))


def open_items_of(tasks: Iterable[HumanTask]) -> list[TaskItem]:
    """What is open of several cards, with their deliveries, in order (`in_order`). One query."""
    rows = TaskItem.objects.filter(task__in=[task.pk for task in tasks], state=TaskState.OPEN)
    return in_order(rows.select_related("task", "delivery"))


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A touch that will become her card, unless a rule holds all of it at its time: no row stands for it yet."""

    due_at: datetime
    title: str
    group_count: int
    zone: str
    is_blocked: bool


def upcoming_of(assignee: Assignee, *, now: datetime) -> list[Upcoming]:
    """What is planned for her groups within 24 hours, one entry for each card it will be. Paused messages are none."""
    rows = Delivery.objects.filter(
        endpoint_id=assignee.endpoint_id,
        state=DeliveryState.PLANNED,
        due_at__gt=now,
        due_at__lte=now + task_policies.UPCOMING,
    )
    by_card: dict[str, list[Delivery]] = {}
    for row in rows.exclude(reason="paused").select_related("message").order_by("due_at", "id"):
        by_card.setdefault(task_policies.card_digest(row), []).append(row)
    return [
        Upcoming(same[0].due_at, _title(same[0]), len(same), same[0].zone, len(held_at_due(same)) == len(same))
        for same in by_card.values()
    ]


def _title(delivery: Delivery) -> str:
    text = with_names(written_text(delivery), delivery.subject_kind)
    return first_words(text, is_markdown=delivery.message.is_markdown)


@dataclass(frozen=True, slots=True)
class ShownText:
    """A text of a card and the items it is for; before she copies with names in the place of values."""

    text: str
    is_copied: bool
    items: tuple[TaskItem, ...]


def texts_of(task: HumanTask, items: Iterable[TaskItem], *, held: Collection[int] = ()) -> list[ShownText]:
    """What a card's bubble shows: the texts as they were copied last, for the items that are open.

    `held`: ids of items that may not be posted now; their text is shown as before it is copied.
    """
    by_text: dict[tuple[str, bool], list[TaskItem]] = {}
    for item in items:
        if item.state == TaskState.OPEN:
            copied = "" if item.pk in held else item.copied_text
            key = (copied or with_names(task.text, task.subject_kind), bool(copied))
            by_text.setdefault(key, []).append(item)
    return [ShownText(text, is_copied, tuple(same)) for (text, is_copied), same in by_text.items()]


# --- the team's board --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OnBoard:
    """A person and her open cards, late ones first. `held`: by id the cards that are due and of which nothing may be
    sent now, with the first reason (paused, a send rule): they are not late."""

    assignee: Assignee
    cards: list[HumanTask]
    late_count: int
    can_be_told: bool
    is_out_of_reach: bool
    held: Mapping[int, NotNow]


def board(actor: Actor, *, now: datetime) -> list[OnBoard]:
    """Everybody the actor may see with open cards, by name; late cards first, then what is due, the most urgent first.

    Two queries, one more where a card is due, and those of `services.held_now`.
    """
    rows = (
        HumanTask.objects.filter(state=TaskState.OPEN)
        .select_related("telling", "image", "file")
        .annotate(**ITEM_COUNTS)
    )
    mine = Prefetch("tasks", rows.order_by("due_at", "id"), to_attr="open_cards")
    people = list(assignees_visible_to(actor).prefetch_related(mine))
    held = _held([task for person in people for task in person.open_cards if task.due_at <= now], now)
    return [_on_board(person, person.open_cards, held, now) for person in people]


def _late(cards: Iterable[HumanTask], now: datetime) -> list[HumanTask]:
    return [task for task in cards if task_policies.is_late(task.due_at, task.latest_at, now)]


def _held(tasks: Collection[HumanTask], now: datetime) -> dict[int, NotNow]:
    """Of these cards those of which nothing may be sent now."""
    if not tasks:
        return {}
    items = open_items_of(tasks)
    held = held_items(items, now=now)
    why: dict[int, list[NotNow | None]] = {}
    for item in items:
        why.setdefault(item.task_id, []).append(held.get(item.pk))
    return {pk: reasons[0] for pk, reasons in why.items() if reasons[0] is not None and None not in reasons}


def _most_urgent(cards: Iterable[HumanTask]) -> list[HumanTask]:
    return sorted(cards, key=lambda task: task_policies.urgency(task.due_at, task.latest_at))


def _on_board(person: Assignee, cards: list[HumanTask], held: Mapping[int, NotNow], now: datetime) -> OnBoard:
    late = [task for task in _late(cards, now) if task.pk not in held]
    late_ids = {task.pk for task in late}
    rest = [task for task in cards if task.pk not in late_ids]
    due = [task for task in rest if task.due_at <= now]
    return OnBoard(
        person,
        [*_most_urgent(late), *_most_urgent(due), *(task for task in rest if task.due_at > now)],
        len(late),
        can_be_told(person),
        is_out_of_reach(person),
        {task.pk: held[task.pk] for task in cards if task.pk in held},
    )


@dataclass(slots=True, kw_only=True)
class Kept:
    """Items of a window by their end. `reasons`: why items were left out, in people's words, with how many."""

    on_time: int = 0
    late: int = 0
    left_out: int = 0
    not_done: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def due_count(self) -> int:
        return self.on_time + self.late + self.left_out + self.not_done

    @property
    def rate(self) -> float | None:
        """0 to 1; None when nothing was due."""
        return self.on_time / self.due_count if self.due_count else None

    def add(self, item: TaskItem, outcome: str) -> None:
        setattr(self, outcome, getattr(self, outcome) + 1)
        if outcome == "left_out":
            self.reasons[item.note] += 1


@dataclass(slots=True)
class KeptTo(Kept):
    """One person's items."""

    assignee: Assignee

    @property
    def name(self) -> str:
        return self.assignee.name


@dataclass(slots=True)
class KeptToInGroup(Kept):
    """One group's items, whoever did them. `name`: as its newest item called it."""

    group_id: int
    name: str


K = TypeVar("K", KeptTo, KeptToInGroup)


@dataclass(frozen=True, slots=True)
class Breakdowns:
    """The same items twice, those with the most first: by person, and by the group they were for."""

    people: list[KeptTo]
    groups: list[KeptToInGroup]


def kept_to(actor: Actor, *, since: datetime, until: datetime, now: datetime) -> Breakdowns:
    """Who did her part, and where; what she says herself (人工填报). A helper sees what stands on her own cards.

    Numerator: items ticked until ten minutes after their card was due, or until its latest moment where that is
    later. Denominator: all items of cards due in [since, until) whose time to be ticked is over or that have ended;
    not those the system or the team took back (sale over, card withdrawn) or a send rule kept until the latest moment,
    but those given up after a day. An item counts for whose card it stands on now: who handed it on has it no more.
    What is for no group (private messages, moments, a payment …) stands in no group's row, so the sums may differ.
    Moments are UTC, so no zone matters. Nothing due: no row, and `rate` of an empty one is None. One query, for a
    helper two.
    """
    seen = set(assignees_visible_to(actor).values_list("pk", flat=True)) if is_limited(actor) else None
    people: dict[int, KeptTo] = {}
    groups: dict[int, KeptToInGroup] = {}
    for item, outcome in _counted_items(actor.workspace_id or 0, since, until, now):
        if seen is not None and item.task.assignee_id not in seen:
            continue
        people.setdefault(item.task.assignee_id, KeptTo(item.task.assignee)).add(item, outcome)
        if item.target_kind == "group" and item.target_id is not None:
            group = groups.setdefault(item.target_id, KeptToInGroup(item.target_id, item.label))
            group.name = item.label
            group.add(item, outcome)
    return Breakdowns(_most_first(people), _most_first(groups))


def _most_first(rows: Mapping[int, K]) -> list[K]:
    return sorted(rows.values(), key=lambda row: (-row.due_count, row.name))


def _counted_items(
    workspace_id: int, since: datetime, until: datetime, now: datetime
) -> Iterator[tuple[TaskItem, str]]:
    """Items that count, oldest first, with the name of the count each belongs to."""
    rows = TaskItem.objects.filter(task__workspace_id=workspace_id, task__due_at__gte=since, task__due_at__lt=until)
    for item in rows.select_related("task__assignee", "delivery").order_by("id").iterator(chunk_size=1000):
        if outcome := _outcome(item, now):
            yield item, outcome


def _outcome(item: TaskItem, now: datetime) -> str:
    """The name of the count an item belongs to; empty for what is not counted."""
    until = task_policies.on_time_until(item.task.due_at, item.task.latest_at)
    if item.state == TaskState.DONE:
        return "on_time" if item.done_at is not None and item.done_at <= until else "late"
    if item.state == TaskState.LEFT_OUT:
        return "left_out"
    if item.state == TaskState.WITHDRAWN:
        return "not_done" if item.reason == task_policies.FORGOTTEN else ""
    is_kept = bool(kept_items([item]))  # the tick that ends it is still to come
    return "not_done" if now > until and not is_kept else ""
