"""A Redis that can be killed and come back empty, and PostgreSQL's crash and recovery."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.commands.instance import eventually, unused_port
from tests.commands.services import as_postgres, redis_answers
from tests.faults import checker


class MortalRedis:
    """Keeps nothing on disk: after `kill` and `start` it is empty."""

    def __init__(self) -> None:
        self.port = unused_port()
        self.start()

    @property
    def address(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert eventually(lambda: redis_answers(self.port))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def mortal_redis() -> Iterator[MortalRedis]:
    redis = MortalRedis()
    try:
        yield redis
    finally:
        redis.kill()


def crash_postgres(database: str) -> None:
    """Immediate restart of the cluster: no checkpoint, every connection breaks; it recovers from its log."""
    data = Path(checker.ask(database, "SHOW data_directory")[0][0])
    as_postgres("pg_ctl", "--pgdata", data, "--wait", "--log", data / "log", "--mode", "immediate", "restart")
