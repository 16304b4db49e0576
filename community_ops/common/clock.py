"""The one clock. Nothing else asks for the time of day (held by lint).

With ALLOW_CLOCK_SHIFT=1 (development) one offset in the database is added for every process,
so that a whole sale evening can be walked through in minutes. Leases and signatures do not use
this clock but the database's (`common.dbtime`).
"""

import time
from datetime import UTC, datetime, timedelta

from django.apps import apps
from django.conf import settings

_READ_EVERY_SECONDS = 0.5


class _Shift:
    """The development shift, read from its row at most twice a second and process."""

    def __init__(self) -> None:
        self._value = timedelta(0)
        self.forget()

    def forget(self) -> None:
        self._read_at = float("-inf")

    def current(self) -> timedelta:
        if time.monotonic() - self._read_at > _READ_EVERY_SECONDS:
            self._value = timedelta(seconds=apps.get_model("common", "ClockShift").current_seconds())
            self._read_at = time.monotonic()
        return self._value


_shift = _Shift()


def now() -> datetime:
    """The current moment, aware, in UTC, with the development shift added where that is allowed."""
    moment = datetime.fromtimestamp(time.time(), tz=UTC)
    return moment + _shift.current() if settings.ALLOW_CLOCK_SHIFT else moment


def forget_shift() -> None:
    """Read the shift anew at the next call (after it was changed in this process)."""
    _shift.forget()
