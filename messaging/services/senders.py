"""The threads of a run: each starts what is due of the rows in hand, calls, and records the answer."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial

from django.db import DatabaseError, InterfaceError, connection, connections

from community_ops.common import dbtime
from messaging.models import Delivery
from messaging.services import claiming, recording
from messaging.services.channels import Channels
from messaging.services.crew import Crew
from messaging.services.desk import Desk
from messaging.services.hand import Hand
from messaging.services.limits import BOOK
from messaging.services.recording import End
from messaging.services.sending import Clock, Ready, answered, begin, look, record_all, write_all

Step = Callable[[], None]
HAND_LEAST = 64  # rows a run keeps in hand: four quick sends for each thread
HAND_MOST = 512
QUICK_SECONDS, SLOW_SECONDS = 0.5, 2.0  # for half a hand; both far under the claim's lease
POLL_SECONDS = 0.2
WATCH_SECONDS = 0.003  # while something waits for a thread
log = logging.getLogger(__name__)


class DatabaseClock:
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


class Senders:
    """`count` threads that share a hand and a desk; each has and closes its own connection to the database.

    A row goes through three steps: it is looked at, started (with the ends of others, in one statement) and called.
    Any thread does any step. There are never more rows `sending` than threads.
    """

    def __init__(self, owner: str, count: int, now: Clock) -> None:
        self.owner = owner
        self.sent_count = 0
        self.db_now = DatabaseClock()
        self.channels = Channels()
        self._now = now
        self._count = count
        self._hand = Hand(threads=count)
        self._desk = Desk()
        self._crew = Crew()
        self._pace = _Pace()
        self._is_over = False
        self._is_watched = False
        lock = threading.Lock()
        self._steps = threading.Condition(lock)  # where threads wait for one
        self._changes = threading.Condition(lock)  # where the run waits for room, and watches
        names = (f"sender-{number}" for number in range(count))
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]

    def __enter__(self) -> "Senders":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Put back what was not started, wait for the calls that were."""
        with self._steps:
            self._is_over = True
            left = self._hand.empty()
            for ready in self._desk.give_back():
                self._hand.end(ready.start.delivery)
                left.append(ready.start.delivery)
            self._steps.notify_all()
        if left:
            claiming.let_go(left, owner=self.owner)
        for thread in self._threads:
            thread.join()

    def room(self) -> int:
        """How many more rows to take in hand; none while it is more than half full."""
        room = self._pace.size - len(self._hand)
        return room if room >= self._pace.size // 2 else 0

    def workspaces(self) -> set[int]:
        """Whose rows are in hand or being sent."""
        with self._steps:
            return self._hand.workspaces()

    def take(self, deliveries: Iterable[Delivery]) -> None:
        with self._steps:
            if self.room():
                self._pace.claimed()
            self._hand.put(deliveries)
            self._steps.notify()

    def is_idle(self) -> bool:
        with self._steps:
            return self._is_done()

    def wait_for_room(self) -> None:
        """Until the hand is half empty or all is done, at most a moment (new rows may be due).

        Meanwhile watch that work which waits gets another thread when those at it take long.
        """
        until = time.monotonic() + POLL_SECONDS
        with self._changes:
            half_full = not self.room()
            while not (self.room() if half_full else self._is_done()):
                if (left := until - time.monotonic()) <= 0:
                    break
                self._is_watched = self._is_work_waiting()
                if self._is_watched and self._crew.has_room(time.monotonic()):
                    self._steps.notify()
                self._changes.wait(min(left, WATCH_SECONDS) if self._is_watched else left)

    # --- which step is next; all but `_work` under the lock --------------------------------------------------

    def _work(self) -> None:
        try:
            while (step := self._next()) is not None:
                try:
                    step()
                except Exception:  # its row's lease runs out
                    log.exception("a step of a run failed")
                finally:
                    with self._steps:
                        self._crew.end(threading.get_ident())
        finally:
            connections.close_all()

    def _next(self) -> Step | None:
        """Wait for something to do; None when the run is over. Nobody waits with an open end."""
        with self._steps:
            while True:
                now = time.monotonic()
                if self._crew.has_room(now) and (step := self._choose()) is not None:
                    self._crew.begin(threading.get_ident(), now)
                    self._tell()
                    return step
                if self._is_over and not (self._desk.begun or self._desk.has_to_write()):
                    return None
                if self._is_done():
                    self._changes.notify()
                self._steps.wait(self._seconds_to_wait())

    def _choose(self) -> Step | None:
        """Start rows where half of all are ready, call what was started, look at the next row, write what there is."""
        if self._desk.may_write(max(1, self._count // 2)):
            return partial(self._write, *self._desk.take())
        if self._desk.begun:
            return partial(self._call, self._desk.begun.popleft())
        if self._may_look() and (delivery := self._hand.start(self._now())) is not None:
            return partial(self._look, delivery)
        return partial(self._write, *self._desk.take()) if self._desk.has_to_write() else None

    def _may_look(self) -> bool:
        return not self._is_over and self._hand.running_count < self._count

    def _is_work_waiting(self) -> bool:
        if self._desk.begun or self._desk.has_to_write():
            return True
        wait = self._hand.seconds_to_first(self._now()) if self._may_look() else None
        return wait is not None and wait <= 0

    def _seconds_to_wait(self) -> float:
        """Until the first row is due; for what waits already, a thread is woken when one is wanted."""
        wait = self._hand.seconds_to_first(self._now())
        return POLL_SECONDS if wait is None or wait <= 0 else min(wait, POLL_SECONDS)

    def _tell(self) -> None:
        """Another thread that there is more to do, or the run that it should watch; and when there is room."""
        if self.room():
            self._changes.notify()
        if self._is_work_waiting():
            if self._crew.has_room(time.monotonic()):
                self._steps.notify()
            elif not self._is_watched:
                self._changes.notify()

    def _is_done(self) -> bool:
        return not (self._hand or self._hand.running_count) and self._desk.is_empty

    # --- the steps ------------------------------------------------------------------------------------------

    def _look(self, delivery: Delivery) -> None:
        """What keeps to limits is also started, called and recorded here, by itself."""
        ready, end = None, None
        try:
            ready = look(delivery, owner=self.owner, now=self._now, db_now=self.db_now, book=BOOK)
            if ready is not None and ready.limits and self._has_begun(ready):
                end = answered(ready, now=self._now)
        except (DatabaseError, InterfaceError):
            _log_lost(delivery)
        finally:
            if ready is None or ready.limits:
                self._end(delivery, end)
        if ready is not None and not ready.limits:
            self._lay_down(ready)

    def _lay_down(self, ready: Ready) -> None:
        """To be started with others; put back where the run was over meanwhile."""
        with self._steps:
            if not self._is_over:
                self._desk.ready.append(ready)
                return
        claiming.let_go([ready.start.delivery], owner=self.owner)
        self._end(ready.start.delivery, None)

    def _call(self, ready: Ready) -> None:
        end = None
        try:
            end = answered(ready, now=self._now)
        finally:
            self._end(ready.start.delivery, end)

    def _end(self, delivery: Delivery, end: End | None) -> None:
        """A row has had its turn. What concerns other calls is recorded at once, the rest with the next starts."""
        count, is_late = 0, end is not None and recording.is_plain(end) and not self._is_over
        try:
            if end is not None and not is_late:
                count = record_all([end])
        finally:
            with self._steps:
                self.sent_count += count
                self._hand.end(delivery)
                if end is not None and is_late:
                    self._desk.ended.append(end)

    def _write(self, ends: list[End], readies: list[Ready]) -> None:
        count, begun = 0, list[Ready]()
        try:
            count, begun = self._written(ends, readies)
        finally:  # whatever happened: others may write, and have the places of what did not start
            with self._steps:
                self.sent_count += count
                self._desk.written(begun)
                started = set(map(id, begun))
                for ready in readies:
                    if id(ready) not in started:
                        self._hand.end(ready.start.delivery)

    def _written(self, ends: list[End], readies: list[Ready]) -> tuple[int, list[Ready]]:
        """All in one go; where that fails each by itself, and meets its own error: one bad row spoils no other."""
        try:
            return write_all(ends, readies)
        except Exception:
            log.warning("what was to be written in one go is written one by one", exc_info=True)
            connection.close_if_unusable_or_obsolete()
        return record_all(ends), [ready for ready in readies if self._has_begun(ready)]

    def _has_begun(self, ready: Ready) -> bool:
        try:
            return begin(ready, now=self._now)
        except (DatabaseError, InterfaceError):
            _log_lost(ready.start.delivery)
            return False


def _log_lost(delivery: Delivery) -> None:
    """Its lease runs out: a planned row is taken again, one in sending becomes unknown."""
    log.exception("a delivery could not be recorded", extra={"delivery": delivery.pk})
    connection.close()


class _Pace:
    """How large a hand should be: claiming is rare where calls are quick, and little is held where they hang."""

    def __init__(self) -> None:
        self.size = HAND_LEAST
        self._claimed_at = time.monotonic()

    def claimed(self) -> None:
        """Half a hand is gone since the last time: a larger one where that was quick, a smaller where it was not."""
        seconds = time.monotonic() - self._claimed_at
        self._claimed_at += seconds
        if seconds < QUICK_SECONDS:
            self.size = min(self.size * 2, HAND_MOST)
        elif seconds > SLOW_SECONDS:
            self.size = max(self.size // 2, HAND_LEAST)
