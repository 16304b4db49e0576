"""Ticks of the kernel."""

from celery import shared_task

from community_ops.common import clock, housekeeping, outbox
from community_ops.common.pulses import watched
from community_ops.common.turns import give_way


# 200 receipts x about 5 ms a handler stays far under the 90 s soft limit
@shared_task(name="common.tasks.drain_outbox")
@watched("drain_outbox")
def drain_outbox(limit: int = outbox.BATCH) -> None:
    """Hand waiting events to their subscribers. Runs on nudge and every second; two at once share the rows."""
    outbox.drain(now=clock.now(), limit=limit, between=give_way)


@shared_task(name="common.tasks.beat_heart")
@watched("worker")
def beat_heart() -> None:
    """Prove that a worker consumes: the pulse is written by the decorator."""


@shared_task(name="common.tasks.tidy")
@watched("tidy", grace_seconds=3 * 3600)
def tidy() -> None:
    """Delete dispatched events after 30 days, idempotency records after 24 hours, and files past their time."""
    housekeeping.tidy(now=clock.now())
