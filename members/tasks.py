"""Ticks of members."""

import threading

from celery import shared_task

from community_ops.common import clock
from community_ops.common.pulses import watched
from members import services

_importing = threading.Lock()


# A file may take many minutes: the lease renewed by every batch of 1,000 rows is the watchdog, not the time limit.
@shared_task(name="members.tasks.run_imports", soft_time_limit=3600, time_limit=3660)
def run_imports() -> None:
    """Bring in uploaded files that wait. Runs on nudge and on every tick; two processes take different files.

    One run a process, which takes one file after the other: files must not fill the threads of the one worker that
    an installation without Redis has.
    """
    if not _importing.acquire(blocking=False):
        return
    try:
        _import()
    finally:
        _importing.release()


@watched("run_imports", grace_seconds=3700)
def _import() -> None:
    """A whole run: a tick that found another one at work must not vouch for it."""
    services.work_on_imports(now=clock.now())


@shared_task(name="members.tasks.forget_files")
@watched("forget_files", grace_seconds=3 * 3600)
def forget_files() -> None:
    """Let go of uploaded files after 30 days; two at once are harmless."""
    services.forget_files(now=clock.now())
