"""The delivery engine: a run takes due rows in hand and starts each at its time on a few threads."""

import os
import socket
import threading
import time
import uuid
from datetime import datetime, timedelta

from community_ops.common import clock, dbtime
from community_ops.common.nudge import nudge
from messaging.models import Delivery
from messaging.policies import DELIVER_TASK
from messaging.services import claiming, limits, recording
from messaging.services.senders import HAND_LEAST, Senders
from messaging.services.sending import Clock, send_one

SENDERS = 16  # threads of a run, and so the most rows `sending` in one process
RUN_SECONDS = 20.0  # then a run hands over to the next tick
NEVER = threading.Event()


def deliver_due(*, worker: str, now: datetime, limit: int = 10_000) -> int:
    """Send everything due at `now`, one after another in this thread; returns how many calls were recorded.

    For commands and stories told at a fixed time; workers use `run_deliveries`. Safe beside them.
    """
    owner, sent_count = owner_name(worker), 0
    until = now + timedelta(microseconds=1)
    while limit > 0:
        in_hand = claiming.claim(owner=owner, limit=min(limit, HAND_LEAST), until=until, db_now=dbtime.now())
        if not in_hand:
            break
        for delivery in in_hand:
            sent_count += send_one(delivery, owner=owner, now=lambda: now)
        limit -= len(in_hand)
    return sent_count


def run_deliveries(
    *,
    worker: str,
    now: Clock = clock.now,
    senders: int = SENDERS,
    seconds: float = RUN_SECONDS,
    stopping: threading.Event = NEVER,
) -> int:
    """Send what is due and what falls due within 2 s, each at its time; returns how many calls were recorded.

    Returns when nothing is left in hand, after `seconds` or when `stopping` is set at the latest (plus the
    calls still running); what was in hand and not started is put back. Two runs at once share the rows.
    """
    if not claiming.anything_due(until=now() + claiming.LOOK_AHEAD, db_now=dbtime.now()):
        return 0
    with Senders(owner_name(worker), senders, now) as team:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not stopping.is_set():
            team.take(_claimed(team, now))
            if team.is_idle():
                break
            team.wait_for_room()
        else:
            nudge(DELIVER_TASK)
    return team.sent_count


def reap_stuck(*, now: datetime) -> int:
    """Settle calls whose worker ended before the answer was recorded; returns how many. Safe to repeat."""
    return recording.reap(db_now=dbtime.now(), now=now)


def tidy_limits() -> None:
    """End slots of test messages nobody else ends, forget those that no window holds any more, and places in line
    nobody holds. Safe to repeat."""
    db_now = dbtime.now()
    limits.end_lost_tests(db_now=db_now)
    limits.heal_queues(db_now=db_now)
    limits.forget_old_slots(db_now=db_now)


def owner_name(worker: str) -> str:
    """Unique for each run, so that a later run of the same worker never finishes an earlier one's rows."""
    return f"{worker}@{socket.gethostname()[:30]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"[:80]


def _claimed(team: Senders, now: Clock) -> list[Delivery]:
    """New rows for the hand; while it is full, those of workspaces that have none in it."""
    room, until, db_now = team.room(), now() + claiming.LOOK_AHEAD, team.db_now()
    besides = set() if room else team.workspaces()
    if not claiming.anything_due(until=until, db_now=db_now, besides=besides):
        return []
    return claiming.claim(
        owner=team.owner,
        limit=room or HAND_LEAST,
        until=until,
        db_now=db_now,
        besides=besides,
        channels=team.channels,
    )
