"""What a worker that sends much remembers of a workspace for a moment, instead of asking before each call."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
KEPT_SECONDS = 1.0  # so soon a change holds in every process
MOST_WORKSPACES = 10_000


class Book(Generic[T]):
    """What `read` says of a workspace, read again after `KEPT_SECONDS`. Threads may share it."""

    def __init__(self, read: Callable[[int], T]) -> None:
        self._read = read
        self._known: dict[int, tuple[float, T]] = {}
        self._forgot_count = 0

    def of(self, workspace_id: int) -> T:
        entry = self._known.get(workspace_id)
        if entry is None or time.monotonic() - entry[0] > KEPT_SECONDS:
            if len(self._known) > MOST_WORKSPACES:
                self._known.clear()
            forgot_count = self._forgot_count
            entry = time.monotonic(), self._read(workspace_id)
            if forgot_count == self._forgot_count:  # else it may have been read before the change
                self._known[workspace_id] = entry
        return entry[1]

    def forget(self) -> None:
        """Read everything anew: something was changed in this process."""
        self._forgot_count += 1
        self._known.clear()
