"""The doorbell: "look at your due rows now", rung after commit, never waited for.

Losing a nudge costs at most one tick (1 s). Nudges of one process are merged: one per task and
200 ms. They are published from a thread of their own, without retry, so that a broker that is
slow or away never reaches a request.
"""

import logging
import os
import threading
import time

from django.db import transaction

from community_ops.celery import app

MERGE_SECONDS = 0.2
log = logging.getLogger(__name__)


def nudge(task_name: str) -> None:
    """Ring for `task_name` once the current transaction has committed (now, when there is none)."""
    transaction.on_commit(lambda: _ringer().ring(task_name), robust=True)


class _Ringer:
    """Collects task names and publishes each at most once per MERGE_SECONDS."""

    def __init__(self) -> None:
        self._wanted: set[str] = set()
        self._lock = threading.Lock()
        self._awake = threading.Event()
        threading.Thread(target=self._publish_for_ever, name="nudge", daemon=True).start()

    def ring(self, task_name: str) -> None:
        with self._lock:
            self._wanted.add(task_name)
        self._awake.set()

    def _publish_for_ever(self) -> None:
        while True:
            self._awake.wait()
            self._awake.clear()
            with self._lock:
                wanted, self._wanted = self._wanted, set()
            for task_name in sorted(wanted):
                _publish(task_name)
            time.sleep(MERGE_SECONDS)


_making = threading.Lock()
_ringers: dict[int, _Ringer] = {}  # by process: threads do not survive a fork


def _ringer() -> _Ringer:
    with _making:
        pid = os.getpid()
        if pid not in _ringers:
            _ringers[pid] = _Ringer()
        return _ringers[pid]


def _publish(task_name: str) -> None:
    try:
        app.send_task(task_name, retry=False, expires=10)
    except Exception as error:  # noqa: BLE001 - the boundary: a lost nudge is made good by the next tick
        log.warning("nudge not published", extra={"task": task_name, "error": type(error).__name__})
