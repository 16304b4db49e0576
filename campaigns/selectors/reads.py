"""Reads of campaigns: every one knows who asks, or the workspace it is about."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.utils.translation import gettext_noop as _

from campaigns import origins
from campaigns.models import (
    Announcement,
    AnnouncementGroup,
    AnnouncementState,
    Playbook,
    PlaybookRun,
    RunGroup,
    Touch,
)
from community_ops.accounts.policies import assigned_groups, is_limited
from community_ops.common.actors import Actor
from community_ops.common.models import AuditEntry
from community_ops.common.tenancy import get_row
from groups import selectors as groups
from messaging import selectors as messaging

if TYPE_CHECKING:
    from groups.models import ChatGroup
    from messaging.models import Delivery

OPEN_STATES = frozenset({"planned", "paused", "due", "retrying", "sending", "waiting"})  # something may still go out
PARTLY_SENT, REST_CANCELLED = messaging.PARTLY_SENT, "rest_cancelled"
_READER = Actor.system("campaigns.selectors")


def announcements_visible_to(actor: Actor) -> QuerySet[Announcement]:
    """Announcements of the actor's workspace with the targets she may see (`targets`), oldest first.

    A helper sees those that go to a group of hers.
    """
    rows = Announcement.objects.filter(workspace_id=_workspace(actor))
    targets = AnnouncementGroup.objects.filter(workspace_id=_workspace(actor))
    if is_limited(actor):
        targets = targets.filter(group_id__in=assigned_groups(actor))
        rows = rows.filter(Exists(targets.filter(announcement=OuterRef("pk"))))
    targets = targets.select_related("group__community").order_by("group_id")
    return rows.prefetch_related(Prefetch("targets", queryset=targets)).order_by("id")


def get_announcement(actor: Actor, announcement_id: int) -> Announcement:
    """Raises NotFound for a missing one as for somebody else's."""
    return get_row(announcements_visible_to(actor), announcement_id, _("There is no such announcement."))


@dataclass(frozen=True, slots=True)
class WaitingDraft:
    """A draft that somebody else has to schedule."""

    announcement: Announcement
    written_by: str


def drafts_of_others(actor: Actor, *, since: datetime, at_most: int = 200) -> list[WaitingDraft]:
    """Drafts written since then by other people and tools, the earliest due first. Two queries."""
    rows = announcements_visible_to(actor).filter(state=AnnouncementState.DRAFT, created_at__gte=since)
    drafts = list(rows.prefetch_related(None).order_by("due_at", "id")[:at_most])
    written = AuditEntry.objects.filter(
        workspace_id=_workspace(actor),
        target_kind=Announcement._meta.label_lower,
        target_id__in=[str(draft.pk) for draft in drafts],
        verb="announcement.created",
    )
    entries = {entry.target_id: entry for entry in written}
    found = [(draft, entries.get(str(draft.pk))) for draft in drafts]
    return [
        WaitingDraft(draft, entry.actor_label if entry else "")
        for draft, entry in found
        if entry is None or (entry.actor_kind, entry.actor_id) != (actor.kind, actor.id)
    ]


def deliveries_of(announcement: Announcement, actor: Actor) -> QuerySet["Delivery"]:
    """The announcement's deliveries the actor may see, one a group, oldest first."""
    rows = messaging.deliveries_visible_to(actor)
    return rows.filter(origin=origins.ANNOUNCEMENT, origin_id=announcement.pk)


def deliveries_of_run(run: PlaybookRun) -> QuerySet["Delivery"]:
    """Every delivery of a run, for workers and services."""
    reader = replace(_READER, workspace_id=run.workspace_id)
    return messaging.deliveries_visible_to(reader).filter(origin=origins.TOUCH, origin_id=run.pk)


def requeueable_of(sent: Announcement | PlaybookRun, actor: Actor) -> QuerySet["Delivery"]:
    """Deliveries of an announcement or run that failed and can be queued again, of those the actor may see, oldest
    first; none once it was called off."""
    origin = origins.ANNOUNCEMENT if isinstance(sent, Announcement) else origins.TOUCH
    rows = messaging.deliveries_visible_to(actor).filter(origin=origin, origin_id=sent.pk)
    return rows.none() if is_called_off(sent) else messaging.requeueable(rows)


def is_called_off(sent: Announcement | PlaybookRun) -> bool:
    """Whether a person called it off: nothing of it goes out any more."""
    if isinstance(sent, Announcement):
        return sent.state == AnnouncementState.CANCELLED
    return sent.stopped_at is not None


def playbooks_visible_to(actor: Actor) -> QuerySet[Playbook]:
    """The newest version of each playbook of the workspace with its steps, by name."""
    newer = Playbook.objects.filter(
        workspace_id=OuterRef("workspace_id"), key=OuterRef("key"), version__gt=OuterRef("version")
    )
    rows = Playbook.objects.filter(~Exists(newer), workspace_id=_workspace(actor), archived_at__isnull=True)
    return rows.prefetch_related("steps").order_by("name", "id")


