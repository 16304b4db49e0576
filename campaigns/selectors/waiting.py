"""What somebody paused and nobody has let go on yet."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from campaigns import origins
from campaigns.models import AnnouncementState
from campaigns.selectors.reads import announcements_visible_to, runs_visible_to
from community_ops.common.actors import Actor
from messaging import selectors as messaging

if TYPE_CHECKING:
    from campaigns.models import Announcement, PlaybookRun


@dataclass(frozen=True, slots=True)
class PausedSend:
    """An announcement or a run (`origin`) that is paused while `count` of its messages wait."""

    origin: str
    object_id: int
    name: str
    paused_at: datetime
    count: int


def paused_sends(actor: Actor, *, now: datetime, at_most: int = 50) -> list[PausedSend]:
    """Those the actor may see, the longest paused first. At most four queries."""
    announcements = announcements_visible_to(actor).prefetch_related(None)
    announcements = announcements.filter(paused_at__isnull=False, state=AnnouncementState.SCHEDULED)
    runs = runs_visible_to(actor).filter(paused_at__isnull=False, stopped_at__isnull=True)
    found = [
        *_waiting(actor, origins.ANNOUNCEMENT, list(announcements.order_by("paused_at")[:at_most]), now),
        *_waiting(actor, origins.TOUCH, list(runs.order_by("paused_at")[:at_most]), now),
    ]
    return sorted(found, key=lambda one: one.paused_at)


def _waiting(
    actor: Actor, origin: str, paused: "list[Announcement] | list[PlaybookRun]", now: datetime
) -> list[PausedSend]:
    """Those of one kind of which something waits; a plan that is over or has not begun any waits for nobody."""
    if not paused:
        return []
    ids = [one.pk for one in paused]
    counts = messaging.counts_by_origin(
        workspace_id=actor.workspace_id or 0, origin=origin, origin_ids=ids, now=now, actor=actor
    )
    held = {pk: found.get("paused", 0) + found.get("waiting", 0) for pk, found in counts.items()}
    waiting = {pk: count for pk, count in held.items() if count}
    return [
        PausedSend(origin, one.pk, str(one), one.paused_at, waiting[one.pk])
        for one in paused
        if one.pk in waiting and one.paused_at is not None
    ]
