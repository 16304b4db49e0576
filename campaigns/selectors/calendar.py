"""排期: everything that goes out between two moments, with what became of it in each group."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from campaigns import origins
from campaigns.models import Announcement, AnnouncementState, Occurrence, PlaybookRun, Touch, TouchState
from campaigns.selectors.reads import (
    OPEN_STATES,
    PARTLY_SENT,
    announcements_visible_to,
    deliveries_of,
    touches_of,
)
from community_ops.accounts.policies import assigned_groups, is_limited
from community_ops.common.actors import Actor
from messaging import services as messaging
from messaging.selectors import (
    SaidByHand,
    badge_state,
    badge_words,
    deliveries_visible_to,
    parts_said,
    reason_read,
    said_by_hand,
    who_has,
)

if TYPE_CHECKING:
    from groups.models import ChatGroup
    from messaging.models import Delivery

ANNOUNCEMENT, TOUCH = "announcement", "touch"
TROUBLE = frozenset({"failed", "parked", "expired", "unknown", "retrying", PARTLY_SENT})  # somebody should look
SKIPPED, WAITS, MISSED, STOPPED = "skipped", "waits", "missed", "stopped"


@dataclass(frozen=True, slots=True)
class GroupState:
    """What is known of one item in one group.

    `state`: a delivery's as people read it (planned, due, retrying … unknown, parked), or draft, skipped, waits (for
    a condition), missed (it never came true), stopped; `reason`: a code. `platform_code` and `platform_text`: the
    last answer, whose words are `messaging.selectors.answer_words`. `person`: who has one that waits to be sent by
    hand, `said`: what was said of one that ended there. `held`: the code of the send rule that would hold it back at
    its time, where that was asked. `parts`: of a message in several parts, how much of it is out, in words; `label`:
    the badge of a delivery, which says it too where it ended midway. `accepted`: of one that was, what that rests on.
    `confirmed_at`: when a person said that it stands in the group.
    """

    group_id: int
    group_name: str
    zone: str
    state: str
    reason: str = ""
    delivery_id: int | None = None
    accepted_at: datetime | None = None
    confirmed_at: datetime | None = None
    next_try_at: datetime | None = None
    platform_code: str = ""
    platform_text: str = ""
    person: str = ""
    said: SaidByHand | None = None
    held: str = ""
    parts: str = ""
    label: str = ""
    accepted: str = ""


@dataclass(frozen=True, slots=True)
class CalendarItem:
    """One announcement, or one touch of a run, in all its groups.

    `object_id`: the announcement or the run. `condition`: what a touch without a time waits for; its `at` is then
    the start of its run. `is_called_off`: a touch that was cancelled in every group, or skipped in a stopped run.
    """

    kind: str
    at: datetime
    title: str
    label: str
    object_id: int
    groups: tuple[GroupState, ...]
    condition: str = ""
    is_called_off: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """Groups by state."""
        return dict(Counter(group.state for group in self.groups))

    @property
    def held_counts(self) -> dict[str, int]:
        """Groups that a send rule would keep from getting it, by the rule's code."""
        return dict(Counter(group.held for group in self.groups if group.held))

    @property
    def is_open(self) -> bool:
        """Whether something may still go out."""
        return any(group.state in OPEN_STATES | {"draft", WAITS} for group in self.groups)

    @property
    def urgency(self) -> int:
        """Where there is no room for all of a day the lowest stand first: what somebody should look at, what is still
        to come, what is over."""
        if any(group.state in TROUBLE or group.held for group in self.groups):
            return 0
        return 1 if self.is_open else 2


def calendar_items(
    actor: Actor,
    since: datetime,
    until: datetime,
    group: "ChatGroup | None" = None,
    *,
    now: datetime,
    with_held: bool = False,
) -> list[CalendarItem]:
    """Announcements (drafts too) and touches due in [since, until) that the actor may see, in the order of time.

    Touches that wait for a condition stand at their run's start; skipped and called-off ones are shown too.
    `group` narrows everything to one group. `with_held`: say what the send rules would hold back of what is planned.
    The same number of queries however much there is.
    """
    announcements = _announcements(actor, since, until, group)
    touches = list(_touches(actor, since, until, group))
    known = _deliveries(actor, announcements, {touch.run_id for touch in touches})
    items = [*_announcement_items(announcements, group, known, now), *_touch_items(touches, known, now)]
    if with_held:
        items = _with_held(items, _held(actor, known, now))
    return sorted(items, key=lambda item: (item.at, bool(item.condition), item.kind, item.object_id))


