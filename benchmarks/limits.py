"""Real windows with four senders at once: does any window on the receiver's clock hold more than the limit allows?

    .venv/bin/python benchmarks/limits.py [--minutes 10]

Two webhooks with the limits of two real platforms (WeCom's robot, Feishu's bot) and a backlog that outlasts the run.
Expected: no window above its limit, at least 95 % of what the limits allow is used.
Set DATABASE_URL and REDIS_URL for PostgreSQL and Redis.
"""

import argparse
import bisect
import datetime as dt
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.receiver import receiving
from benchmarks.running import ROOT, Running, announce, bin_run, describe_machine

LIMITS = {"wecom": ((20, 60),), "feishu": ((100, 60), (5, 1))}  # (count, seconds); docs of both, 2026-11-01
MORE_SENDERS = 3  # besides the worker of bin/run
GROUPS = 50  # that share a webhook, so that one announcement is fifty messages


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    seconds = options.minutes * 60
    with receiving() as receiver, bin_run() as running:
        channels = {name: make_channel(running, f"{receiver.url}/{name}", name, seconds) for name in LIMITS}
        with senders(running):
            began = time.time()
            for groups, count in channels.values():
                for _ in range(count):
                    announce(running, groups, dt.datetime.now(tz=dt.UTC))
            time.sleep(max(0.0, began + seconds - time.time()))
        arrivals = receiver.arrivals()
    print(describe_machine())
    results = [report(name, [at for _, at, path in arrivals if path == f"/{name}"], seconds) for name in LIMITS]
    return 0 if all(results) else 1


def make_channel(running: Running, url: str, name: str, seconds: float) -> tuple[list[int], int]:
    """A webhook with its limits; the ids of its groups, and how many announcements keep it busy."""
    config = {"url": url, "secret": "benchmark"}
    endpoint = running.call("endpoints/", {"name": name, "platform": "webhook", "config": config})["id"]
    for count, window in LIMITS[name]:
        running.call(f"endpoints/{endpoint}/limits/", {"scope": "connection", "seconds": window, "count": count})
    facts = {"name": name, "shared_task": "measure", "kind": "product", "timezone": "Asia/Shanghai"}
    community = running.call("communities/", facts)["id"]
    group = {"community": community, "kind": "long_term", "endpoint": endpoint}
    groups = [running.call("groups/", group | {"name": f"{name} {number}"})["id"] for number in range(GROUPS)]
    most = min(count * seconds / window for count, window in LIMITS[name])
    return groups, int(most * 1.2 / GROUPS) + 2


@contextmanager
def senders(running: Running) -> Iterator[None]:
    """More processes that send, each asking again as the tick does."""
    with ExitStack() as stack:
        for number in range(MORE_SENDERS):
            code = f"import benchmarks.sender; benchmarks.sender.keep_sending('more-{number}')"
            command = [str(ROOT / "bin" / "manage"), "shell", "--no-imports", "-c", code]
            process = stack.enter_context(subprocess.Popen(command, env=running.environment, cwd=ROOT))
            stack.callback(process.kill)
        yield


def report(name: str, moments: list[float], seconds: float) -> bool:
    """One line a limit: the fullest window, and the share of what was allowed between first and last arrival."""
    moments.sort()
    good = True
    for count, window in LIMITS[name]:
        ends = [bisect.bisect_left(moments, moment + window) for moment in moments]
        fullest = max((end - start for start, end in enumerate(ends)), default=0)
        above = sum(end - start > count for start, end in enumerate(ends))
        good = good and above == 0
        print(f"{name}: {count} in {window} s: windows above {above}, fullest {fullest}")
    allowed = min(count * seconds / window for count, window in LIMITS[name])
    used = len(moments) / allowed
    print(f"{name}: {len(moments)} of {allowed:.0f} allowed in {seconds:.0f} s: use {used:.1%}")
    return good and used >= 0.95


if __name__ == "__main__":
    sys.exit(main())
