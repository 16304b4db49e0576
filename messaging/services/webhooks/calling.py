"""The calls themselves: outside any transaction, five seconds each, a few at a time."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from typing import Any

from django.db import DatabaseError, InterfaceError, connections

from community_ops.common import clock, dbtime, net
from community_ops.common.nudge import nudge
from messaging.platforms.http_results import retry_after
from messaging.services.delivery import NEVER, owner_name
from messaging.services.webhooks import claiming
from messaging.services.webhooks.claiming import Ended
from messaging.services.webhooks.keys import signatures
from messaging.webhook_models import TryOutcome, WebhookCall, WebhookSubscription
from messaging.webhook_policies import CALL_TASK

CALLERS = 8  # threads of a run; six of them at most for one team, two for one subscription (`claiming`)
RUN_SECONDS = 20.0  # then a run hands over to the next tick
POLL_SECONDS = 0.2
GONE = 410
Clock = Callable[[], datetime]
log = logging.getLogger(__name__)


def call_due(*, worker: str, now: datetime, limit: int = 10_000) -> int:
    """Make the calls due at `now`, one after another in this thread; returns how many. Safe beside workers."""
    owner, count = owner_name(worker), 0
    claiming.settle_lost(db_now=dbtime.now(), now=now)
    while count < limit and (rows := claiming.claim(owner=owner, limit=1, now=now, db_now=dbtime.now())):
        count += sum(_make(row, now=lambda: now) for row in rows)
    return count


def run_calls(
    *,
    worker: str,
    now: Clock = clock.now,
    callers: int = CALLERS,
    seconds: float = RUN_SECONDS,
    stopping: threading.Event = NEVER,
) -> int:
    """Make the calls that are due, on a few threads; returns how many were recorded.

    Returns when nothing is left, after `seconds` or when `stopping` is set at the latest, plus the calls still
    running. Two runs at once share the rows.
    """
    if not claiming.anything_to_do(now=now(), db_now=dbtime.now()):
        return 0
    claiming.settle_lost(db_now=dbtime.now(), now=now())
    owner, until, count = owner_name(worker), time.monotonic() + seconds, 0
    with ThreadPoolExecutor(callers, thread_name_prefix="webhook") as pool:
        running: dict[Future[bool], int] = {}  # with whose it is
        while True:
            if time.monotonic() < until and not stopping.is_set():
                running |= _started(pool, callers - len(running), owner, now, Counter(running.values()))
            if not running:
                break
            done, _others = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            count += sum(future.result() for future in done)
            running = {future: workspace_id for future, workspace_id in running.items() if future not in done}
    if time.monotonic() >= until:
        nudge(CALL_TASK)
    return count


def _started(
    pool: ThreadPoolExecutor, room: int, owner: str, now: Clock, calls_of: Counter[int]
) -> dict[Future[bool], int]:
    """The calls that begin now, each with its workspace. `calls_of`: those that run already, by workspace."""
    db_now = dbtime.now()
    if room <= 0 or not claiming.anything_to_do(now=now(), db_now=db_now):
        return {}
    rows = claiming.claim(owner=owner, limit=room, now=now(), db_now=db_now, calls_of=calls_of)
    return {pool.submit(_make_in_thread, row, now): row.workspace_id for row in rows}


def _make_in_thread(row: WebhookCall, now: Clock) -> bool:
    """A try that cannot be recorded is found when its lease is over, and made again."""
    try:
        return _make(row, now=now)
    except (DatabaseError, InterfaceError):
        log.exception("a webhook call could not be recorded", extra={"call": row.pk})
        return False
    finally:
        connections.close_all()


def _make(row: WebhookCall, *, now: Clock) -> bool:
    return claiming.finish(row, _tried(row, now()), now=now())


def _tried(row: WebhookCall, now: datetime) -> Ended:
    """One call. Whatever goes wrong is an end too, said without the address: it may hold a key."""
    begun = time.monotonic()
    try:
        url, headers = _request(row, now)
        ended = _called(url, row.body.encode(), headers)
    except (DatabaseError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001 - a lost key or a fault of ours must not stop the other calls
        log.error("a webhook call failed before it was made", extra={"call": row.pk, "error": type(error).__name__})
        return Ended(TryOutcome.NOT_CALLED, text=type(error).__name__)
    latency_ms = int((time.monotonic() - begun) * 1000)
    return Ended(ended.outcome, ended.http_status, ended.text, latency_ms, ended.wish_seconds)


def _request(row: WebhookCall, now: datetime) -> tuple[str, dict[str, str]]:
    """The address as it is now, and the headers of Standard Webhooks; the time is the database's, as all workers'."""
    secret: Any = WebhookSubscription.objects.values_list("secret", flat=True).get(pk=row.subscription_id)
    timestamp = str(int(dbtime.now().timestamp()))
    return secret["url"], {
        "content-type": "application/json",
        "user-agent": "community-ops/1",
        "webhook-id": row.webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signatures(secret, row.webhook_id, timestamp, row.body.encode(), now=now),
    }


def _called(url: str, body: bytes, headers: dict[str, str]) -> Ended:
    try:
        answer = net.post(url, body=body, headers=headers)
    except net.AddressRefused as failure:
        return Ended(TryOutcome.ADDRESS_REFUSED, text=str(failure))
    except net.NotSent as failure:
        return Ended(TryOutcome.NOT_SENT, text=str(failure))
    except net.CallFailed as failure:
        return Ended(TryOutcome.NO_ANSWER, text=str(failure))
    return Ended(_outcome(answer.status), answer.status, wish_seconds=retry_after(answer.headers))


def _outcome(status: int) -> TryOutcome:
    if 200 <= status < 300:
        return TryOutcome.DONE
    return TryOutcome.GONE if status == GONE else TryOutcome.REFUSED
