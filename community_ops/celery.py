"""The Celery application. Celery is only the doorbell: truth and due times live in rows.

Every periodic task looks for due rows; losing a broker message delays nothing by more than
one tick, and running a tick twice is harmless (docs/architecture.md, "Delivery").
"""

import os

from celery import Celery

from community_ops.common import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "community_ops.settings")

broker.use()
app = Celery("community_ops")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
