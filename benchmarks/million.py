"""A million deliveries planned for later: what an idle tick costs beside them, and how late due ones go out.

    .venv/bin/python benchmarks/million.py

The million are copies of one planned row, written by one statement each table. Then the real `bin/run` sends 1,000
spread over a minute and 1,000 at one instant; lateness is the receiver's clock minus `due_at`.
Expected: idle tick p99 at most 50 ms; p99 of lateness 1 s and 5 s. Set DATABASE_URL and REDIS_URL for PostgreSQL and
Redis (an empty database).
"""

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.receiver import Receiver, receiving
from benchmarks.running import Running, bin_run, describe_machine, inside, wait_until

GROUPS = 1_000
AHEAD_SECONDS = 20


def main() -> int:
    with receiving() as receiver, bin_run() as running:
        group_ids = inside(running, f"groups('{receiver.url}', {GROUPS})")
        base = inside(running, f"announcements({group_ids}, 1, {time.time() + 30 * 86_400})")[0]
        assert inside(running, f"multiply({base}, 1_000)") == 1_000_000
        idle = inside(running, "idle_ticks(200)")
        spread = lateness(running, receiver, base, "spread", 60.0)
        at_once = lateness(running, receiver, base, "at once", 0.0)
    print(describe_machine())
    print(f"idle tick: median {statistics.median(idle) * 1000:.1f} ms, p99 {p99(idle) * 1000:.1f} ms")
    for name, late in (("spread over 60 s", spread), ("at one instant", at_once)):
        print(f"{GROUPS} {name}: p50 {statistics.median(late):.3f} s, p99 {p99(late):.3f} s, last {max(late):.3f} s")
    return 0 if p99(idle) <= 0.05 and p99(spread) <= 1 and p99(at_once) <= 5 else 1


def lateness(running: Running, receiver: Receiver, base: int, name: str, seconds: float) -> list[float]:
    """Seconds from each `due_at` to the arrival."""
    already, due_at = receiver.count(), time.time() + AHEAD_SECONDS
    due = dict(inside(running, f"spread({base}, {due_at}, {seconds}, '{name}', {GROUPS})"))
    assert time.time() < due_at - 2, "planning took too long"
    assert wait_until(lambda: receiver.count() >= already + GROUPS, AHEAD_SECONDS + seconds + 120), "not all arrived"
    return [at - due[int(webhook_id)] for webhook_id, at, _ in receiver.arrivals()[already:]]


def p99(values: list[float]) -> float:
    return sorted(values)[max(0, -(-len(values) * 99 // 100) - 1)]


if __name__ == "__main__":
    sys.exit(main())
