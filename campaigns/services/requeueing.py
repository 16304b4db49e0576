"""Queueing again what failed of an announcement or a run, all at once: after a key was taken back, after an outage."""

from datetime import datetime

from django.db import transaction

from campaigns import selectors
from campaigns.errors import AlreadyCancelled, RunIsStopped
from campaigns.models import Announcement, AnnouncementState, PlaybookRun
from community_ops.common import audit
from community_ops.common.actors import Actor
from messaging import services as messaging


@transaction.atomic
def requeue_announcement(*, announcement: Announcement, actor: Actor, now: datetime) -> int:
    """Give its failed messages their tries again, of those the actor may see; returns how many. All or none.

    Those without a channel stay as they are. While it is paused they wait. Writes an audit row for each and one of
    the announcement; a second call finds nothing, changes nothing and returns 0. Raises AlreadyCancelled.
    """
    locked = Announcement.objects.select_for_update().get(pk=announcement.pk)
    if locked.state == AnnouncementState.CANCELLED:
        raise AlreadyCancelled
    return _requeue(locked, "announcement.requeued", actor=actor, now=now)


@transaction.atomic
def requeue_run(*, run: PlaybookRun, actor: Actor, now: datetime) -> int:
    """`requeue_announcement` for the touches of a run. What its sale no longer wants is still not sent.

    Raises RunIsStopped.
    """
    locked = PlaybookRun.objects.select_for_update().get(pk=run.pk)
    if locked.stopped_at is not None:
        raise RunIsStopped
    return _requeue(locked, "run.requeued", actor=actor, now=now)


def _requeue(locked: Announcement | PlaybookRun, verb: str, *, actor: Actor, now: datetime) -> int:
    failed = selectors.requeueable_of(locked, actor)
    count = messaging.requeue_all_failed(deliveries=failed, actor=actor, now=now)
    if count:
        audit.record(actor=actor, verb=verb, target=locked, now=now, after={"delivery_count": count})
    return count
