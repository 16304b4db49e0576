"""How many threads of a run are at work: as few as keep up, and one more for each step that takes long."""

LEAST = 2  # one writes while the other calls
LONG_SECONDS = 0.003


class Crew:
    """The steps that run now. Guarded by whoever shares it.

    Threads that only pass the interpreter on to each other cost more than they bring: a loop that only posts makes a
    third more calls with two of them than with eight. Where receivers are slow, all are soon at work.
    """

    def __init__(self) -> None:
        self._since: dict[int, float] = {}

    def has_room(self, now: float) -> bool:
        """Whether one more may begin. `now`: monotonic seconds."""
        return sum(1 for since in self._since.values() if since > now - LONG_SECONDS) < LEAST

    def begin(self, thread: int, now: float) -> None:
        self._since[thread] = now

    def end(self, thread: int) -> None:
        self._since.pop(thread, None)
