"""Limits under a backlog that never ends, with real processes: nothing above, and little of what is allowed is wasted.

Here and not in the fast suite, where another process of tests shares the cores: use is a figure of a machine that has
nothing else to do. benchmarks/limits.py does the same for ten minutes with the limits of two platforms.
"""

from collections.abc import Callable
from pathlib import Path

from benchmarks.limits import Windows, send_within
from benchmarks.receiver import receiving
from benchmarks.running import bin_run
from tests.commands.services import own_redis

LIMITS: dict[str, Windows] = {"slow": ((20, 3),), "quick": ((5, 1),)}
SECONDS = 30.0


def keep_within(prepared: Path, note_figures: Callable[[str], None], **servers: str) -> None:
    with receiving() as receiver, bin_run(prepared, **servers) as running:
        kept = send_within(running, receiver, LIMITS, seconds=SECONDS, more_senders=1)
    note_figures("; ".join(f"{name} {LIMITS[name]}: {one}" for name, one in kept.items()))

    assert {name: one.is_above for name, one in kept.items()} == {"slow": False, "quick": False}, kept
    assert all(one.use_rate >= 0.85 for one in kept.values()), kept


def test_limits_are_kept_and_used_on_the_embedded_database(embedded_data, note_figures) -> None:
    keep_within(embedded_data, note_figures, DATABASE_URL="", REDIS_URL="")


def test_limits_are_kept_and_used_by_two_processes_on_postgresql(template, new_database, note_figures) -> None:
    with own_redis() as broker:
        keep_within(template.data, note_figures, DATABASE_URL=new_database(), REDIS_URL=broker)
