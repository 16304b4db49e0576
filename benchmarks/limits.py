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
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.receiver import Receiver, receiving
from benchmarks.running import ROOT, Running, announce, bin_run, describe_machine, wait_until

Windows = tuple[tuple[int, int], ...]  # (count, seconds), all at once
LIMITS: dict[str, Windows] = {"wecom": ((20, 60),), "feishu": ((100, 60), (5, 1))}  # docs of both, 2026-11-01
MORE_SENDERS = 3  # besides the worker of bin/run
GROUPS = 20  # that share a webhook, so that one announcement is twenty messages


@dataclass(frozen=True)
class Kept:
    """What a receiver saw of one channel: for each window the most it held; how much of the allowed it got."""

    windows: Windows
    fullest: tuple[int, ...]
    arrived_count: int
    allowed_count: float

    @property
    def is_above(self) -> bool:
        """Whether any window held more than its limit."""
        return any(most > count for most, (count, _) in zip(self.fullest, self.windows, strict=True))

    @property
    def use_rate(self) -> float:
        """Arrivals divided by what the tightest window allows in the whole run."""
        return self.arrived_count / self.allowed_count


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    with receiving() as receiver, bin_run() as running:
        kept = send_within(running, receiver, LIMITS, seconds=options.minutes * 60)
    print(describe_machine())
    for name, one in kept.items():
        for most, (count, window) in zip(one.fullest, one.windows, strict=True):
            print(f"{name}: {count} in {window} s: fullest window {most}")
        print(f"{name}: {one.arrived_count} of {one.allowed_count:.0f} allowed: use {one.use_rate:.1%}")
    return 0 if all(not one.is_above and one.use_rate >= 0.95 for one in kept.values()) else 1


def send_within(
    running: Running,
    receiver: Receiver,
    limits: dict[str, Windows],
    *,
    seconds: float,
    more_senders: int = MORE_SENDERS,
) -> dict[str, Kept]:
    """Keep a webhook of each name busy for that long, and read what arrived, by name."""
    channels = {
        name: make_channel(running, f"{receiver.url}/{name}", name, windows, seconds)
        for name, windows in limits.items()
    }
    with senders(running, more_senders):
        for groups, count in channels.values():
            for _ in range(count):
                announce(running, groups, dt.datetime.now(tz=dt.UTC))
        assert wait_until(lambda: set(arrivals_of(receiver, limits)) == set(limits), 60), "a channel stays silent"
        time.sleep(seconds)
    return {name: kept(moments, limits[name], seconds) for name, moments in arrivals_of(receiver, limits).items()}


def arrivals_of(receiver: Receiver, limits: dict[str, Windows]) -> dict[str, list[float]]:
    """When something arrived, for each channel that got anything."""
    found: dict[str, list[float]] = {}
    for _, at, path in receiver.arrivals():
        if path[1:] in limits:
            found.setdefault(path[1:], []).append(at)
    return found


def make_channel(running: Running, url: str, name: str, windows: Windows, seconds: float) -> tuple[list[int], int]:
    """A webhook with its limits; the ids of its groups, and how many announcements keep it busy."""
    config = {"url": url, "secret": "benchmark"}
    endpoint = running.call("endpoints/", {"name": name, "platform": "webhook", "config": config})["id"]
    for count, window in windows:
        running.call(f"endpoints/{endpoint}/limits/", {"scope": "connection", "seconds": window, "count": count})
    facts = {"name": name, "shared_task": "measure", "kind": "product", "timezone": "Asia/Shanghai"}
    community = running.call("communities/", facts)["id"]
    group = {"community": community, "kind": "long_term", "endpoint": endpoint}
    groups = [running.call("groups/", group | {"name": f"{name} {number}"})["id"] for number in range(GROUPS)]
    return groups, int(allowed(windows, seconds) * 1.2 / GROUPS) + 2


def allowed(windows: Windows, seconds: float) -> float:
    """How many calls the tightest window allows in that time."""
    return min(count * seconds / window for count, window in windows)


@contextmanager
def senders(running: Running, number_of: int) -> Iterator[None]:
    """More processes that send, each asking again as the tick does."""
    with ExitStack() as stack:
        for number in range(number_of):
            code = f"import benchmarks.sender; benchmarks.sender.keep_sending('more-{number}')"
            command = [str(ROOT / "bin" / "manage"), "shell", "--no-imports", "-c", code]
            process = stack.enter_context(subprocess.Popen(command, env=running.environment, cwd=ROOT))
            stack.callback(process.kill)
        yield


def kept(moments: list[float], windows: Windows, seconds: float) -> Kept:
    """The first `seconds` from the first arrival on; windows begin at every arrival, on the receiver's clock."""
    end = min(moments) + seconds
    moments = sorted(at for at in moments if at <= end)
    fullest = tuple(
        max((bisect.bisect_left(moments, at + window) - start for start, at in enumerate(moments)), default=0)
        for _, window in windows
    )
    return Kept(windows, fullest, len(moments), allowed(windows, seconds))


if __name__ == "__main__":
    sys.exit(main())