def get_playbook(actor: Actor, playbook_id: int) -> Playbook:
    """Any version; raises NotFound for a missing one as for somebody else's."""
    rows = Playbook.objects.filter(workspace_id=_workspace(actor)).prefetch_related("steps")
    return get_row(rows, playbook_id, _("There is no such playbook."))


def runs_visible_to(actor: Actor) -> QuerySet[PlaybookRun]:
    """Runs with their playbook, the nearest in time first; a helper sees those that speak to a group of hers."""
    rows = PlaybookRun.objects.filter(workspace_id=_workspace(actor))
    if is_limited(actor):
        mine = RunGroup.objects.filter(run=OuterRef("pk"), group_id__in=assigned_groups(actor))
        rows = rows.filter(Exists(mine))
    return rows.select_related("playbook").order_by("-starts_at", "-id")


def runs_with_groups(actor: Actor) -> QuerySet[PlaybookRun]:
    """`runs_visible_to` with the groups she may see of each (`targets`). One query more."""
    targets = RunGroup.objects.filter(workspace_id=_workspace(actor)).order_by("group_id")
    if is_limited(actor):
        targets = targets.filter(group_id__in=assigned_groups(actor))
    return runs_visible_to(actor).prefetch_related(Prefetch("targets", queryset=targets))


def get_run(actor: Actor, run_id: int) -> PlaybookRun:
    """Raises NotFound for a missing one as for somebody else's."""
    return get_row(runs_visible_to(actor), run_id, _("There is no such run."))


def find_live_run(*, workspace_id: int, subject_kind: str, subject_id: int) -> PlaybookRun | None:
    """The run that speaks about this subject and was not stopped; there is at most one."""
    rows = PlaybookRun.objects.of(workspace_id).filter(subject_kind=subject_kind, subject_id=subject_id)
    return rows.filter(stopped_at__isnull=True).select_related("playbook").first()


def find_last_run(*, workspace_id: int, subject_kind: str, subject_id: int) -> PlaybookRun | None:
    """The subject's newest run, stopped or not."""
    rows = PlaybookRun.objects.of(workspace_id).filter(subject_kind=subject_kind, subject_id=subject_id)
    return rows.select_related("playbook").order_by("id").last()


def touches_of(run: PlaybookRun, actor: Actor) -> QuerySet[Touch]:
    """The run's touches the actor may see, with step and group, in the order of time (those without last)."""
    rows = run.touches.select_related("step", "group__community")
    if is_limited(actor):
        rows = rows.filter(group_id__in=assigned_groups(actor))
    return rows.order_by("step__position", "group_id")


def platforms_of(chosen: Sequence["ChatGroup"]) -> list[str]:
    """Platforms the groups' endpoints are on, each once. One query for each workspace in `chosen` (so: one)."""
    endpoint_ids: dict[int, set[int]] = {}
    for group in chosen:
        if group.endpoint_id is not None:
            endpoint_ids.setdefault(group.workspace_id, set()).add(group.endpoint_id)
    facts = (
        messaging.endpoint_facts(workspace_id=workspace_id, endpoint_ids=ids)
        for workspace_id, ids in endpoint_ids.items()
    )
    return sorted({fact.platform for found in facts for fact in found.values()})


def groups_to_choose(actor: Actor) -> QuerySet["ChatGroup"]:
    """Live groups the actor may write to, with community, endpoint and connection."""
    return groups.groups_visible_to(actor).select_related("community", "endpoint__connection")


def home_zone(actor: Actor) -> str:
    """Name of the zone in which times are written where no group decides: that of the actor's oldest community."""
    first = groups.communities_visible_to(actor).values_list("timezone", flat=True).first()
    return first or settings.DEFAULT_COMMUNITY_TIMEZONE


def state_shown(announcement: Announcement, counts: dict[str, int]) -> str:
    """The state of a whole announcement as people read it (`campaigns.wording.announcement_badge`).

    draft, scheduled, sending (some has gone out), paused, finished or cancelled; cancelled when not all of it was is
    `partly_sent`, or `rest_cancelled` where nothing is known to have gone out (in doubt, failed, too late).
    `counts`: its deliveries by state (`messaging.selectors.counts_by_origin`).
    """
    if announcement.state == AnnouncementState.CANCELLED:
        return _cancelled(counts)
    if announcement.state != AnnouncementState.SCHEDULED:
        return announcement.state
    if counts and not OPEN_STATES & counts.keys():
        return "finished"
    if announcement.paused_at is not None:
        return "paused"
    return "sending" if sum(counts.values()) > counts.get("planned", 0) else AnnouncementState.SCHEDULED


def _cancelled(counts: dict[str, int]) -> str:
    """What a cancelled announcement came to."""
    if counts.keys() & {"accepted", "confirmed", messaging.PARTLY_SENT}:
        return PARTLY_SENT
    return REST_CANCELLED if counts.keys() - {"cancelled"} else AnnouncementState.CANCELLED


def _workspace(actor: Actor) -> int:
    return actor.workspace_id or 0
