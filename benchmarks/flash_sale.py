"""Many buyers, little stock, over HTTP against the real bin/run: is it sold exactly once?

    .venv/bin/python benchmarks/flash_sale.py [--buyers 500] [--stock 50]

Every buyer is a member of her own and tries twice in a row (limit 1), all at the same moment, each try over a
connection of its own. Set DATABASE_URL (an empty database) and REDIS_URL to measure PostgreSQL and Redis; without
them it is the embedded default. Exit code 1 when anything is not as promised: exactly `stock` orders, nobody above
her limit, sold + held + left = stock, no answer of 500 or above.
"""

import argparse
import datetime as dt
import http.client
import json
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.running import Running, bin_run, describe_machine

TRIES = 2


@dataclass
class Outcome:
    """What the buyers met: answers by status and code, and how long each took (seconds)."""

    answers: Counter[str] = field(default_factory=Counter)
    won: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    seconds: float = 0.0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--buyers", type=int, default=500)
    parser.add_argument("--stock", type=int, default=50)
    options = parser.parse_args()
    with bin_run() as running:
        sale, members = prepare(running, options.buyers, options.stock)
        outcome = rush(running, sale, members)
        shown = running.call(f"flash-sales/{sale}/")
        orders = running.everything(f"orders/?flash_sale={sale}")
    broken = problems(outcome, shown, orders)
    report(options, outcome, shown, orders, broken)
    return 1 if broken else 0


def prepare(running: Running, buyers: int, stock: int) -> tuple[int, list[int]]:
    """(an open sale with limit 1, the members)"""
    community = running.call(
        "communities/", {"name": "Bench", "shared_task": "measure", "kind": "product", "timezone": "Asia/Shanghai"}
    )["id"]
    room = running.call("endpoints/", {"name": "room", "platform": "sandbox", "config": {}})["id"]
    group = running.call("groups/", {"community": community, "name": "group", "kind": "long_term", "endpoint": room})[
        "id"
    ]
    product = running.call("products/", {"name": "thing", "price_amount": "399.00", "currency": "CNY"})["id"]
    members = [
        running.call("members/", {"community": community, "name": f"buyer {number}"})["id"] for number in range(buyers)
    ]
    now = dt.datetime.now(tz=dt.UTC)
    terms = {
        "product": product, "groups": [group], "starts_at": now.isoformat(),
        "ends_at": (now + dt.timedelta(hours=1)).isoformat(), "stock": stock, "limit_per_member": 1,
        "price_amount": "199.00", "currency": "CNY",
    }  # fmt: skip
    sale = running.call("flash-sales/", terms)["id"]
    running.call(f"flash-sales/{sale}/schedule/", {})
    return sale, members


def rush(running: Running, sale: int, members: list[int]) -> Outcome:
    """All buyers at the same moment, each twice in a row."""
    outcome, lock = Outcome(), threading.Lock()
    barrier = threading.Barrier(len(members) + 1)

    def buyer(member: int) -> None:
        barrier.wait()
        for _ in range(TRIES):
            started = time.monotonic()
            status, code = buy(running, sale, member)
            took = time.monotonic() - started
            with lock:
                outcome.answers[f"{status} {code}".strip()] += 1
                (outcome.won if status == 201 else outcome.refused).append(took)

    threads = [threading.Thread(target=buyer, args=(member,)) for member in members]
    for thread in threads:
        thread.start()
    barrier.wait()
    started = time.monotonic()
    for thread in threads:
        thread.join()
    outcome.seconds = time.monotonic() - started
    return outcome


def buy(running: Running, sale: int, member: int) -> tuple[int, str]:
    """(status, code of a refusal); status 0 for a connection that broke."""
    connection = http.client.HTTPConnection(urlsplit(running.address).netloc, timeout=120)
    headers = {"Authorization": f"Token {running.token}", "Content-Type": "application/json"}
    try:
        body = json.dumps({"member": member, "quantity": 1})
        connection.request("POST", f"/api/v1/flash-sales/{sale}/orders/", body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()).get("code", "")
    except OSError as error:
        return 0, type(error).__name__
    finally:
        connection.close()


def problems(outcome: Outcome, shown: dict[str, Any], orders: list[dict[str, Any]]) -> list[str]:
    per_member = Counter(order["member"] for order in orders)
    said = {
        f"{len(orders)} orders instead of {shown['stock']}": len(orders) != shown["stock"],
        f"{len(outcome.won)} were told yours": len(outcome.won) != len(orders),
        "a buyer is above her limit": max(per_member.values(), default=0) > 1,
        "sold + held + left is not the stock": (
            shown["sold_count"] + shown["held_count"] + shown["left_count"] != shown["stock"]
        ),
        "an answer of 500 or above": any(answer >= "5" for answer in outcome.answers),
        "a connection broke": any(answer.startswith("0 ") for answer in outcome.answers),
    }
    return [sentence for sentence, is_true in said.items() if is_true]


def report(
    options: argparse.Namespace,
    outcome: Outcome,
    shown: dict[str, Any],
    orders: list[dict[str, Any]],
    broken: list[str],
) -> None:
    total = sum(outcome.answers.values())
    answers = ", ".join(f"{count} x {answer}" for answer, count in sorted(outcome.answers.items()))
    print(describe_machine())
    print(
        f"{options.buyers} buyers at once, {TRIES} tries each, stock {options.stock}: {len(orders)} orders; sold "
        f"{shown['sold_count']} + held {shown['held_count']} + left {shown['left_count']} = stock {shown['stock']}"
    )
    print(f"{total} requests in {outcome.seconds:.1f} s ({total / outcome.seconds:.0f}/s): {answers}")
    print(f"a winner waited {spread(outcome.won)}, a refused try {spread(outcome.refused)}")
    print("as promised" if not broken else "BROKEN: " + "; ".join(broken))


def spread(times: list[float]) -> str:
    if not times:
        return "–"
    ranked = sorted(times)
    late = ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))]
    return f"{ranked[len(ranked) // 2]:.2f} s (p99 {late:.2f} s)"


if __name__ == "__main__":
    sys.exit(main())
