"""What a run has in hand: whose row is started next, so that nobody's slow receiver holds up the others."""

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime

from messaging.models import Delivery

_Row = tuple[datetime, int, Delivery]


class Hand:
    """Rows that were claimed and not started, and how many calls run for whom. Guarded by whoever shares it.

    Next is the earliest row that is due of the workspace with the fewest running calls. While platforms hang, threads
    are left for the others: an account has at most all but four of them, a workspace all but two, and the last one is
    for a workspace that has none.
    """

    def __init__(self, *, threads: int) -> None:
        self._threads = threads
        self._most_of_account = max(1, threads - 4)
        self._most_of_workspace = max(2, threads - 2)
        self._order = itertools.count()
        self._rows: dict[int, list[_Row]] = {}  # by workspace, soonest first
        self._aside: dict[int, list[Delivery]] = defaultdict(list)  # due, and their account has no call left
        self._calls_of_workspace: Counter[int] = Counter()
        self._calls_of_account: Counter[int] = Counter()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def running_count(self) -> int:
        return self._calls_of_workspace.total()

    def workspaces(self) -> set[int]:
        """Whose rows are in hand or being sent."""
        aside = {row.workspace_id for rows in self._aside.values() for row in rows}
        return set(self._rows) | aside | set(+self._calls_of_workspace)

    def put(self, deliveries: Iterable[Delivery]) -> None:
        for delivery in deliveries:
            rows = self._rows.setdefault(delivery.workspace_id, [])
            heapq.heappush(rows, (delivery.next_try_at, next(self._order), delivery))
            self._count += 1

    def start(self, now: datetime) -> Delivery | None:
        """The row to send now; `end` says when its call is over. None when none is due or may be."""
        for workspace_id in sorted(filter(self._may_start, self._rows), key=self._rank):
            if (delivery := self._first_of(workspace_id, now)) is not None:
                self._calls_of_workspace[workspace_id] += 1
                self._calls_of_account[_account(delivery)] += 1
                self._count -= 1
                return delivery
        return None

    def end(self, delivery: Delivery) -> None:
        account = _account(delivery)
        self._calls_of_workspace[delivery.workspace_id] -= 1
        self._calls_of_account[account] -= 1
        if aside := self._aside.pop(account, None):
            self._count -= len(aside)
            self.put(aside)

    def seconds_to_first(self, now: datetime) -> float | None:
        """Until the next row is due, zero or less when one is; None where only ends of calls can bring one."""
        firsts = [rows[0][0] for workspace_id, rows in self._rows.items() if self._may_start(workspace_id)]
        return (min(firsts) - now).total_seconds() if firsts else None

    def empty(self) -> list[Delivery]:
        """Take out everything that was not started."""
        left = [delivery for rows in self._rows.values() for _, _, delivery in rows]
        left += itertools.chain.from_iterable(self._aside.values())
        self._rows.clear()
        self._aside.clear()
        self._count = 0
        return left

    def _may_start(self, workspace_id: int) -> bool:
        running_count = self._calls_of_workspace[workspace_id]
        is_last = self.running_count >= self._threads - 1
        return not running_count or (running_count < self._most_of_workspace and not is_last)

    def _rank(self, workspace_id: int) -> tuple[int, _Row]:
        return self._calls_of_workspace[workspace_id], self._rows[workspace_id][0]

    def _first_of(self, workspace_id: int, now: datetime) -> Delivery | None:
        rows, found = self._rows[workspace_id], None
        while found is None and rows and rows[0][0] <= now:
            delivery = heapq.heappop(rows)[2]
            account = _account(delivery)
            if account and self._calls_of_account[account] >= self._most_of_account:
                self._aside[account].append(delivery)
            else:
                found = delivery
        if not rows:
            del self._rows[workspace_id]
        return found


def _account(delivery: Delivery) -> int:
    """The connection a call goes through; 0 where there is none."""
    return delivery.endpoint.connection_id if delivery.endpoint is not None else 0
