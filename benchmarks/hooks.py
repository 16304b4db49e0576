"""How soon a call at /hooks/<code>/ is answered while what came in is being read, against the emptiest call there is.

    DATABASE_URL=postgres://… REDIS_URL=redis://… .venv/bin/python benchmarks/hooks.py

The real `bin/run`; two senders post signed events of 200 people in two groups, five a second each (a group of 500 in a
sale says less), and after each ask `/health/live`, both on kept connections. Without the two variables: SQLite.
Expected: no answer after more than a second, and every event read once, within a minute of the last.
"""

import base64
import hashlib
import hmac
import http.client
import json
import statistics
import sys
import threading
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.running import Running, bin_run, describe_machine

SECONDS, A_SECOND, PEOPLE = 60, 5, 200


def main() -> int:
    with bin_run() as running:
        doors = [opened(running, number) for number in (1, 2)]
        found: list[tuple[float, float]] = []
        threads = [threading.Thread(target=send, args=(*door, found)) for door in doors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        read_after = until_read(running, len(found))
    return report(found, read_after)


def opened(running: Running, number: int) -> tuple[str, str]:
    """A room that receives, bound to a group: its address and key."""
    room = running.call("endpoints/", {"name": f"room {number}", "platform": "sandbox", "config": {}})
    facts = {"shared_task": "measure", "kind": "product", "timezone": "Asia/Shanghai"}
    community = running.call("communities/", {"name": f"bench {number}", **facts})
    group = {"community": community["id"], "name": f"group {number}", "kind": "long_term", "endpoint": room["id"]}
    running.call("groups/", group)
    made = running.call(f"connections/{room['connection']}/inbound/", {})
    return made["url"], made["key"]


def send(url: str, key: str, found: list[tuple[float, float]]) -> None:
    """Pairs of seconds: a hook's answer, an empty one's."""
    parts = urlsplit(url)
    web = http.client.HTTPConnection(parts.hostname, parts.port)
    until, number = time.monotonic() + SECONDS, 0
    while time.monotonic() < until:
        number += 1
        person = f"u-{number % PEOPLE}"
        event = {"kind": "message", "occurred_at": "2026-11-29T12:00:00Z", "author": person, "text": f"第 {number} 条"}
        body = json.dumps(event, ensure_ascii=False).encode()
        hook = timed(web, "POST", parts.path, body, signed_headers(key, uuid.uuid4().hex, body))
        empty = timed(web, "GET", "/health/live", b"", {})
        found.append((hook, empty))
        time.sleep(1 / A_SECOND)


def signed_headers(key: str, identity: str, body: bytes) -> dict[str, str]:
    """As docs/inbound.md says."""
    sent_at = str(int(time.time()))
    signed = b".".join((identity.encode(), sent_at.encode(), body))
    digest = hmac.new(base64.b64decode(key.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": identity, "webhook-timestamp": sent_at, "webhook-signature": signature}


def timed(web: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: dict[str, str]) -> float:
    begun = time.perf_counter()
    web.request(method, path, body, headers)
    answer = web.getresponse()
    words = answer.read()
    assert answer.status == 200, words
    return time.perf_counter() - begun


def until_read(running: Running, count: int) -> float:
    """Seconds until every event is a group's."""
    begun = time.monotonic()
    while time.monotonic() < begun + 300:
        connections = {row["id"] for row in running.everything("connections/")}
        rows = [row for one in connections for row in running.everything(f"connections/{one}/raw-events/")]
        assert len(rows) == count, f"{len(rows)} of {count} stored"
        if all(row["state"] == "read" for row in rows):
            return time.monotonic() - begun
        time.sleep(0.5)
    raise AssertionError("not everything was read in five minutes")


def report(found: list[tuple[float, float]], read_after: float) -> int:
    hooks = sorted(hook for hook, _ in found)
    ratio = statistics.median(hook / empty for hook, empty in found)
    p99 = hooks[int(len(hooks) * 0.99)]
    print(describe_machine())
    print(
        f"{len(found)} events in {SECONDS} s: median {statistics.median(hooks) * 1000:.1f} ms, p99 {p99 * 1000:.0f} ms"
    )
    print(
        f"worst {hooks[-1] * 1000:.0f} ms; {ratio:.1f} times an empty call; all read {read_after:.0f} s after the last"
    )
    return 0 if hooks[-1] <= 1.0 and read_after <= 60 else 1


if __name__ == "__main__":
    sys.exit(main())
