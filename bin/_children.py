"""The processes that `bin/run` starts: each with a log, a group of its own and a second chance."""

import collections
import contextlib
import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
STEADY_AFTER_SECONDS = 60.0  # a child that lived this long starts again with the first pause
DEATHS_ALLOWED, DEATHS_WINDOW_SECONDS = 5, 60.0
STOP_SECONDS = 8.0  # from the polite signal to the impolite one
LOG_LIMIT_BYTES = 5 * 1024 * 1024

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Refused(Exception):
    """bin/run cannot go on; the text is the one line that a person reads."""


def say(text: str) -> None:
    sys.stderr.write(f"bin/run: {text}\n")
    sys.stderr.flush()


# --- signals ---------------------------------------------------------------------------------


class Signals:
    """Remembers a wish to stop, and lets the loop sleep until a signal or the time comes."""

    def __init__(self) -> None:
        self.stop_count = 0
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup stays nohup
                signal.signal(number, self._note_stop)

    def _note_stop(self, *_: object) -> None:
        self.stop_count += 1

    @property
    def stopping(self) -> bool:
        return self.stop_count > 0

    def wait(self, seconds: float) -> None:
        select.select([self._reader], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(4096)


# --- one child -------------------------------------------------------------------------------


@dataclass
class Child:
    """One process that is kept running. `command` is what follows `python` on its command line."""

    name: str
    command: list[str]
    log_path: Path
    environment: dict[str, str] = field(repr=False)
    pass_fds: tuple[int, ...] = ()
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    start_at: float = 0.0
    pause_seconds: float = FIRST_PAUSE_SECONDS

    def start(self, *, now: float) -> None:
        with open_log(self.log_path) as log:
            self.process = spawn(self.command, environment=self.environment, log=log, pass_fds=self.pass_fds)
        self.started_at = now

    def bury(self, *, now: float) -> str | None:
        """When the process has ended: clear away its group, plan the next start, say how it ended."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        signal_group(self.process.pid, signal.SIGKILL)
        self.process = None
        if now - self.started_at >= STEADY_AFTER_SECONDS:
            self.pause_seconds = FIRST_PAUSE_SECONDS
        self.start_at = now + self.pause_seconds
        ending = f"{self.name} died ({how_it_ended(code)}); starting it again in {self.pause_seconds:.0f} s"
        self.pause_seconds = min(self.pause_seconds * 2, LONGEST_PAUSE_SECONDS)
        return ending


def spawn(
    command: list[str],
    *,
    environment: dict[str, str],
    log: int,
    stdout: int | None = None,
    pass_fds: tuple[int, ...] = (),
) -> "subprocess.Popen[bytes]":
    """Start `python COMMAND` in the project's root and in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.DEVNULL,
        stdout=log if stdout is None else stdout,
        stderr=log,
        cwd=ROOT,
        env=environment,
        pass_fds=pass_fds,
        start_new_session=True,
        preexec_fn=die_with(os.getpid()),  # noqa: PLW1509 - bin/run has one thread
    )


def die_with(parent: int) -> Callable[[], None]:
    """What a child does before it becomes its program: ask Linux to end it when `parent` ends.

    Without it a `kill -9` of bin/run would leave the children behind, as it does on other systems.
    """

    def ask() -> None:
        if LIBC is not None:
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

    return ask


@contextlib.contextmanager
def open_log(path: Path) -> Iterator[int]:
    """Open a log to add to; one that has grown too long becomes `<name>.log.1` first."""
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(f"{path}.1")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says the latter of the dead
        os.killpg(group, number)


def how_it_ended(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


# --- all of them -----------------------------------------------------------------------------


@dataclass
class Children:
    """Starts children, starts the dead again with growing pauses, stops all."""

    members: list[Child] = field(default_factory=list)
    deaths: "collections.deque[float]" = field(default_factory=collections.deque)

    def tend(self) -> None:
        """Bury and start whoever is due. Raises Refused after the fifth death within a minute."""
        now = time.monotonic()
        for child in self.members:
            if ending := child.bury(now=now):
                self._count_death(child, ending, now=now)
            if child.process is None and now >= child.start_at:
                child.start(now=now)

    def _count_death(self, child: Child, ending: str, *, now: float) -> None:
        self.deaths.append(now)
        while now - self.deaths[0] > DEATHS_WINDOW_SECONDS:
            self.deaths.popleft()
        if len(self.deaths) >= DEATHS_ALLOWED:
            raise Refused(
                f"{child.name} died again, {DEATHS_ALLOWED} deaths within a minute; its log: {child.log_path}"
            )
        say(f"{ending}; its log: {child.log_path}")

    def stop(self, signals: Signals) -> None:
        """Ask every child to end, and end with its group what has not after 8 s or a second Ctrl-C."""
        asked, deadline = signals.stop_count, time.monotonic() + STOP_SECONDS
        running = [child.process for child in self.members if child.process]
        for process in running:
            if process.poll() is None:
                process.terminate()
        while any(process.poll() is None for process in running):
            if time.monotonic() >= deadline or signals.stop_count > asked:
                break
            signals.wait(0.2)
        for process in running:
            signal_group(process.pid, signal.SIGKILL)
            process.wait()
