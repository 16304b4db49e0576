"""Ticks of messaging."""

import threading

from celery import shared_task

from community_ops.common import clock
from community_ops.common.pulses import watched
from messaging import services

_running = threading.Lock()


# a run ends by itself after 20 s plus one call (5 s): far under the 90 s soft limit
@shared_task(name="messaging.tasks.deliver_due")
@watched("deliver_due")
def deliver_due() -> None:
    """Send what is due. Runs on nudge and every second; one run a process, for a run takes new rows by itself."""
    if not _running.acquire(blocking=False):
        return
    try:
        services.run_deliveries(worker="deliver_due")
    finally:
        _running.release()


@shared_task(name="messaging.tasks.reap_stuck")
@watched("reap_stuck")
def reap_stuck() -> None:
    """Turn sends without a recorded end into `unknown`; two at once are harmless."""
    services.reap_stuck(now=clock.now())
