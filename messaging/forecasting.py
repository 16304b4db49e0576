"""How long a plan takes under its limits: pure simulation, no database, no clock.

Calls of one plan, and what else is planned beside it, are started in the order of their times, each at once where every
window it counts against has room and a sender is free, else at its place in line, by the rules of the engine
(`messaging.line`); who waits holds no sender. Source of the windows: ADR-0007; a call is taken to last
`CALL_SECONDS`, as measured on quick platforms (benchmarks/RESULTS.md); a slow platform makes it longer.
"""

import heapq
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate

from messaging import line
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
    before the first call, at its moment: the reason why it does not go out then, or nothing. `has_place`: it stands in
    line already, and `due_at` is its turn.
    """

    number: int | None
    due_at: datetime
    count: int
    limits: Mapping[Key, Sequence[Limit]]
    refused: Callable[[datetime], str] = _goes_out
    has_place: bool = False


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
    calls: Calls
    parts_left: int
    has_place: bool
    rank: int  # of two of one moment the one that was due first comes
    is_begun: bool = False
    looks_in: Key | None = None  # its turn has come, and it waits for room in this budget


class _Simulation:
    """Of those whose turn has come and who wait for room in one budget only the first looks for it: so a fan-out of
    thousands stays quick where they catch up with each other."""

    def __init__(self, used: Mapping[Key, Sequence[datetime]], closed_until: Mapping[Key, datetime]) -> None:
        self.ran = Ran()
        self._ends: dict[Key, list[datetime]] = defaultdict(list, {key: list(used[key]) for key in used})
        self._closed_until = closed_until
        self._last: dict[Key, datetime] = {}  # the last place of each line
        self._free: list[datetime] = []  # when each sender is free again
        self._heap: list[tuple[datetime, int, _Waiting]] = []
        self._parked: dict[Key, list[tuple[int, _Waiting]]] = {}  # by budget that somebody looks for room in

    def run(self, calls: Iterable[Calls]) -> Ran:
        for rank, one in enumerate(sorted(calls, key=lambda one: one.due_at)):
            self._push(one.due_at, _Waiting(one, one.count, one.has_place, rank))
            if one.has_place:
                self._last |= dict.fromkeys(one.limits, one.due_at)
        while self._heap:
            at, _, waiting = heapq.heappop(self._heap)
            wait, key = self._wait(waiting, at)
            if wait is not None and not wait.is_place and key == waiting.looks_in:
                self._push(wait.until, waiting)
                continue
            self._relieve(waiting, at)
            if wait is None:
                self._start(waiting, at)
            elif key is not None and not wait.is_place:
                self._park(waiting, key, wait.until)
            else:
                self._push(wait.until, waiting)
        return self.ran

    def _push(self, at: datetime, waiting: _Waiting) -> None:
        heapq.heappush(self._heap, (at, waiting.rank, waiting))

    def _park(self, waiting: _Waiting, key: Key, until: datetime) -> None:
        """Behind those that wait for room in this budget already, or as the one that looks for it."""
        if key in self._parked:
            heapq.heappush(self._parked[key], (waiting.rank, waiting))
        else:
            self._parked[key], waiting.looks_in = [], key
            self._push(until, waiting)

    def _relieve(self, waiting: _Waiting, at: datetime) -> None:
        """It looks no more: the next that waits for the same budget does."""
        key, waiting.looks_in = waiting.looks_in, None
        if key is None:
            return
        if not self._parked[key]:
            del self._parked[key]
            return
        _, following = heapq.heappop(self._parked[key])
        following.looks_in = key
        self._push(at, following)

    def _wait(self, waiting: _Waiting, at: datetime) -> tuple[line.Wait | None, Key | None]:
        """How long it waits and for which budget, where several are full for the last one; None: all have a slot."""
        asked = [
            (self._asked(key, found, at, has_place=waiting.has_place), key)
            for key, found in waiting.calls.limits.items()
        ]
        waits = [(wait, key) for wait, key in asked if wait is not None]
        waiting.has_place = waiting.has_place or bool(waits)
        return max(waits, key=lambda one: one[0].until, default=(None, None))

    def _asked(self, key: Key, limits: Sequence[Limit], at: datetime, *, has_place: bool) -> line.Wait | None:
        rooms = {limit: self._room_at(key, limit, at) for limit in limits}
        free_at = max([self._closed_until.get(key, at), at, *rooms.values()])
        wait = line.wait(rooms, free_at=free_at, last=self._last.get(key), has_place=has_place, now=at)
        if wait is not None and wait.is_place:
            self._last[key] = wait.until
        return wait

    def _room_at(self, key: Key, limit: Limit, at: datetime) -> datetime:
        ends = self._ends[key]
        return ends[-limit.count] + line.window_of(limit) if len(ends) >= limit.count else at

    def _start(self, waiting: _Waiting, at: datetime) -> None:
        """Make its next call; the one after that is tried when it is over."""
        calls = waiting.calls
        start = max(at, self._free[0]) if len(self._free) >= SENDERS else at
        if not waiting.is_begun and (reason := calls.refused(start)):
            self._note(self.ran.refused, calls, reason)
            return
        end = self._call(calls, start)
        waiting.is_begun, waiting.has_place, waiting.parts_left = True, False, waiting.parts_left - 1
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


def simulate(
    calls: Iterable[Calls],
    *,
    used: Mapping[Key, Sequence[datetime]],
    closed_until: Mapping[Key, datetime] | None = None,
) -> Ran:
    """What becomes of each send. `used`: ends of calls that count still, by budget, oldest first; `closed_until`: no
    call of this budget before then."""
    return _Simulation(used, closed_until or {}).run(calls)


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
