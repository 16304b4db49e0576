"""Celery workers as in production (prefork, `acks_late`), a beat, and the hands that kill them."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.commands.instance import ROOT, parent_of

LOOK_AGAIN_SECONDS = 0.5  # whether the worker that was killed last is up again
CHILDREN = 2  # pool processes of a worker
QUEUES = ("delivery", "default")  # in turn, as `bin/run` has one for each: the reaper never waits behind a run


class Fleet:
    """Workers, every other one for deliveries, and a beat. A worker that was killed is started again at once."""

    def __init__(self, environment: dict[str, str], folder: Path, workers: int) -> None:
        self.environment, self.folder = environment, folder
        self.beat = self._start("beat", "beat", "--schedule", str(folder / "beat"))
        self.workers = [self._start_worker(number) for number in range(workers)]
        self.killed_children = self.killed_senders = self.killed_workers = self.ended_workers = 0

    def _start_worker(self, number: int) -> subprocess.Popen[bytes]:
        pool = ("--pool", "prefork", "--concurrency", str(CHILDREN), "--queues", QUEUES[number % len(QUEUES)])
        return self._start(
            f"worker-{number}", "worker", "--hostname", f"w{number}@%h", "--without-gossip", "--without-mingle", *pool
        )

    def _start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "celery", "--app", "community_ops", "--quiet", *command],
                env=self.environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def pool(self) -> list[int]:
        """The pool processes of all workers."""
        mains = {worker.pid for worker in self.workers}
        return [int(path.name) for path in Path("/proc").glob("[0-9]*") if parent_of(int(path.name)) in mains]

    def is_up(self) -> bool:
        parents = [parent_of(child) for child in self.pool()]
        return all(worker.pid in parents for worker in self.workers)

    def kill_child(self) -> None:
        """kill -9 of one pool process, a sending one as likely as another; its worker makes another."""
        children = self.pool()
        if not children:
            return
        child = random.choice(children)
        is_sender = parent_of(child) in {worker.pid for worker in self.workers[:: len(QUEUES)]}
        with suppress(ProcessLookupError):  # it has ended by itself since
            os.kill(child, signal.SIGKILL)
            self.killed_children += 1
            self.killed_senders += is_sender

    def kill_worker(self) -> bool:
        """kill -9 of a worker with all its pool, as `bin/run` leaves none behind; then another start.

        Not while the one before is still starting (3 to 5 s on an idle machine): all dead would prove nothing. False
        then.
        """
        if not self.is_up():
            return False
        number = self.killed_workers % len(self.workers)
        end(self.workers[number])
        self.workers[number] = self._start_worker(number)
        self.killed_workers += 1
        return True

    def start_ended_again(self) -> None:
        """What `bin/run` and every supervisor do: a worker that ended by itself is started again."""
        for number, worker in enumerate(self.workers):
            if worker.poll() is not None:
                end(worker)
                self.workers[number] = self._start_worker(number)
                self.ended_workers += 1

    def stop(self) -> None:
        for process in (self.beat, *self.workers):
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of a process and its group, which may be gone already."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def fleet(environment: dict[str, str], folder: Path, *, workers: int) -> Iterator[Fleet]:
    """A fleet that is surely gone afterwards."""
    ships = Fleet(environment, folder, workers)
    try:
        yield ships
    finally:
        ships.stop()


@contextmanager
def deaths(ships: Fleet, *, child_every: float, worker_every: float) -> Iterator[None]:
    """Until the block ends, a pool process and a whole worker die again and again."""
    over = threading.Event()

    def reap() -> None:
        next_child, next_worker = time.monotonic() + child_every, time.monotonic() + worker_every
        while not over.wait(0.05):
            if time.monotonic() >= next_child:
                next_child += child_every
                ships.kill_child()
            if time.monotonic() >= next_worker:
                next_worker = time.monotonic() + (worker_every if ships.kill_worker() else LOOK_AGAIN_SECONDS)

    reaper = threading.Thread(target=reap, name="reaper")
    reaper.start()
    try:
        yield
    finally:
        over.set()
        reaper.join()
