"""Changes of announcements: schedule, move, cancel, and the planner that makes missing deliveries."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction

from campaigns import origins, policies, selectors
from campaigns.errors import AlreadyCancelled, NothingPlanned
from campaigns.events import AnnouncementCancelled, AnnouncementMoved, AnnouncementScheduled
from campaigns.models import Announcement, AnnouncementState, Occurrence
from campaigns.services.channels import no_endpoint_warnings
from campaigns.services.content import content_warnings, sendable
from campaigns.services.extras import refuse_untaken
from campaigns.services.holding import held_warnings
from campaigns.services.pausing import keep_paused
from community_ops.common import audit, outbox
from community_ops.common.actors import Actor
from groups.services import Warned
from messaging import services as messaging

if TYPE_CHECKING:
    from groups.models import ChatGroup

PLANNER = Actor.system("campaigns.plan_due")


@transaction.atomic
def schedule_announcement(
    *, announcement: Announcement, due_at: datetime | None = None, actor: Actor, now: datetime
) -> list[Warned]:
    """Plan a draft's deliveries: they exist when this returns. Returns `announcement_warnings`.

    `due_at`: another time than the draft's, e.g. `now`; its latest moment moves along. Writes the occurrence, one
    delivery a group, an audit row and AnnouncementScheduled. A second call changes nothing. Raises AlreadyCancelled,
    and InvalidInput naming `due_at` (more than 60 s past), or `text`, `card` or `file` (a group's platform changed to
    one that does not take it). A group without an endpoint is planned too: its delivery fails when it is due.
    """
    groups = target_groups(announcement)
    if not _change_state(announcement, AnnouncementState.DRAFT, AnnouncementState.SCHEDULED, scheduled_at=now):
        if announcement.state == AnnouncementState.CANCELLED:
            raise AlreadyCancelled
        return _warnings(announcement, groups)
    _refuse_unsendable(announcement, groups)
    announcement.move_to(policies.due_or_now(due_at or announcement.due_at, now=now))
    announcement.save(update_fields=["due_at", "latest_at", "updated_at"])
    occurrence = _occurrence(announcement, announcement.due_at)
    _plan(occurrence, announcement, groups, actor=actor, now=now)
    after = {name: getattr(announcement, name) for name in ("state", "due_at", "latest_at")}
    audit.record(actor=actor, verb="announcement.scheduled", target=announcement, now=now, after=after)
    outbox.publish(
        AnnouncementScheduled(
            workspace_id=announcement.workspace_id,
            announcement_id=announcement.pk,
            due_at=announcement.due_at,
            group_ids=tuple(group.pk for group in groups),
        )
    )
    return _warnings(announcement, groups)


def rehearse_announcement(*, announcement: Announcement, now: datetime) -> list[Warned]:
    """What scheduling a draft would answer now, changing nothing: the same warnings, the same refusals."""
    if announcement.state == AnnouncementState.CANCELLED:
        raise AlreadyCancelled
    groups = target_groups(announcement)
    if announcement.state == AnnouncementState.DRAFT:
        _refuse_unsendable(announcement, groups)
        policies.due_or_now(announcement.due_at, now=now)
    return _warnings(announcement, groups)


def announcement_warnings(announcement: Announcement) -> list[Warned]:
    """What is known beforehand not to go out at its time (`no_endpoint`, `quiet_hours`, `holiday`, `cap`), or to arrive
    otherwise than it was written (`content.arrival_warnings`)."""
    return _warnings(announcement, target_groups(announcement))


def _warnings(announcement: Announcement, groups: Sequence["ChatGroup"]) -> list[Warned]:
    return [
        *no_endpoint_warnings(groups),
        *content_warnings(announcement, groups),
        *announcement_held_warnings(announcement, groups),
    ]


def announcement_held_warnings(announcement: Announcement, groups: Sequence["ChatGroup"]) -> list[Warned]:
    """What the send rules would hold back of it in these of its groups, where it has not gone out yet.

    The groups come with their community.
    """
    return held_warnings(workspace_id=announcement.workspace_id, sends=sends_ahead(announcement, groups))


def sends_ahead(announcement: Announcement, groups: Sequence["ChatGroup"]) -> list[messaging.PlannedSend]:
    """What has not gone out yet of it to these of its groups, planned or not. Groups with community."""
    occurrence = announcement.occurrences.filter(due_at=announcement.due_at).first()
    reader = replace(PLANNER, workspace_id=announcement.workspace_id)
    states = dict(selectors.deliveries_of(announcement, reader).values_list("source_key", "state"))
    sends = sends_of(announcement, groups, occurrence=occurrence)
    return [send for send in sends if states.get(send.source_key, "planned") == "planned"]


@transaction.atomic
def move_announcement(*, announcement: Announcement, due_at: datetime, actor: Actor, now: datetime) -> Announcement:
    """Send at another time. What has gone out stays as it is; what is planned moves, also when a worker holds it.
    What is paused stays so. Its latest moment moves along.

    Writes an audit row and AnnouncementMoved. The same time again changes nothing. Raises InvalidInput naming
    `due_at`, AlreadyCancelled, NothingPlanned.
    """
    due_at = policies.due_or_now(due_at, now=now)
    locked = Announcement.objects.select_for_update().get(pk=announcement.pk)
    if locked.state == AnnouncementState.CANCELLED:
        raise AlreadyCancelled
    if (before := locked.due_at) == due_at:
        return locked
    if locked.state == AnnouncementState.SCHEDULED:
        _move_deliveries(locked, due_at, now=now)
    locked.move_to(due_at)
    announcement.due_at, announcement.latest_at = locked.due_at, locked.latest_at
    locked.save(update_fields=["due_at", "latest_at", "updated_at"])
    audit.record(
        actor=actor,
        verb="announcement.moved",
        target=locked,
        now=now,
        before={"due_at": before},
        after={"due_at": due_at},
    )
    outbox.publish(AnnouncementMoved(workspace_id=locked.workspace_id, announcement_id=locked.pk, due_at=due_at))
    return locked


@transaction.atomic
def cancel_announcement(*, announcement: Announcement, actor: Actor, now: datetime) -> int:
    """Cancel what is still planned; returns how many deliveries that were. What has gone out stays.

    Writes an audit row and AnnouncementCancelled. A second call changes nothing and returns 0. Raises
    NothingPlanned when everything has gone out: then "cancelled" would not be true.
    """
    before, paused_at = announcement.state, announcement.paused_at
    facts = {"cancelled_at": now, "paused_at": None}
    is_draft = _change_state(announcement, AnnouncementState.DRAFT, AnnouncementState.CANCELLED, **facts)
    if not is_draft and not _change_state(
        announcement, AnnouncementState.SCHEDULED, AnnouncementState.CANCELLED, **facts
    ):
        return 0
    count = messaging.cancel_deliveries(
        workspace_id=announcement.workspace_id,
        origin=origins.ANNOUNCEMENT,
        origin_id=announcement.pk,
        reason=origins.ANNOUNCEMENT_CANCELLED,
        actor=actor,
        now=now,
    )
    if not is_draft and not count:
        announcement.state, announcement.paused_at = before, paused_at
        raise NothingPlanned
    after = {"state": announcement.state, "cancelled_count": count}
    audit.record(
        actor=actor, verb="announcement.cancelled", target=announcement, now=now, before={"state": before}, after=after
    )
    outbox.publish(
        AnnouncementCancelled(
            workspace_id=announcement.workspace_id, announcement_id=announcement.pk, cancelled_count=count
        )
    )
    return count


def plan_due(*, now: datetime, limit: int = 200) -> int:
    """Make the deliveries of occurrences that have none yet; returns how many occurrences were planned.

    The safety net below `schedule_announcement`: two planners at once, or one killed in the middle, leave each
    delivery planned exactly once (its source key is unique).
    """
    rows = Occurrence.objects.filter(planned_at__isnull=True, announcement__state=AnnouncementState.SCHEDULED).order_by(
        "id"
    )
    return sum(_plan_missing(pk, now=now) for pk in list(rows.values_list("pk", flat=True)[:limit]))


def target_groups(announcement: Announcement) -> list["ChatGroup"]:
    """The announcement's groups with community, endpoint and connection, oldest first."""
    rows = announcement.targets.select_related("group__community", "group__endpoint__connection")
    return [row.group for row in rows.order_by("group_id")]


