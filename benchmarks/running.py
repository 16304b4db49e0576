"""What the delivery benchmarks share: the real bin/run on data of its own, driven over REST like any other tool."""

import datetime as dt
import importlib.metadata
import json
import os
import platform
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Running:
    """A fresh installation that runs. `call` speaks REST as its owner."""

    data: Path
    address: str
    environment: dict[str, str]
    token: str = ""

    def call(self, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"{self.address}api/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def everything(self, path: str) -> list[dict[str, Any]]:
        """All pages of a list."""
        found, page = [], self.call(f"{path}{'&' if '?' in path else '?'}page_size=200")
        while True:
            found += page["results"]
            if page["next"] is None:
                return found
            page = self.call(page["next"].split("/api/v1/", 1)[1])

    def pid_of(self, name: str) -> int:
        """The process that writes to logs/<name>.log: web, worker, delivery, imports or beat."""
        log = str(self.data / "logs" / f"{name}.log")
        mark = f"DATA_DIR={self.data}".encode()
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if os.path.realpath(path / "fd" / "1") == log and mark in (path / "environ").read_bytes():
                    return int(path.name)
            except OSError:  # it ended meanwhile, or is not ours
                continue
        raise LookupError(name)


@contextmanager
def bin_run(prepared: Path | None = None, **settings: str) -> Iterator[Running]:
    """An installation that is gone afterwards. DATABASE_URL and REDIS_URL are taken from the environment.

    `prepared`: a data folder to begin with a copy of, which saves most of a first start; else an empty one.
    """
    environment = dict(os.environ) | {"ALLOW_LOOPBACK_ENDPOINTS": "1"} | settings
    environment = {name: value for name, value in environment.items() if value}
    with tempfile.TemporaryDirectory(prefix="community-ops-bench-") as folder:
        data = Path(folder) / "data"
        if prepared is not None:
            shutil.copytree(prepared, data)
        environment["DATA_DIR"] = str(data)
        with started(["--port", "0", "--data", str(data), "--empty"], environment) as line:
            running = Running(data, line.split()[1], environment)
            running.token = manage(running, "create_api_token", "--workspace", "main", "--role", "owner")
            yield running


@contextmanager
def started(options: list[str], environment: dict[str, str]) -> Iterator[str]:
    """bin/run, from its ready line to its end."""
    command = [str(ROOT / "bin" / "run"), *options]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=quiet, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Ready "), f"bin/run did not start: {line}"
            yield line
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)


def manage(running: Running, *arguments: str) -> str:
    command = [str(ROOT / "bin" / "manage"), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=running.environment).stdout.strip()


def inside(running: Running, call: str) -> Any:
    """What a call of benchmarks/planting.py prints: `inside(running, "groups('http://…', 10)")`."""
    code = f"import benchmarks.planting as planting; planting.{call}"
    return json.loads(manage(running, "shell", "--no-imports", "-c", code))


def make_groups(running: Running, url: str, count: int) -> list[int]:
    """Ids of `count` groups, each with a webhook of its own at `url`/<number>."""
    community = running.call(
        "communities/", {"name": "Bench", "shared_task": "measure", "kind": "product", "timezone": "Asia/Shanghai"}
    )
    groups = []
    for number in range(count):
        config = {"url": f"{url}/{number}", "secret": "benchmark"}
        endpoint = running.call("endpoints/", {"name": f"hook {number}", "platform": "webhook", "config": config})
        group = {"community": community["id"], "name": f"group {number}", "kind": "long_term"}
        groups.append(running.call("groups/", group | {"endpoint": endpoint["id"]})["id"])
    return groups


def announce(running: Running, groups: list[int], due_at: dt.datetime) -> int:
    """Schedule one announcement to all groups; its id."""
    body = {"groups": groups, "text": "今晚八点,老地方见", "due_at": due_at.isoformat()}
    made = running.call("announcements/", body)
    running.call(f"announcements/{made['id']}/schedule/", {})
    return int(made["id"])


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (fulfilled := condition()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return fulfilled


def describe_machine() -> str:
    """Date, cores and versions, as RESULTS.md wants them."""
    version = importlib.metadata.version
    database = "PostgreSQL" if os.environ.get("DATABASE_URL") else f"SQLite {sqlite3.sqlite_version}"
    broker = "Redis" if os.environ.get("REDIS_URL") else "filesystem broker"
    return (
        f"{dt.datetime.now(tz=dt.UTC).date().isoformat()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, Django {version('django')}, Celery {version('celery')}, "
        f"{database}, {broker}"
    )
