"""How long a plan takes under its limits: pure simulation, no database, no clock.

Calls of one plan, and what else is planned beside it, are started in the order of their times, each as soon as every
window it counts against has room and a sender is free. Source of the windows: ADR-0007; a call is taken to last
`CALL_SECONDS`, as measured on quick platforms (benchmarks/RESULTS.md); a slow platform makes it longer.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from messaging.platforms.base import Limit

CALL_SECONDS = 0.3
SENDERS = 8  # of one worker (`services.delivery.SENDERS`): more workers are faster
# What a colleague needs, by the stopwatch of nobody yet: said on the page as an assumption.
COPY_SECONDS = 15
GROUP_SECONDS = 20
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Calls:
    """What one send takes: `count` calls one after the other from `due_at`, each counting against `limits`.

    `number` names the send for whoever asked; None is something else that is planned in between.
    """

    number: int | None
    due_at: datetime
    count: int
    limits: Mapping[Key, Sequence[Limit]]


@dataclass(frozen=True, slots=True)
class Card:
    """One touch for one colleague: `numbers` are the sends she ticks in one go."""

    assignee_id: int
    due_at: datetime
    numbers: tuple[int, ...]


def ends_of(calls: Iterable[Calls], *, used: Mapping[Key, Sequence[datetime]], guard: float) -> dict[int, datetime]:
    """When each send's last call is over. `used`: ends of calls that count still, by budget, oldest first."""
    ends: dict[Key, list[datetime]] = defaultdict(list, {key: list(moments) for key, moments in used.items()})
    free: list[datetime] = []  # when each sender is free again
    found: dict[int, datetime] = {}
    for one in sorted(calls, key=lambda one: one.due_at):
        ready = one.due_at
        for _ in range(one.count):
            start = max([ready, *_room(one.limits, ends, guard)])
            if len(free) >= SENDERS:
                start = max(start, heapq.heappop(free))
            ready = start + timedelta(seconds=CALL_SECONDS)
            heapq.heappush(free, ready)
            for key in one.limits:
                ends[key].append(ready)
        if one.number is not None:
            found[one.number] = ready
    return found


def _room(limits: Mapping[Key, Sequence[Limit]], ends: Mapping[Key, list[datetime]], guard: float) -> list[datetime]:
    """From when each window has room, where it has none yet."""
    return [
        ends[key][-limit.count] + timedelta(seconds=limit.seconds * guard)
        for key, found in limits.items()
        for limit in found
        if len(ends[key]) >= limit.count
    ]


def ends_by_hand(cards: Iterable[Card]) -> dict[int, datetime]:
    """When each send that goes by hand is done: a colleague takes her cards one after the other, group by group."""
    free: dict[int, datetime] = {}
    found: dict[int, datetime] = {}
    for card in sorted(cards, key=lambda card: card.due_at):
        at = max(card.due_at, free.get(card.assignee_id, card.due_at)) + timedelta(seconds=COPY_SECONDS)
        for number in card.numbers:
            at += timedelta(seconds=GROUP_SECONDS)
            found[number] = at
        free[card.assignee_id] = at
    return found
