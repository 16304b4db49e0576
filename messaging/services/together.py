"""Several threads, one statement: what they want written at about the same time is written in one go."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Job = TypeVar("Job")
Answer = TypeVar("Answer")
log = logging.getLogger(__name__)
WAIT_SECONDS = 0.002  # how long the first one waits for company


class Together(Generic[Job, Answer]):
    """Calls `do` with the jobs of all threads that come together; each gets the answer to its own.

    The first to come waits a moment for `enough()` of them, and does what has come. When `do` fails for several, each
    does its own job alone, and meets its own error: one bad row spoils no other.
    """

    def __init__(self, do: Callable[[Sequence[Job]], Sequence[Answer]], *, enough: Callable[[], int]) -> None:
        self._do = do
        self._enough = enough
        self._lock = threading.Lock()
        self._open: _Batch[Job, Answer] | None = None

    def __call__(self, job: Job) -> Answer:
        with self._lock:
            is_first = self._open is None
            batch = self._open = self._open or _Batch()
            place = len(batch.jobs)
            batch.jobs.append(job)
            if place + 1 >= self._enough():
                self._open = None
                batch.is_full.set()
        if is_first:
            batch.is_full.wait(WAIT_SECONDS)
            with self._lock:
                if self._open is batch:
                    self._open = None
            self._finish(batch)
        else:
            batch.is_done.wait()
        return batch.answers[place] if batch.answers is not None else self._do([job])[0]

    def _finish(self, batch: "_Batch[Job, Answer]") -> None:
        try:
            batch.answers = self._do(batch.jobs)
        except Exception:
            if len(batch.jobs) == 1:
                raise
            log.warning("what %d threads wanted done together failed, each tries alone", len(batch.jobs), exc_info=True)
        finally:
            batch.is_done.set()


class _Batch(Generic[Job, Answer]):
    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.answers: Sequence[Answer] | None = None  # none: it failed for all together
        self.is_full = threading.Event()
        self.is_done = threading.Event()
