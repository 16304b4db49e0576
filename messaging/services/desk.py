"""What the threads of a run share of their calls: looked at, started, answered."""

from collections import deque

from messaging.services.recording import End
from messaging.services.sending import Ready


class Desk:
    """Rows that were looked at and not started, that were started and not called, and answers not recorded yet.

    One thread writes at a time: it records answers and starts rows in one statement. Both started rows and answers
    are `sending` in the database until then. Guarded by whoever shares it.
    """

    def __init__(self) -> None:
        self.ready: list[Ready] = []
        self.begun: deque[Ready] = deque()
        self.ended: list[End] = []
        self.is_writing = False

    @property
    def is_empty(self) -> bool:
        return not (self.ready or self.begun or self.ended or self.is_writing)

    def may_write(self, starts: int) -> bool:
        """Whether nobody writes and so many rows are ready to start."""
        return not self.is_writing and len(self.ready) >= starts

    def has_to_write(self) -> bool:
        """Whether nobody writes and there is anything to write."""
        return not self.is_writing and bool(self.ready or self.ended)

    def give_back(self) -> list[Ready]:
        """Take out what is not started."""
        found, self.ready = self.ready, []
        return found

    def take(self) -> tuple[list[End], list[Ready]]:
        """All that is to be written. Until `written` nobody else writes."""
        found = self.ended, self.ready
        self.ended, self.ready = [], []
        self.is_writing = True
        return found

    def written(self, begun: list[Ready]) -> None:
        """`begun`: what may be called now."""
        self.begun += begun
        self.is_writing = False