def states_of_run(run: PlaybookRun, actor: Actor, *, now: datetime) -> list[tuple[Touch, GroupState]]:
    """Every touch of a run the actor may see, by step and group, with what became of it. Three queries at most."""
    rows = deliveries_visible_to(actor).filter(origin=origins.TOUCH, origin_id=run.pk)
    known = _by_key(rows)
    return [(touch, _touch_state(touch, run, known, now)) for touch in touches_of(run, actor)]


def states_of_announcement(announcement: Announcement, actor: Actor, *, now: datetime) -> list[GroupState]:
    """The announcement in each group the actor may see, per occurrence; nothing for a draft.

    `announcement` comes from `announcements_visible_to`, which limits its targets. Four queries at most.
    """
    known = _by_key(deliveries_of(announcement, actor))
    return [
        _announcement_state(announcement, occurrence, target.group, known, now)
        for occurrence in announcement.occurrences.order_by("due_at")
        for target in announcement.targets.all()
    ]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of deliveries: each by its source key, by id who has one that waits to be sent by hand, what was
    said of one that ended there, and how much of one in several parts is out."""

    by_key: dict[str, "Delivery"]
    people: dict[int, str]
    said: dict[int, SaidByHand]
    parts: dict[int, str]


def _announcements(actor: Actor, since: datetime, until: datetime, group: "ChatGroup | None") -> list[Announcement]:
    occurrences = Occurrence.objects.filter(due_at__gte=since, due_at__lt=until).order_by("due_at")
    draft = Q(state=AnnouncementState.DRAFT, due_at__gte=since, due_at__lt=until)
    rows = announcements_visible_to(actor).filter(draft | Exists(occurrences.filter(announcement=OuterRef("pk"))))
    if group is not None:
        rows = rows.filter(targets__group=group)
    return list(rows.prefetch_related(Prefetch("occurrences", queryset=occurrences, to_attr="shown_occurrences")))


def _touches(actor: Actor, since: datetime, until: datetime, group: "ChatGroup | None") -> QuerySet[Touch]:
    in_time = Q(due_at__gte=since, due_at__lt=until)
    waits = Q(due_at__isnull=True, run__starts_at__gte=since, run__starts_at__lt=until)
    rows = Touch.objects.of(actor.workspace_id or 0).filter(in_time | waits)
    if is_limited(actor):
        rows = rows.filter(group_id__in=assigned_groups(actor))
    if group is not None:
        rows = rows.filter(group=group)
    return rows.select_related("step", "run", "group__community").order_by("run_id", "step__position", "group_id")


def _deliveries(actor: Actor, announcements: Iterable[Announcement], run_ids: set[int]) -> Known:
    mine = Q(origin=origins.ANNOUNCEMENT, origin_id__in=[announcement.pk for announcement in announcements])
    theirs = Q(origin=origins.TOUCH, origin_id__in=run_ids)
    return _by_key(deliveries_visible_to(actor).filter(mine | theirs))


def _held(actor: Actor, known: Known, now: datetime) -> dict[int, str]:
    """By delivery the rule that would hold it back at its time, of those that are planned and not yet due."""
    planned = {key: delivery for key, delivery in known.by_key.items() if delivery.state == "planned"}
    sends = [send_of(delivery) for delivery in sorted(planned.values(), key=lambda delivery: delivery.pk)]
    found = messaging.would_be_held(workspace_id=actor.workspace_id or 0, sends=sends)
    return {planned[held.send.source_key].pk: held.reason for held in found if held.send.due_at > now}


def send_of(delivery: "Delivery") -> messaging.PlannedSend:
    """What the send rules look at of a delivery; its text is not among it."""
    return messaging.PlannedSend(
        source_key=delivery.source_key,
        endpoint_id=None,
        text="",
        due_at=delivery.due_at,
        origin=delivery.origin,
        origin_id=delivery.origin_id,
        target_kind=delivery.target_kind,
        target_id=delivery.target_id,
        purpose=delivery.purpose,
        zone=delivery.zone,
        exemption=delivery.exemption,
    )


def _with_held(items: Iterable[CalendarItem], held: dict[int, str]) -> list[CalendarItem]:
    return [
        replace(item, groups=tuple(replace(group, held=held.get(group.delivery_id or 0, "")) for group in item.groups))
        for item in items
    ]


def _by_key(deliveries: QuerySet["Delivery"]) -> Known:
    """Only what a state shows, and what send rules look at, is read: a plan of a thousand groups is one page."""
    times = ("due_at", "next_try_at", "accepted_at", "updated_at")
    ruled = ("origin", "origin_id", "target_kind", "target_id", "purpose", "zone", "exemption")
    told = ("reason", "platform_code", "platform_text", "parts_sent", "part_count")
    account = ("endpoint__connection__platform",)  # says what "accepted" rests on
    rows = deliveries.select_related(None).select_related("endpoint__connection")
    rows = rows.only("source_key", "state", *times, *ruled, *told, *account)
    found = list(rows)
    by_key = {delivery.source_key: delivery for delivery in found}
    return Known(by_key, who_has(found), said_by_hand(found), parts_said(found))


def _announcement_items(
    announcements: Iterable[Announcement], group: "ChatGroup | None", known: Known, now: datetime
) -> Iterator[CalendarItem]:
    for announcement in announcements:
        groups = [target.group for target in announcement.targets.all() if group is None or target.group == group]
        occurrences: list[Occurrence] = getattr(announcement, "shown_occurrences", [])
        for occurrence in occurrences:
            states = [_announcement_state(announcement, occurrence, each, known, now) for each in groups]
            yield _announcement_item(announcement, occurrence.due_at, states)
        if announcement.state == AnnouncementState.DRAFT:
            drafts = [_group_state(each, AnnouncementState.DRAFT) for each in groups]
            yield _announcement_item(announcement, announcement.due_at, drafts)


def _announcement_item(announcement: Announcement, at: datetime, states: Sequence[GroupState]) -> CalendarItem:
    first_line = announcement.words.partition("\n")[0]
    return CalendarItem(ANNOUNCEMENT, at, first_line, "", announcement.pk, tuple(states))


def _announcement_state(
    announcement: Announcement, occurrence: Occurrence, group: "ChatGroup", known: Known, now: datetime
) -> GroupState:
    delivery = known.by_key.get(origins.announcement_key(announcement.pk, occurrence.pk, group.pk))
    return _group_state(group, "planned") if delivery is None else _delivery_state(group, delivery, known, now)


def _touch_items(touches: Iterable[Touch], known: Known, now: datetime) -> Iterator[CalendarItem]:
    """Groups whose touch of one step is due at the same moment share an item."""
    alike: dict[tuple[int, int, datetime | None], list[Touch]] = {}
    for touch in touches:
        alike.setdefault((touch.run_id, touch.step_id, touch.due_at), []).append(touch)
    for (_run_id, _step_id, due_at), same in alike.items():
        run, step = same[0].run, same[0].step
        states = tuple(_touch_state(touch, run, known, now) for touch in same)
        condition = step.condition if due_at is None else ""
        at, is_off = due_at or run.starts_at, _is_called_off(run, states)
        yield CalendarItem(TOUCH, at, step.name, run.label, run.pk, states, condition, is_off)


def _is_called_off(run: PlaybookRun, states: Iterable[GroupState]) -> bool:
    off = {STOPPED, "cancelled"} if run.stopped_at is None else {STOPPED, "cancelled", SKIPPED}
    return all(state.state in off for state in states)


def _touch_state(touch: Touch, run: PlaybookRun, known: Known, now: datetime) -> GroupState:
    delivery = known.by_key.get(touch.source_key)
    if touch.state == TouchState.PLANNED and delivery is not None:
        return _delivery_state(touch.group, delivery, known, now)
    state = {TouchState.SKIPPED: SKIPPED, TouchState.WAITING: WAITS, TouchState.STOPPED: STOPPED}.get(
        TouchState(touch.state), "planned"
    )
    if state == WAITS and run.ends_at <= now:
        state = MISSED
    return _group_state(touch.group, state, touch.reason)


def _delivery_state(group: "ChatGroup", delivery: "Delivery", known: Known, now: datetime) -> GroupState:
    badge = badge_words(delivery, now=now)
    return GroupState(
        group_id=group.pk,
        group_name=group.name,
        zone=group.zone.key,
        state=badge_state(delivery, now=now),
        reason=reason_read(delivery.state, delivery.reason, has_channel=delivery.endpoint_id is not None),
        delivery_id=delivery.pk,
        accepted_at=delivery.accepted_at,
        confirmed_at=delivery.updated_at if delivery.state == "confirmed" else None,
        next_try_at=delivery.next_try_at,
        platform_code=delivery.platform_code,
        platform_text=delivery.platform_text,
        person=known.people.get(delivery.pk, ""),
        said=known.said.get(delivery.pk),
        parts=known.parts.get(delivery.pk, ""),
        label=str(badge.label),
        accepted=str(badge.help) if delivery.state == "accepted" else "",
    )


def _group_state(group: "ChatGroup", state: str, reason: str = "") -> GroupState:
    return GroupState(group.pk, group.name, group.zone.key, state, reason)
