"""The Celery application. Celery is only the doorbell: truth and due times live in rows.

Every periodic task looks for due rows; losing a broker message delays nothing by more than
one tick, and running a tick twice is harmless (docs/architecture.md, "Delivery").
"""

import gc
import os
from typing import Any

from celery import Celery
from celery.signals import worker_ready

from community_ops.common import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "community_ops.settings")

broker.use()
app = Celery("community_ops")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
def freeze_start(**_: Any) -> None:
    """What was loaded to start with stays for good: the garbage collector need not walk through it again and again."""
    gc.collect()
    gc.freeze()
