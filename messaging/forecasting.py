"""How long a plan takes under its limits: pure simulation, no database, no clock.

Calls of one plan, and what else is planned beside it, are started in the order of their times, each as soon as every
window it counts against has room and a sender is free; who waits for room holds no sender. Source of the windows:
ADR-0007; a call is taken to last `CALL_SECONDS`, as measured on quick platforms (benchmarks/RESULTS.md); a slow
platform makes it longer.
"""

import heapq
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate

from messaging.platforms.base import Limit

CALL_SECONDS = 0.3
SENDERS = 16  # of one worker (`services.delivery.SENDERS`): more workers are faster
# What a colleague needs, by the stopwatch of nobody yet: said on the page as an assumption.
COPY_SECONDS = 15
GROUP_SECONDS = 20
Key = tuple[str, int]


def _goes_out(at: datetime) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Calls:
    """What one send takes: `count` calls one after the other from `due_at`, each counting against `limits`.

    `number` names the send for whoever asked; None is something else that is planned in between. `refused`: the look
    before the first call, at its moment: the reason why it does not go out then, or nothing.
    """

    number: int | None
    due_at: datetime
    count: int
    limits: Mapping[Key, Sequence[Limit]]
    refused: Callable[[datetime], str] = _goes_out


@dataclass(frozen=True, slots=True)
class Card:
    """One touch for one colleague: `numbers` are the sends she ticks in one go, None of something else she has."""

    assignee_id: int
    due_at: datetime
    numbers: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Ran:
    """By number: when each send's last call is over, or why it does not go out when its turn comes."""

    ends: dict[int, datetime] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Waiting:
    rank: int  # of two that could start at one moment the one that was due first does
    calls: Calls
    line: "deque[_Waiting]"
    parts_left: int
    is_begun: bool = False
    scout_of: Key | None = None  # it looks for room in this budget for all that wait for it


class _Simulation:
    """Only the head of each line (the sends that count against the same budgets) looks for room, and of the heads
    that wait for one budget only the first: so a fan-out to thousands of chats of one account stays quick."""

    def __init__(
        self, used: Mapping[Key, Sequence[datetime]], guard: float, closed_until: Mapping[Key, datetime]
    ) -> None:
        self.ran = Ran()
        self._ends: dict[Key, list[datetime]] = defaultdict(list, {key: list(used[key]) for key in used})
        self._guard, self._closed_until = guard, closed_until
        self._free: list[datetime] = []  # when each sender is free again
        self._heap: list[tuple[datetime, int, _Waiting]] = []
        self._parked: dict[Key, list[tuple[int, _Waiting]]] = {}  # by budget that somebody looks for room in

    def run(self, calls: Iterable[Calls]) -> Ran:
        lines: dict[tuple[Key, ...], deque[_Waiting]] = defaultdict(deque)
        for rank, one in enumerate(sorted(calls, key=lambda one: one.due_at)):
            line = lines[tuple(one.limits)]
            line.append(_Waiting(rank, one, line, one.count))
        for line in lines.values():
            self._push_head(line, line[0].calls.due_at)
        while self._heap:
            at, _, waiting = heapq.heappop(self._heap)
            start, key = self._room(waiting.calls.limits, at)
            if key is not None and key == waiting.scout_of:
                self._push(start, waiting)
                continue
            self._relieve(waiting, at)
            if key is not None:
                self._park(waiting, key, start)
            else:
                self._start(waiting, at)
        return self.ran

    def _park(self, waiting: _Waiting, key: Key, start: datetime) -> None:
        """Behind those that wait for this budget already, or as the one that looks."""
        if key in self._parked:
            heapq.heappush(self._parked[key], (waiting.rank, waiting))
        else:
            self._parked[key], waiting.scout_of = [], key
            self._push(start, waiting)

    def _relieve(self, scout: _Waiting, at: datetime) -> None:
        """It looks no more: the next that waits for the same budget does."""
        key, scout.scout_of = scout.scout_of, None
        if key is None:
            return
        if not self._parked[key]:
            del self._parked[key]
            return
        _, following = heapq.heappop(self._parked[key])
        following.scout_of = key
        self._push(at, following)

    def _push_head(self, line: deque[_Waiting], at: datetime) -> None:
        if line:
            head = line.popleft()
            self._push(max(at, head.calls.due_at), head)

    def _push(self, at: datetime, waiting: _Waiting) -> None:
        heapq.heappush(self._heap, (at, waiting.rank, waiting))

    def _start(self, waiting: _Waiting, at: datetime) -> None:
        calls = waiting.calls
        start = max(at, self._free[0]) if len(self._free) >= SENDERS else at
        if not waiting.is_begun:
            self._push_head(waiting.line, at)
            if reason := calls.refused(start):
                self._note(self.ran.refused, calls, reason)
                return
        end = self._call(calls, start)
        waiting.is_begun, waiting.parts_left = True, waiting.parts_left - 1
        if waiting.parts_left > 0:
            self._push(end, waiting)
        else:
            self._note(self.ran.ends, calls, end)

    def _call(self, calls: Calls, start: datetime) -> datetime:
        """One call by the first free sender; returns when it is over."""
        if len(self._free) >= SENDERS:
            heapq.heappop(self._free)
        end = start + timedelta(seconds=CALL_SECONDS)
        heapq.heappush(self._free, end)
        for key in calls.limits:
            self._ends[key].append(end)
        return end

    def _note(self, notes: dict, calls: Calls, what: datetime | str) -> None:
        if calls.number is not None:
            notes[calls.number] = what

    def _room(self, limits: Mapping[Key, Sequence[Limit]], at: datetime) -> tuple[datetime, Key | None]:
        """When every window has room and no account cools down, and the budget that takes longest; none: at once."""
        full = [
            (self._ends[key][-limit.count] + timedelta(seconds=limit.seconds * self._guard), key)
            for key, found in limits.items()
            for limit in found
            if len(self._ends[key]) >= limit.count
        ]
        full += [(self._closed_until[key], key) for key in limits if key in self._closed_until]
        start, key = max(full, default=(at, None))
        return (start, key) if start > at else (at, None)


