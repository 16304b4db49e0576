"""Starts the real bin/run for a test, on a data folder and a free port of its own."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
READY_LINE = re.compile(r"Ready (http://127\.0\.0\.1:\d+/)  user: (\S+)  password: (\S+)\n")
OURS = ("DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "DATA_DIR", "DJANGO_SETTINGS_MODULE", "FIELD_ENCRYPTION_KEYS")


def clean_environment(**settings: str) -> dict[str, str]:
    """The environment of a person who has set nothing but `settings`."""
    return {name: value for name, value in os.environ.items() if name not in OURS} | settings


class Ready(NamedTuple):
    """What the one line on stdout says."""

    address: str
    user: str
    password: str


class Instance:
    """One `bin/run` process. What it says on stderr is read line by line with `await_notice`."""

    def __init__(self, data: Path, *options: str, **settings: str) -> None:
        self.data = data
        self._killed: set[int] = set()
        self.process = subprocess.Popen(
            [ROOT / "bin" / "run", "--port", "0", "--data", data, *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=clean_environment(**settings),
        )  # fmt: skip

    def await_ready(self) -> Ready:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = READY_LINE.fullmatch(line)
        assert found, line or self.finish()
        return Ready(*found.groups())

    def await_notice(self, beginning: str) -> str:
        assert self.process.stderr is not None
        return next(line for line in self.process.stderr if line.startswith(f"bin/run: {beginning}"))

    def pid_of(self, name: str) -> int | None:
        """The process that bin/run itself started as `name`: its own child, writing to that log."""
        log = str(self.data / "logs" / f"{name}.log")
        ours = (pid for pid in self.processes() if parent_of(pid) == self.process.pid)
        return next((pid for pid in ours if os.path.realpath(f"/proc/{pid}/fd/1") == log), None)

    def kill(self, name: str) -> int:
        """Kill -9 that child as soon as it runs, one that was killed before not again; its process id."""
        found: list[int] = []

        def runs() -> bool:
            pid = self.pid_of(name)  # looked up once: it may be gone the next moment
            found.extend([pid] if pid is not None and pid not in self._killed else [])
            return bool(found)

        assert eventually(runs)
        self._killed.add(found[0])
        os.kill(found[0], signal.SIGKILL)
        return found[0]

    def processes(self) -> set[int]:
        """Children and grandchildren: whatever runs with this data folder in its environment."""
        mark = f"DATA_DIR={self.data}".encode()
        return {int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if mark in environment_of(path)}

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        self.finish()
        return self.process.returncode

    def finish(self) -> tuple[str, str]:
        """Wait for the end; what came on stdout and stderr since."""
        return self.process.communicate()


def environment_of(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\0")
    except OSError:  # it ended meanwhile
        return []


def parent_of(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


@contextmanager
def started(data: Path, *options: str, **settings: str) -> Iterator[Instance]:
    """An instance that is surely gone afterwards."""
    instance = Instance(data, *options, **settings)
    try:
        yield instance
    finally:
        if instance.process.poll() is None:
            instance.process.send_signal(signal.SIGTERM)
        instance.finish()


def prepare_data(data: Path, **settings: str) -> Path:
    """What the first start does before it starts anything, for an empty workspace."""
    data.mkdir()
    subprocess.run(
        [ROOT / "bin" / "_python", "dev", ROOT / "bin" / "_prepare.py", "--empty"],
        env=clean_environment(DATA_DIR=str(data), **settings),
        capture_output=True,
        check=True,
    )
    return data


def refusal(data: Path, *options: str, **settings: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a start that is expected to end by itself."""
    with started(data, *options, **settings) as instance:
        out, err = instance.process.communicate(timeout=45)
        return instance.process.returncode, out, err


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(condition: Callable[[], bool], *, seconds: float = 45) -> bool:
    """Look ten times a second until it is so or the time is over."""
    deadline = time.monotonic() + seconds
    while not (fulfilled := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return fulfilled
