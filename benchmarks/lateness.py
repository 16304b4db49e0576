"""Lateness of deliveries: a receiver's arrival time minus `due_at`, through the real bin/run and REST.

    .venv/bin/python benchmarks/lateness.py [--rounds 10] [--groups 100]

Each round schedules one announcement for all groups at one instant. Set DATABASE_URL and REDIS_URL to
measure PostgreSQL and Redis; without them it is the embedded default.
"""

import argparse
import datetime as dt
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.receiver import Receiver, receiving
from benchmarks.running import Running, announce, bin_run, describe_machine, make_groups, wait_until

AHEAD_SECONDS = 8


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--groups", type=int, default=100)
    options = parser.parse_args()
    with receiving() as receiver, bin_run() as running:
        groups = make_groups(running, receiver.url, options.groups)
        late: list[float] = []
        for _ in range(options.rounds):
            late += one_round(running, receiver, groups, already=len(late))
    report(late)


def one_round(running: Running, receiver: Receiver, groups: list[int], *, already: int) -> list[float]:
    """Lateness of each arrival in seconds."""
    due_at = dt.datetime.fromtimestamp(int(time.time()) + AHEAD_SECONDS, tz=dt.UTC)
    announce(running, groups, due_at)
    ahead = due_at.timestamp() - time.time()
    wait_until(lambda: len(receiver.arrivals()) >= already + len(groups), seconds=AHEAD_SECONDS + 60)
    late = [arrived_at - due_at.timestamp() for _, arrived_at, _ in receiver.arrivals()[already:]]
    assert len(late) == len(groups), f"{len(late)} of {len(groups)} arrived"
    median = statistics.median(late)
    print(
        f"planned {ahead:.1f} s ahead: first {min(late):.3f}, median {median:.3f}, last {max(late):.3f} s", flush=True
    )
    return late


def report(late: list[float]) -> None:
    late.sort()
    p99 = late[max(0, -(-len(late) * 99 // 100) - 1)]
    print(describe_machine())
    print(
        f"{len(late)} deliveries: earliest {late[0]:.3f} s, p50 {statistics.median(late):.3f} s, "
        f"p99 {p99:.3f} s, last {late[-1]:.3f} s"
    )


if __name__ == "__main__":
    main()