def simulate(
    calls: Iterable[Calls],
    *,
    used: Mapping[Key, Sequence[datetime]],
    guard: float,
    closed_until: Mapping[Key, datetime] | None = None,
) -> Ran:
    """What becomes of each send. `used`: ends of calls that count still, by budget, oldest first; `closed_until`: no
    call of this budget before then."""
    return _Simulation(used, guard, closed_until or {}).run(calls)


def ends_by_hand(cards: Iterable[Card]) -> dict[int, datetime]:
    """When each send that goes by hand is done: a colleague takes her cards one after the other, group by group."""
    free: dict[int, datetime] = {}
    found: dict[int, datetime] = {}
    for card in sorted(cards, key=lambda card: card.due_at):
        at = max(card.due_at, free.get(card.assignee_id, card.due_at)) + timedelta(seconds=COPY_SECONDS)
        for number in card.numbers:
            at += timedelta(seconds=GROUP_SECONDS)
            if number is not None:
                found[number] = at
        free[card.assignee_id] = at
    return found


@dataclass(frozen=True, slots=True)
class Window:
    """The fullest stretch of a limit's length: how many calls of each kind are wanted in it; it ends at `until_at`."""

    until_at: datetime
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.counts)


def fullest_window(seconds: int, wanted: Mapping[datetime, int], *others: Mapping[datetime, int]) -> Window:
    """Of the windows that hold a `wanted` call the one with most calls of all kinds; ties: the first.

    Each kind is a number of calls by moment. `wanted` is not empty.
    """
    length, first = timedelta(seconds=seconds), min(wanted)
    kinds = [_Sums(kind) for kind in (wanted, *others)]
    ends = sorted({at for kind in (wanted, *others) for at in kind if at >= first})  # the fullest ends with a call
    windows = (Window(at, tuple(kind.between(at - length, at) for kind in kinds)) for at in ends)
    return max((window for window in windows if window.counts[0]), key=lambda window: window.total)


class _Sums:
    def __init__(self, counts: Mapping[datetime, int]) -> None:
        self._moments = sorted(counts)
        self._sums = [0, *accumulate(counts[moment] for moment in self._moments)]

    def between(self, after: datetime, until: datetime) -> int:
        """How many from just after the first moment to the second, included."""
        return self._sums[bisect_right(self._moments, until)] - self._sums[bisect_right(self._moments, after)]
