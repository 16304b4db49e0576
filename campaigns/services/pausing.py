"""Pausing what is going out and letting it go on: of an announcement, of a run.

The object keeps that it is paused, so that what is planned anew meanwhile waits too (`guards`). A sale has a pause of
its own (nobody can buy); neither changes the other: when a run goes on, the sale's guard is asked as always.
"""

from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns import origins
from campaigns.errors import AlreadyCancelled, NothingPlanned, NotScheduled, RunIsStopped
from campaigns.models import Announcement, AnnouncementState, PlaybookRun, TouchState
from community_ops.common import audit
from community_ops.common.actors import Actor
from messaging import services as messaging


@transaction.atomic
def pause_announcement(*, announcement: Announcement, actor: Actor, now: datetime) -> int:
    """Let nothing more of it go out until it is resumed; returns how many deliveries wait now.

    What is being sent at this moment still goes out. Writes an audit row. A second call changes nothing and returns
    0. Raises NotScheduled, AlreadyCancelled, NothingPlanned.
    """
    locked = _scheduled(announcement)
    if locked.paused_at is not None:
        return 0
    count = _pause(locked, origins.ANNOUNCEMENT, now)
    if not count:
        raise NothingPlanned
    _keep(locked, now, "announcement.paused", count, actor=actor, now=now)
    announcement.paused_at = now
    return count


@transaction.atomic
def resume_announcement(*, announcement: Announcement, actor: Actor, now: datetime) -> int:
    """Let a paused announcement go on: what is due goes out now. Returns how many deliveries go on.

    Writes an audit row. On one that is not paused nothing changes. Raises NotScheduled, AlreadyCancelled.
    """
    locked = _scheduled(announcement)
    if locked.paused_at is None:
        return 0
    count = _resume(locked, origins.ANNOUNCEMENT, now)
    _keep(locked, None, "announcement.resumed", count, actor=actor, now=now)
    announcement.paused_at = None
    return count


@transaction.atomic
def pause_run(*, run: PlaybookRun, actor: Actor, now: datetime) -> int:
    """Let no touch go out until the run is resumed; returns how many deliveries wait now.

    What a condition sets off meanwhile, and what a move plans anew, waits too. Writes an audit row. A second call
    changes nothing and returns 0. Raises RunIsStopped, NothingPlanned.
    """
    locked = _live(run)
    if locked.paused_at is not None:
        return 0
    count = _pause(locked, origins.TOUCH, now)
    if not count and not _may_still_be_set_off(locked, now):
        raise NothingPlanned
    _keep(locked, now, "run.paused", count, actor=actor, now=now)
    run.paused_at = now
    return count


@transaction.atomic
def resume_run(*, run: PlaybookRun, actor: Actor, now: datetime) -> int:
    """Let a paused run go on: what is due goes out now, what has passed its latest moment is not sent.

    Returns how many deliveries go on. Writes an audit row. On one that is not paused nothing changes. Raises
    RunIsStopped.
    """
    locked = _live(run)
    if locked.paused_at is None:
        return 0
    count = _resume(locked, origins.TOUCH, now)
    _keep(locked, None, "run.resumed", count, actor=actor, now=now)
    run.paused_at = None
    return count


def keep_paused(paused: Announcement | PlaybookRun, *, now: datetime) -> None:
    """Let what was planned just now wait too, where its object is paused. The object is locked."""
    if paused.paused_at is not None:
        _pause(paused, origins.ANNOUNCEMENT if isinstance(paused, Announcement) else origins.TOUCH, now)


def _scheduled(announcement: Announcement) -> Announcement:
    """Locked against a move, a cancellation or another pause at the same time."""
    locked = Announcement.objects.select_for_update().get(pk=announcement.pk)
    if locked.state == AnnouncementState.CANCELLED:
        raise AlreadyCancelled
    if locked.state != AnnouncementState.SCHEDULED:
        raise NotScheduled
    return locked


def _live(run: PlaybookRun) -> PlaybookRun:
    locked = PlaybookRun.objects.select_for_update().get(pk=run.pk)
    if locked.stopped_at is not None:
        raise RunIsStopped
    return locked


def _may_still_be_set_off(run: PlaybookRun, now: datetime) -> bool:
    """Whether a condition can still plan something."""
    return now < run.ends_at and run.touches.filter(state=TouchState.WAITING).exists()


def _pause(paused: Announcement | PlaybookRun, origin: str, now: datetime) -> int:
    """How many wait now: those that are parked, and those on people's lists, whose cards say that it is paused."""
    facts: dict[str, Any] = {"workspace_id": paused.workspace_id, "origin": origin, "origin_id": paused.pk}
    return messaging.pause_deliveries(**facts, now=now) + messaging.waiting_by_hand_count(**facts)


def _resume(paused: Announcement | PlaybookRun, origin: str, now: datetime) -> int:
    facts: dict[str, Any] = {"workspace_id": paused.workspace_id, "origin": origin, "origin_id": paused.pk}
    return messaging.resume_deliveries(**facts, now=now) + messaging.waiting_by_hand_count(**facts)


def _keep(
    locked: Announcement | PlaybookRun,
    paused_at: datetime | None,
    verb: str,
    count: int,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    before, locked.paused_at = locked.paused_at, paused_at
    locked.save(update_fields=["paused_at", "updated_at"])
    after = {"paused_at": paused_at, "delivery_count": count}
    audit.record(actor=actor, verb=verb, target=locked, now=now, before={"paused_at": before}, after=after)
