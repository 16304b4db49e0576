"""bin/run with DATABASE_URL and REDIS_URL, against servers of its own."""

import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.instance import eventually, prepare_data, started
from tests.commands.services import own_postgres, own_redis

CHILDREN = ("web", "worker", "delivery", "imports", "beat")


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, str]]:
    with own_postgres() as database, own_redis() as broker:
        yield {"DATABASE_URL": database, "REDIS_URL": broker}


@pytest.fixture(scope="module")
def data(servers: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder that goes with the migrated database."""
    return prepare_data(tmp_path_factory.mktemp("production") / "data", **servers)


def test_everything_runs_and_ends_on_postgresql_and_redis(data, servers):
    with started(data, "--empty", **servers) as instance:
        ready = instance.await_ready()

        assert eventually(lambda: None not in {instance.pid_of(name) for name in CHILDREN})
        with urllib.request.urlopen(f"{ready.address}health/live") as answer:
            assert answer.status == 200
        assert instance.stop(signal.SIGTERM) == 0

        assert instance.processes() == set()
        assert not (data / "db.sqlite3").exists()


def test_nothing_is_left_of_a_pool_when_its_worker_is_killed(data, servers):
    with started(data, "--empty", **servers) as instance:
        instance.await_ready()
        assert eventually(lambda: len(pool_of(instance.pid_of("worker"))) >= 2)
        pool = pool_of(instance.pid_of("worker"))

        instance.kill("worker")

        assert instance.await_notice("worker died (SIGKILL)")
        assert eventually(lambda: not pool & instance.processes())


def pool_of(worker: int | None) -> set[int]:
    """The processes of a prefork worker: its own group without itself."""
    if worker is None:
        return set()
    pids = {int(path.name) for path in Path("/proc").glob("[0-9]*")}
    return {pid for pid in pids if group_of(pid) == worker} - {worker}


def group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None
