"""Installations that are prepared once and copied by each test: a first start costs some ten seconds of CPU."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest

from benchmarks.running import Running, inside
from tests.commands.instance import clean_environment, prepare_data, unused_port
from tests.commands.services import own_postgres

GROUPS, ANNOUNCEMENTS = 250, 20  # each group with a signed webhook; 5,000 sends
LIMITED_GROUPS, LIMITED_ANNOUNCEMENTS = 4, 50  # at another port, each webhook under a limit of the operator's
LIMIT_COUNT, LIMIT_SECONDS = 10, 2


@pytest.fixture(scope="session")
def embedded_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as the first start without any setting leaves it; to be copied."""
    return prepare_data(tmp_path_factory.mktemp("embedded") / "data")


@dataclass
class Template:
    """What the copies have in common: announcements planned for tomorrow, to receivers on two ports.

    Planning 5,000 sends takes as long as sending a third of them, so it is done once; `release` makes them due.
    """

    server: str
    data: Path
    environment: dict[str, str]
    port: int
    limited_port: int
    announcements: list[int]
    limited_announcements: list[int]

    def with_servers(self, database: str, broker: str) -> dict[str, str]:
        return self.environment | {"DATABASE_URL": database, "REDIS_URL": broker}


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    with own_postgres() as server:
        administer(server, "CREATE DATABASE template_of_ours")
        database = f"{server.rpartition('/')[0]}/template_of_ours"
        folder = tmp_path_factory.mktemp("faults")
        # Bytecode of a folder of ours: a worker starts in half the time where the environment forbids to keep any.
        bytecode = {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
        data = prepare_data(folder / "data", DATABASE_URL=database, **bytecode)
        settings = {"DATA_DIR": str(data), "ALLOW_LOOPBACK_ENDPOINTS": "1", "LOG_LEVEL": "WARNING"}
        environment = clean_environment(**settings, **bytecode)
        made = Template(server, data, environment, unused_port(), unused_port(), [], [])
        running = Running(data, "", made.with_servers(database, ""))
        groups = inside(running, f"groups('http://127.0.0.1:{made.port}', {GROUPS})")
        address, limit = f"http://127.0.0.1:{made.limited_port}", (LIMIT_COUNT, LIMIT_SECONDS)
        limited_groups = inside(running, f"groups('{address}', {LIMITED_GROUPS}, limit={limit})")
        tomorrow = time.time() + 86_400
        made.announcements = inside(running, f"announcements({groups}, {ANNOUNCEMENTS}, {tomorrow})")
        made.limited_announcements = inside(
            running, f"announcements({limited_groups}, {LIMITED_ANNOUNCEMENTS}, {tomorrow})"
        )
        yield made


@pytest.fixture
def new_database(template: Template) -> Callable[[], str]:
    """Makes copies of the filled database; returns their addresses."""
    names = (f"copy_{next(numbers)}" for _ in itertools.count())

    def copy() -> str:
        name = next(names)
        administer(template.server, f"CREATE DATABASE {name} TEMPLATE template_of_ours")
        return f"{template.server.rpartition('/')[0]}/{name}"

    return copy


numbers = itertools.count()
FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture
def note_figures(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes a line with what a fault measured; all are printed after the last test, as RESULTS.md wants them."""
    return request.config.stash.setdefault(FIGURES, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(FIGURES, []):
        terminalreporter.write_line(line)


def release(database: str, announcements: list[int]) -> int:
    """Make the deliveries of these announcements due now; how many they are."""
    with closing(psycopg2.connect(database)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_delivery SET due_at = now(), next_try_at = now() WHERE origin_id = ANY(%s)",
            [announcements],
        )
        return int(cursor.rowcount)


def administer(server: str, command: str) -> None:
    with closing(psycopg2.connect(server)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(command)
