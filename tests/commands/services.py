"""A PostgreSQL cluster and a Redis of a test's own, on free ports, gone afterwards."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.commands.instance import eventually, unused_port


@contextmanager
def own_redis() -> Iterator[str]:
    """Its address. Nothing is kept on disk."""
    port = unused_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            assert eventually(lambda: redis_answers(port))
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.kill()  # also after a failure: leaving the block waits for its end


def redis_answers(port: int) -> bool:
    try:
        with redis.Redis(port=port) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


@contextmanager
def own_postgres() -> Iterator[str]:
    """The address of its database `postgres`; anybody on this machine may use it."""
    with tempfile.TemporaryDirectory(prefix="community-ops-postgres-") as folder:
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
        port, data = unused_port(), Path(folder) / "data"
        as_postgres("initdb", "--pgdata", data, "--username", "postgres", "--auth", "trust", "--encoding", "UTF8")
        options = f"-h 127.0.0.1 -p {port} -k {folder} -F"
        as_postgres("pg_ctl", "--pgdata", data, "--wait", "--log", data / "log", "--options", options, "start")
        try:
            yield f"postgres://postgres@127.0.0.1:{port}/postgres"
        finally:
            as_postgres("pg_ctl", "--pgdata", data, "--mode", "immediate", "stop")


def as_postgres(program: str, *arguments: str | Path) -> None:
    """PostgreSQL refuses to run as root, so there it runs as its own user."""
    binaries = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    path = binaries[-1] if binaries else Path(shutil.which(program) or program)
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    subprocess.run([*user, path, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
