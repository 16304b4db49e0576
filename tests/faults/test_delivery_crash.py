"""kill -9 of the worker in the middle of a fan-out; a checker reads rows and receiver.

benchmarks/kill_worker.py does the same with a thousand groups.
"""

from pathlib import Path

from benchmarks.kill_worker import kill_in_the_middle
from benchmarks.receiver import receiving
from benchmarks.running import bin_run
from messaging.services.delivery import SENDERS
from tests.commands.services import own_redis

GROUPS = 80
RECEIVER_DELAY_SECONDS = 0.25  # sixteen in flight at any moment, five rounds of them


def fan_out_and_kill(prepared: Path, **servers: str) -> None:
    with receiving(RECEIVER_DELAY_SECONDS) as receiver, bin_run(prepared, **servers) as running:
        outcome = kill_in_the_middle(running, receiver, groups=GROUPS, kills=1)

    assert (outcome.groups, outcome.twice, outcome.lost) == (GROUPS, 0, 0)
    assert set(outcome.states) == {"accepted", "unknown"}
    assert outcome.states["unknown"] <= SENDERS
    assert outcome.doubt_seconds <= 45


def test_nothing_is_lost_or_sent_twice_when_the_embedded_worker_is_killed(embedded_data) -> None:
    fan_out_and_kill(embedded_data, DATABASE_URL="", REDIS_URL="")


def test_nothing_is_lost_or_sent_twice_when_a_production_worker_is_killed(template, new_database) -> None:
    with own_redis() as broker:
        fan_out_and_kill(template.data, DATABASE_URL=new_database(), REDIS_URL=broker)
