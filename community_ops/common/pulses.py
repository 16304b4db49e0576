"""Job pulses: proof that workers consume. Today shows a late job; /health/ready goes red on it."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db.models import QuerySet

from community_ops.common import dbtime
from community_ops.common.models import JobPulse

P = ParamSpec("P")
R = TypeVar("R")
WRITE_EVERY_SECONDS = 5.0
_written_at: dict[str, float] = {}
_needed = ["worker"]


def watched(name: str, *, grace_seconds: int = 60) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Record when a periodic job ends well or fails; at most one write per 5 s and process when it goes well."""

    def decorate(job: Callable[P, R]) -> Callable[P, R]:
        @wraps(job)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                result = job(*args, **kwargs)
            except Exception as error:
                _failed(name, error, grace_seconds)
                raise
            _went_well(name, grace_seconds)
            return result

        return run

    return decorate


def need(name: str) -> None:
    """Make /health/ready ask for this job too; called from `AppConfig.ready()`, twice is once."""
    if name not in _needed:
        _needed.append(name)


def needed() -> tuple[str, ...]:
    """Names of the jobs without which nothing works as it should."""
    return tuple(_needed)


def in_time(*, now: datetime) -> dict[str, bool]:
    """Whether each needed job ended well within its grace; one that never did has not. One query."""
    late_of = {pulse.name: is_late(pulse, now=now) for pulse in JobPulse.objects.filter(name__in=_needed)}
    return {name: not late_of.get(name, True) for name in _needed}


def late(*, now: datetime) -> list[JobPulse]:
    """Jobs whose last good run is further back than their grace (also those that never ended well)."""
    return [pulse for pulse in all_pulses() if is_late(pulse, now=now)]


def all_pulses() -> QuerySet[JobPulse]:
    return JobPulse.objects.order_by("name")


def is_late(pulse: JobPulse, *, now: datetime) -> bool:
    return pulse.last_ok_at is None or pulse.last_ok_at < now - timedelta(seconds=pulse.grace_seconds)


def _went_well(name: str, grace_seconds: int) -> None:
    if time.monotonic() - _written_at.get(name, float("-inf")) < WRITE_EVERY_SECONDS:
        return
    _written_at[name] = time.monotonic()
    _write(name, grace_seconds, last_ok_at=dbtime.now())


def _failed(name: str, error: Exception, grace_seconds: int) -> None:
    _write(name, grace_seconds, last_error_at=dbtime.now(), last_error=f"{type(error).__name__}: {error}"[:500])


def _write(name: str, grace_seconds: int, **facts: object) -> None:
    JobPulse.objects.update_or_create(name=name, defaults={"grace_seconds": grace_seconds, **facts})