def _refuse_unsendable(announcement: Announcement, groups: Sequence["ChatGroup"]) -> None:
    """A draft was judged when it was written; since then a group may have gone to another platform."""
    card = announcement.link_card
    refuse_untaken(groups, card=card, file=announcement.file)
    how = {"is_markdown": announcement.is_markdown, "may_split": announcement.may_split}
    sendable(announcement.text, groups, card=card, **how)


def _change_state(announcement: Announcement, old: AnnouncementState, new: AnnouncementState, **facts: Any) -> bool:
    """The conditional update that decides between two callers; the object then says what the row says."""
    rows = Announcement.objects.filter(pk=announcement.pk, state=old)
    changed = rows.update(state=new, updated_at=next(iter(facts.values())), **facts) == 1
    announcement.refresh_from_db()
    return changed


def _occurrence(announcement: Announcement, due_at: datetime) -> Occurrence:
    occurrence, _created = Occurrence.objects.get_or_create(
        workspace_id=announcement.workspace_id, announcement=announcement, due_at=due_at
    )
    return occurrence


def _plan(
    occurrence: Occurrence, announcement: Announcement, groups: Sequence["ChatGroup"], *, actor: Actor, now: datetime
) -> None:
    plans = sends_of(announcement, groups, occurrence=occurrence)
    messaging.plan_deliveries(workspace_id=announcement.workspace_id, plans=plans, actor=actor, now=now)
    Occurrence.objects.filter(pk=occurrence.pk).update(planned_at=now, updated_at=now)


