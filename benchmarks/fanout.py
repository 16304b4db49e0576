"""10,000 messages to 1,000 signed webhooks, against a bare loop that only posts: rate, rows `sending`, memory.

    DATABASE_URL=postgres://… REDIS_URL=redis://… .venv/bin/python benchmarks/fanout.py

Both run in one process of sixteen threads, each with a kept connection of its own to the same receiver; in each of five
rounds bare, engine, bare. Rates are counted on the receiver's clock from the 1,000th arrival on. Wants an empty
database. Expected: at least 0.35 of the bare loop (mean of both; median of the rounds), never more rows `sending` than
threads, memory of the worker the same (10 %) at the first and at the last thousand.
"""

import argparse
import os
import queue
import statistics
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpcore2
import psycopg2

from benchmarks.receiver import Receiver, receiving
from benchmarks.running import Running, bin_run, describe_machine, inside

MESSAGES, ENDPOINTS, WARM_UP = 10_000, 1_000, 1_000
THREADS = 16  # messaging.services.delivery.SENDERS
BODY = '{"type":"message","delivery":1234,"announcement":12,"group":123,"text":"今晚八点,老地方见"}'.encode()
HEADERS = [
    ("content-type", "application/json; charset=utf-8"),
    ("user-agent", "community-ops/1"),
    ("webhook-id", "1234"),
    ("webhook-timestamp", "1790000000"),
    ("webhook-signature", "v1,CHqLwu5uCsBTpPBNPgCNqYyqqFeiTW7hfWnuXPXkr0U="),
]


@dataclass
class Samples:
    """What was seen of the worker while it sent."""

    sending: list[int] = field(default_factory=list)
    megabytes: list[tuple[int, float]] = field(default_factory=list)  # arrivals until then, resident memory

    def memory_growth(self) -> float:
        """Median of the last thousand arrivals against that of the first."""
        first = statistics.median(size for count, size in self.megabytes if 0 < count <= MESSAGES // 10)
        last = statistics.median(size for count, size in self.megabytes if count >= MESSAGES - MESSAGES // 10)
        return last / first - 1


@dataclass
class Round:
    """The engine once, and the bare loop right before and after it."""

    rate: float
    bare: list[float]
    samples: Samples

    @property
    def ratio(self) -> float:
        return self.rate / statistics.mean(self.bare)

    @property
    def most_sending(self) -> int:
        return max(self.samples.sending)

    def __str__(self) -> str:
        looks, bare = len(self.samples.sending), " and ".join(f"{rate:.0f}" for rate in self.bare)
        return (
            f"{self.rate:.0f} a second, bare {bare}: {self.ratio:.3f}; most rows sending {self.most_sending} in "
            f"{looks} looks; memory {self.samples.memory_growth():+.1%}"
        )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bare", metavar="URL", help="only post, as the other half of the comparison")
    parser.add_argument("--rounds", type=int, default=5, help="how often both run, one after the other")
    options = parser.parse_args()
    if options.bare:
        post_bare(options.bare)
        return 0
    rounds = []
    with receiving() as receiver, bin_run() as running:
        group_ids = inside(running, f"groups('{receiver.url}', {ENDPOINTS})")
        for _ in range(options.rounds):
            before = bare_rate(receiver)
            rate, samples = engine_rate(running, receiver, group_ids)
            rounds.append(Round(rate, [before, bare_rate(receiver)], samples))
            print(rounds[-1], flush=True)
    return report(rounds)


def post_bare(url: str) -> None:
    """All messages from a queue; each thread has its own connection, as the engine's have."""
    paths: queue.SimpleQueue[str] = queue.SimpleQueue()
    for number in range(MESSAGES):
        paths.put(f"{url}/{number % ENDPOINTS}")

    def work() -> None:
        pool = httpcore2.ConnectionPool(max_connections=200, keepalive_expiry=2.0)
        while True:
            try:
                path = paths.get_nowait()
            except queue.Empty:
                return
            assert pool.request("POST", path, headers=HEADERS, content=BODY).status == 200

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def bare_rate(receiver: Receiver) -> float:
    already = receiver.count()
    subprocess.run([sys.executable, __file__, "--bare", receiver.url], check=True)
    return rate_of(receiver, already)


def rate_of(receiver: Receiver, already: int) -> float:
    """Arrivals a second, the warm-up left out."""
    moments = [at for _, at, _ in receiver.arrivals()[already:]]
    assert len(moments) == MESSAGES, f"{len(moments)} arrived"
    return (MESSAGES - WARM_UP) / (moments[-1] - moments[WARM_UP - 1])


def engine_rate(running: Running, receiver: Receiver, group_ids: list[int]) -> tuple[float, Samples]:
    planned = inside(running, f"announcements({group_ids}, {MESSAGES // ENDPOINTS}, {time.time() + 3600})")
    already, due_at = receiver.count(), time.time() + 15
    assert inside(running, f"release({planned}, {due_at})") == MESSAGES
    samples, worker = Samples(), running.pid_of("delivery")
    with closing(psycopg2.connect(running.environment["DATABASE_URL"])) as database:
        database.autocommit = True
        deadline = due_at + 300
        while (count := receiver.count() - already) < MESSAGES and time.time() < deadline:
            samples.sending.append(sending_count(database))
            samples.megabytes.append((count, resident_megabytes(worker)))
            time.sleep(0.1)
    samples.megabytes.append((MESSAGES, resident_megabytes(worker)))
    return rate_of(receiver, already), samples


def sending_count(database) -> int:
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM messaging_delivery WHERE state = 'sending'")
        return int(cursor.fetchone()[0])


def resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


def report(rounds: list[Round]) -> int:
    ratio = statistics.median(one.ratio for one in rounds)
    most, growth = max(one.most_sending for one in rounds), max(abs(one.samples.memory_growth()) for one in rounds)
    print(describe_machine())
    print(
        f"{MESSAGES} messages to {ENDPOINTS} webhooks: ratio {ratio:.2f} (median of {len(rounds)}), "
        f"most rows sending {most} of {THREADS}, memory {growth:+.1%} at worst"
    )
    return 0 if ratio >= 0.35 and most <= THREADS and growth <= 0.1 else 1


if __name__ == "__main__":
    sys.exit(main())
