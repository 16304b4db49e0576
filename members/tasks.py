"""Ticks of members."""

from celery import shared_task

from community_ops.common import clock
from community_ops.common.pulses import watched
from members import services


# A file may take many minutes: the lease renewed by every batch of 1,000 rows is the watchdog, not the time limit.
@shared_task(name="members.tasks.run_imports", soft_time_limit=3600, time_limit=3660)
@watched("run_imports", grace_seconds=3700)
def run_imports() -> None:
    """Bring in uploaded files that wait. Runs on nudge and on every tick; two at once take different files."""
    services.work_on_imports(now=clock.now())
