"""Standing in line for a limit: pure rules, for the engine that keeps it and the forecast that foresees it (ADR-0007).

All windows are counted `GUARD` times as long as they are. A place in line is a moment; who stands there tries then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from messaging.platforms.base import Limit

GUARD = 1.005  # the platform's clock may run that much slower than ours: no window of its own is shorter then
A_DAY_SECONDS = 86_400  # windows of a day and longer are long: an allowance, not a rhythm
FAR_OFF = 10  # places
Rooms = Mapping[Limit, datetime]  # when each window of a budget has room


@dataclass(frozen=True, slots=True)
class Wait:
    """When to try again. `is_place`: that is a place at the end of the line, and now the last one."""

    until: datetime
    is_place: bool


def wait(rooms: Rooms, *, free_at: datetime, last: datetime | None, has_place: bool, now: datetime) -> Wait | None:
    """What a budget says to a call that wants to start now; None: it has a slot.

    `free_at`: when all its windows have room and nothing else is in the way, not before now; `last`: the last place
    that was given; `has_place`: the call stood in line, and its turn has come.
    """
    if has_place and not _is_far_off(rooms, now):
        return Wait(free_at, is_place=False) if free_at > now else None
    is_behind = not has_place and last is not None and last > now
    if not is_behind and free_at <= now:
        return None
    following = last + _pace(rooms, now) if last is not None else free_at
    return Wait(max(following, free_at), is_place=True)


def window_of(limit: Limit) -> timedelta:
    """How long a call counts after its end."""
    return timedelta(seconds=limit.seconds * GUARD)


def is_long(limit: Limit) -> bool:
    return limit.seconds >= A_DAY_SECONDS


def _is_far_off(rooms: Rooms, now: datetime) -> bool:
    """Whether a long window turns out to be full for many places to come. Whoever finds that at her place lines up
    anew: else all behind her would come back at the moment when one slot is free."""
    return any(is_long(limit) and at - now > FAR_OFF * _pace_of(limit) for limit, at in rooms.items())


def _pace(rooms: Rooms, now: datetime) -> timedelta:
    """How far apart the places in line are: as the slowest window lets them through. A long one slows nobody before
    it is full: else thirty messages would be spread over a month that has room for all of them."""
    slow = (_pace_of(limit) for limit, at in rooms.items() if at > now or not is_long(limit))
    return max(slow, default=timedelta())


def _pace_of(limit: Limit) -> timedelta:
    return window_of(limit) / limit.count
