"""Limits under a backlog that never ends, with real processes: nothing above, and little of what is allowed is wasted.

Here and not in the fast suite, where another process of tests shares the cores: use is a figure of a machine that has
nothing else to do. benchmarks/limits.py does the same for ten minutes with the limits of two platforms.
"""

import pytest

from benchmarks.limits import Windows, send_within
from benchmarks.receiver import receiving
from benchmarks.running import bin_run
from tests.commands.services import own_postgres, own_redis

LIMITS: dict[str, Windows] = {"slow": ((20, 3),), "quick": ((5, 1),)}
SECONDS = 30.0
pytestmark = pytest.mark.timeout(240)  # half a minute of it is the run, the rest the start of a slow machine


def keep_within(**servers: str) -> None:
    with receiving() as receiver, bin_run(**servers) as running:
        kept = send_within(running, receiver, LIMITS, seconds=SECONDS, more_senders=1)

    assert {name: one.is_above for name, one in kept.items()} == {"slow": False, "quick": False}, kept
    assert all(one.use_rate >= 0.85 for one in kept.values()), kept


def test_limits_are_kept_and_used_on_the_embedded_database() -> None:
    keep_within(DATABASE_URL="", REDIS_URL="")


def test_limits_are_kept_and_used_by_two_processes_on_postgresql() -> None:
    with own_postgres() as database, own_redis() as broker:
        keep_within(DATABASE_URL=database, REDIS_URL=broker)
