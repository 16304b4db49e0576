"""Ticks of messaging."""

import threading
from typing import Any

from celery import shared_task
from celery.signals import worker_shutting_down

from community_ops.common import clock
from community_ops.common.pulses import watched
from community_ops.common.turns import give_way
from messaging import services
from messaging.services import receiving, webhooks

_running = threading.Lock()
_calling = threading.Lock()
_asking = threading.Lock()
_stopping = threading.Event()


@worker_shutting_down.connect
def stop_runs(**_: Any) -> None:
    """A worker that is asked to end starts no more calls and puts back what it has in hand; running calls end."""
    _stopping.set()


# a run ends by itself after 20 s plus one call (5 s): far under the 90 s soft limit
@shared_task(name="messaging.tasks.deliver_due")
def deliver_due() -> None:
    """Send what is due. Runs on nudge and every second; one run a process, for a run takes new rows by itself."""
    if not _running.acquire(blocking=False):
        return
    try:
        _deliver()
    finally:
        _running.release()


@watched("deliver_due")
def _deliver() -> None:
    """A whole run: a tick that found another one at work must not vouch for it."""
    services.run_deliveries(worker="deliver_due", stopping=_stopping)


@shared_task(name="messaging.tasks.tidy_limits")
@watched("tidy_limits")
def tidy_limits() -> None:
    """End test messages whose process died, forget calls that count nowhere any more and places in line nobody holds;
    two at once are harmless."""
    services.tidy_limits()


@shared_task(name="messaging.tasks.reap_stuck")
@watched("reap_stuck")
def reap_stuck() -> None:
    """Turn sends without a recorded end into `unknown`; two at once are harmless."""
    services.reap_stuck(now=clock.now())


@shared_task(name="messaging.tasks.tell_assignees")
@watched("tell_assignees")
def tell_assignees() -> None:
    """Tell people of cards whose moment has come. Runs on nudge and every two seconds; two at once tell once."""
    services.tell_assignees(now=clock.now())


@shared_task(name="messaging.tasks.review_waiting")
@watched("review_waiting", grace_seconds=180)
def review_waiting() -> None:
    """Withdraw what waits for a person and may not be posted any more; two at once are harmless."""
    services.review_waiting(now=clock.now())


# a run ends by itself after 20 s plus one call (5 s): far under the 90 s soft limit
@shared_task(name="messaging.tasks.call_webhooks")
def call_webhooks() -> None:
    """Tell other tools what they asked for. Runs on nudge and every second; one run a process."""
    if not _calling.acquire(blocking=False):
        return
    try:
        _call()
    finally:
        _calling.release()


@watched("call_webhooks")
def _call() -> None:
    """A whole run, as `_deliver`."""
    webhooks.run_calls(worker="call_webhooks", stopping=_stopping)


@shared_task(name="messaging.tasks.tidy_webhooks")
@watched("tidy_webhooks", grace_seconds=3 * 3600)
def tidy_webhooks() -> None:
    """Forget calls of webhooks after 30 days; two at once are harmless."""
    webhooks.prune_calls(now=clock.now())


@shared_task(name="messaging.tasks.read_inbound")
@watched("read_inbound")
def read_inbound() -> None:
    """Read what has come in. Runs on nudge and every second; two at once share the rows."""
    receiving.read_pending(now=clock.now(), between=give_way)


# a run ends by itself after 10 s plus one call (5 s)
@shared_task(name="messaging.tasks.poll_chats")
def poll_chats() -> None:
    """Ask platforms that tell nothing by themselves. Runs every five seconds; one run a process."""
    if not _asking.acquire(blocking=False):
        return
    try:
        _poll()
    finally:
        _asking.release()


@watched("poll_chats")
def _poll() -> None:
    """A whole run, as `_deliver`."""
    receiving.poll_chats()


@shared_task(name="messaging.tasks.tidy_inbound")
@watched("tidy_inbound", grace_seconds=3 * 3600)
def tidy_inbound() -> None:
    """Empty and forget old inbound events; two at once are harmless."""
    receiving.tidy_inbound(now=clock.now())
