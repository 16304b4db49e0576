"""kill -9 of the worker in the middle of a fan-out; bin/run starts it again. A checker reads rows and receiver.

    .venv/bin/python benchmarks/kill_worker.py [--groups 1000] [--kills 1]

Expected: lost 0, no webhook-id posted twice, what was in flight `unknown` within 45 s and shown.
Set DATABASE_URL and REDIS_URL for PostgreSQL and Redis.
"""

import argparse
import collections
import datetime as dt
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.receiver import Receiver, receiving
from benchmarks.running import Running, announce, bin_run, describe_machine, make_groups, wait_until

UNSETTLED = ("planned", "due", "sending")
RECEIVER_DELAY_SECONDS = 0.03  # so that some calls are always in flight


@dataclass
class Outcome:
    """What the checker found."""

    groups: int
    states: dict[str, int]
    arrived: int
    twice: int
    lost: int
    doubt_seconds: float

    def is_good(self) -> bool:
        return self.twice == 0 and self.lost == 0 and set(self.states) <= {"accepted", "unknown"}

    def __str__(self) -> str:
        return (
            f"{self.groups} groups: states {self.states}, arrived {self.arrived}, posted twice {self.twice}, "
            f"lost {self.lost}; everything settled {self.doubt_seconds:.0f} s after the last kill"
        )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--groups", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=1)
    options = parser.parse_args()
    with receiving(RECEIVER_DELAY_SECONDS) as receiver, bin_run() as running:
        outcome = kill_in_the_middle(running, receiver, groups=options.groups, kills=options.kills)
    print(describe_machine())
    print(outcome)
    return 0 if outcome.is_good() else 1


def kill_in_the_middle(running: Running, receiver: Receiver, *, groups: int, kills: int) -> Outcome:
    """Fan out, kill the sending worker `kills` times, wait until every row is settled, and check."""
    sender = "delivery" if running.environment.get("REDIS_URL") else "worker"
    ids = make_groups(running, receiver.url, groups)
    announcement = announce(running, ids, dt.datetime.now(tz=dt.UTC) + dt.timedelta(seconds=1))
    for number in range(1, kills + 1):
        wanted = groups * number // (kills + 2)
        assert wait_until(lambda wanted=wanted: len(receiver.arrivals()) >= wanted, 120), "the fan-out does not go on"
        os.kill(running.pid_of(sender), signal.SIGKILL)
    killed_at = time.monotonic()
    path = f"deliveries/?announcement={announcement}"
    assert wait_until(lambda: not [r for r in running.everything(path) if r["state"] in UNSETTLED], 180)
    return check(running.everything(path), receiver, doubt_seconds=time.monotonic() - killed_at)


def check(rows: list[dict], receiver: Receiver, *, doubt_seconds: float) -> Outcome:
    """Compare rows with what arrived. Lost: neither arrived nor in doubt, or called accepted without having arrived."""
    arrivals = collections.Counter(webhook_id for webhook_id, _, _ in receiver.arrivals())
    lost = [row for row in rows if not arrivals[str(row["id"])] and row["state"] != "unknown"]
    return Outcome(
        groups=len(rows),
        states=dict(collections.Counter(row["state"] for row in rows)),
        arrived=len(arrivals),
        twice=sum(1 for count in arrivals.values() if count > 1),
        lost=len(lost),
        doubt_seconds=doubt_seconds,
    )


if __name__ == "__main__":
    sys.exit(main())