def sends_of(
    announcement: Announcement, groups: Sequence["ChatGroup"], *, occurrence: Occurrence | None = None
) -> list[messaging.PlannedSend]:
    """What goes to `messaging`, one for each group; without an occurrence for looking only. Groups with community."""
    due_at, late = occurrence.due_at if occurrence else announcement.due_at, announcement.may_be_late
    return [
        messaging.PlannedSend(
            source_key=origins.announcement_key(announcement.pk, occurrence.pk if occurrence else 0, group.pk),
            endpoint_id=group.endpoint_id,
            text=announcement.text,
            is_markdown=announcement.is_markdown,
            may_split=announcement.may_split,
            image_id=announcement.image_id,
            card=announcement.link_card,
            file_id=announcement.file_id,
            due_at=due_at,
            latest_at=due_at + late if late is not None else None,
            origin=origins.ANNOUNCEMENT,
            origin_id=announcement.pk,
            target_kind=origins.GROUP,
            target_id=group.pk,
            target_label=group.name,
            purpose=announcement.purpose,
            zone=group.zone.key,
        )
        for group in groups
    ]


@transaction.atomic
def _plan_missing(occurrence_pk: int, *, now: datetime) -> int:
    claimed = Occurrence.objects.filter(pk=occurrence_pk, planned_at__isnull=True).update(planned_at=now)
    if not claimed:
        return 0
    occurrence = Occurrence.objects.select_related("announcement").get(pk=occurrence_pk)
    announcement = Announcement.objects.select_for_update().get(pk=occurrence.announcement_id)
    if announcement.state != AnnouncementState.SCHEDULED:
        return 0
    _plan(occurrence, announcement, target_groups(announcement), actor=PLANNER, now=now)
    keep_paused(announcement, now=now)
    return 1


def _move_deliveries(announcement: Announcement, due_at: datetime, *, now: datetime) -> None:
    occurrence = announcement.occurrences.get(due_at=announcement.due_at)
    moves = {
        origins.announcement_key(announcement.pk, occurrence.pk, group_id): due_at
        for group_id in announcement.targets.values_list("group_id", flat=True)
    }
    if not messaging.reschedule_deliveries(workspace_id=announcement.workspace_id, moves=moves, now=now):
        raise NothingPlanned
    Occurrence.objects.filter(pk=occurrence.pk).update(due_at=due_at, updated_at=now)
