"""The threads of a run: each starts what is due of the rows in hand, calls, and records the answer."""

import contextlib
import logging
import threading
import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError, connection, connections

from community_ops.common import dbtime
from messaging.models import Delivery
from messaging.services import claiming
from messaging.services.hand import Hand
from messaging.services.limits import BOOK
from messaging.services.sending import Clock, Desk, send_one, write_all
from messaging.services.together import Together

HAND_LEAST = 64  # rows a run keeps in hand: eight quick sends for each thread
HAND_MOST = 512
QUICK_SECONDS, SLOW_SECONDS = 0.5, 2.0  # for half a hand; both far under the claim's lease
POLL_SECONDS = 0.2
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
    """`count` threads that share a hand; each has and closes its own connection to the database."""

    def __init__(self, owner: str, count: int, now: Clock) -> None:
        self.owner = owner
        self.sent_count = 0
        self.db_now = DatabaseClock()
        self._now = now
        self._hand = Hand(most_of_account=max(1, count - 2))
        self._pace = _Pace()
        self._is_over = False
        self._changed = threading.Condition()
        self._write_together = Together(write_all, enough=self._enough)
        names = (f"sender-{number}" for number in range(count))
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]

    def __enter__(self) -> "Senders":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Put back what was not started, wait for the calls that were."""
        with self._changed:
            self._is_over = True
            left = self._hand.empty()
            self._changed.notify_all()
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
        with self._changed:
            return self._hand.workspaces()

    def take(self, deliveries: Iterable[Delivery]) -> None:
        with self._changed:
            if self.room():
                self._pace.claimed()
            self._hand.put(deliveries)
            self._changed.notify_all()

    def is_idle(self) -> bool:
        with self._changed:
            return self._is_done()

    def wait_for_room(self) -> None:
        """Until the hand is half empty or all is done, at most a moment (new rows may be due)."""
        with self._changed:
            half_full = not self.room()
            self._changed.wait_for(self.room if half_full else self._is_done, timeout=POLL_SECONDS)

    def _is_done(self) -> bool:
        return not self._hand and not self._hand.running_count

    def _work(self) -> None:
        desk = Desk(self._write_together)
        try:
            with contextlib.suppress(DatabaseError, InterfaceError):  # met again, and recorded, by the first send
                connection.ensure_connection()
            while (delivery := self._next(desk)) is not None:
                self._send(delivery, desk)
            self._settle(desk)
        finally:
            self.sent_count += desk.ended_count
            connections.close_all()

    def _next(self, desk: Desk) -> Delivery | None:
        """Wait for the first row whose time has come; None when the run is over. Nobody waits with an open end."""
        while True:
            with self._changed:
                if self._is_over:
                    return None
                now = self._now()
                if (delivery := self._hand.start(now)) is not None:
                    return delivery
                if desk.is_settled:
                    wait = self._hand.seconds_to_first(now)
                    self._changed.wait(POLL_SECONDS if wait is None else min(max(wait, 0.0), POLL_SECONDS))
                    continue
            self._settle(desk)

    def _enough(self) -> int:
        """How many write together: half of those at work, so that the others call meanwhile."""
        return max(1, self._hand.running_count // 2)

    def _send(self, delivery: Delivery, desk: Desk) -> None:
        try:
            send_one(delivery, owner=self.owner, now=self._now, db_now=self.db_now, book=BOOK, desk=desk)
        except (DatabaseError, InterfaceError):
            # Its lease runs out: a planned row is taken again, one in sending becomes unknown.
            log.exception("a delivery could not be recorded", extra={"delivery": delivery.pk})
            connection.close()
        finally:
            with self._changed:
                self._hand.end(delivery)
                self._changed.notify_all()

    def _settle(self, desk: Desk) -> None:
        try:
            desk.settle()
        except (DatabaseError, InterfaceError):
            log.exception("an answer could not be recorded")
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
