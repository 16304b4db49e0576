"""The delivery engine: a run takes due rows in hand and starts each at its time on a few threads."""

import contextlib
import heapq
import itertools
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError, connection, connections

from community_ops.common import clock, dbtime
from community_ops.common.nudge import nudge
from messaging.models import Delivery
from messaging.policies import DELIVER_TASK
from messaging.services import claiming, limits
from messaging.services.limits import BOOK
from messaging.services.sending import Clock, send_one

SENDERS = 8  # threads of a run, and so the most rows `sending` in one process
HAND = 64  # rows a run keeps in hand: 8 quick sends for each thread stay far under the claim's lease
RUN_SECONDS = 20.0  # then a run hands over to the next tick
POLL_SECONDS = 0.2
NEVER = threading.Event()
log = logging.getLogger(__name__)


def deliver_due(*, worker: str, now: datetime, limit: int = 10_000) -> int:
    """Send everything due at `now`, one after another in this thread; returns how many calls were recorded.

    For commands and stories told at a fixed time; workers use `run_deliveries`. Safe beside them.
    """
    owner, sent = owner_name(worker), 0
    until = now + timedelta(microseconds=1)
    while limit > 0:
        in_hand = claiming.claim(owner=owner, limit=min(limit, HAND), until=until, db_now=dbtime.now())
        if not in_hand:
            break
        sent += sum(send_one(delivery, owner=owner, now=lambda: now) for delivery in in_hand)
        limit -= len(in_hand)
    return sent


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
    with _Senders(owner_name(worker), senders, now) as team:
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
    return claiming.reap(db_now=dbtime.now(), now=now)


def tidy_limits() -> None:
    """Forget slots that no window holds any more, and places in line nobody holds. Safe to repeat."""
    db_now = dbtime.now()
    limits.heal_queues(db_now=db_now)
    limits.forget_old_slots(db_now=db_now)


def owner_name(worker: str) -> str:
    """Unique for each run, so that a later run of the same worker never finishes an earlier one's rows."""
    return f"{worker}@{socket.gethostname()[:30]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"[:80]


def _claimed(team: "_Senders", now: Clock) -> list[Delivery]:
    room = HAND - team.waiting_count
    if room < HAND // 2:
        return []
    until, db_now = now() + claiming.LOOK_AHEAD, team.db_now()
    if not claiming.anything_due(until=until, db_now=db_now):
        return []
    return claiming.claim(owner=team.owner, limit=room, until=until, db_now=db_now)


class _DatabaseClock:
    """The database's time without asking it for each row: read anew every few seconds, and counted on from there."""

    READ_EVERY_SECONDS = 5.0

    def __init__(self) -> None:
        self._read()

    def _read(self) -> None:
        self._anchor = (dbtime.now(), time.monotonic())

    def __call__(self) -> datetime:
        if time.monotonic() - self._anchor[1] > self.READ_EVERY_SECONDS:
            self._read()
        read_at, read_when = self._anchor
        return read_at + timedelta(seconds=time.monotonic() - read_when)


class _Senders:
    """Threads with a heap of rows in hand, soonest first; each thread has and closes its own connection."""

    def __init__(self, owner: str, senders: int, now: Clock) -> None:
        self.owner = owner
        self.sent_count = 0
        self._now = now
        self.db_now = _DatabaseClock()
        self._hand: list[tuple[datetime, int, Delivery]] = []
        self._order = itertools.count()
        self._busy_count = 0
        self._is_over = False
        self._changed = threading.Condition()
        names = (f"sender-{number}" for number in range(senders))
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]

    def __enter__(self) -> "_Senders":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Put back what was not started, wait for the calls that were."""
        with self._changed:
            self._is_over = True
            left = [delivery for _, _, delivery in self._hand]
            self._hand.clear()
            self._changed.notify_all()
        if left:
            claiming.let_go(left, owner=self.owner)
        for thread in self._threads:
            thread.join()

    @property
    def waiting_count(self) -> int:
        return len(self._hand)

    def take(self, deliveries: Iterable[Delivery]) -> None:
        with self._changed:
            for delivery in deliveries:
                heapq.heappush(self._hand, (delivery.next_try_at, next(self._order), delivery))
            self._changed.notify_all()

    def is_idle(self) -> bool:
        with self._changed:
            return self._is_done()

    def wait_for_room(self) -> None:
        """Until the hand is half empty or all is done, at most a moment (new rows may be due)."""
        with self._changed:
            half_full = len(self._hand) > HAND // 2
            done = self._is_half_empty if half_full else self._is_done
            self._changed.wait_for(done, timeout=POLL_SECONDS)

    def _is_half_empty(self) -> bool:
        return len(self._hand) <= HAND // 2

    def _is_done(self) -> bool:
        return not self._hand and not self._busy_count

    def _work(self) -> None:
        try:
            with contextlib.suppress(DatabaseError, InterfaceError):  # met again, and recorded, by the first send
                connection.ensure_connection()
            while (delivery := self._next()) is not None:
                self._send(delivery)
        finally:
            connections.close_all()

    def _next(self) -> Delivery | None:
        """Wait for the first row whose time has come; None when the run is over."""
        with self._changed:
            while not self._is_over:
                wait = self._seconds_to_first()
                if wait <= 0:
                    self._busy_count += 1
                    return heapq.heappop(self._hand)[2]
                self._changed.wait(timeout=min(wait, POLL_SECONDS))
            return None

    def _seconds_to_first(self) -> float:
        return (self._hand[0][0] - self._now()).total_seconds() if self._hand else POLL_SECONDS

    def _send(self, delivery: Delivery) -> None:
        was_sent = False
        try:
            was_sent = send_one(delivery, owner=self.owner, now=self._now, db_now=self.db_now, book=BOOK)
        except (DatabaseError, InterfaceError):
            # Its lease runs out: a planned row is taken again, one in sending becomes unknown.
            log.exception("a delivery could not be recorded", extra={"delivery": delivery.pk})
            connection.close()
        finally:
            with self._changed:
                self._busy_count -= 1
                self.sent_count += was_sent
                self._changed.notify_all()
