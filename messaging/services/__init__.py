"""Changes of messaging, by topic; what other apps call is named here."""

from messaging.services.decisions import (
    VERDICTS,
    Verdict,
    cancel_delivery,
    decide_unknown,
    requeue_all_failed,
    requeue_failed,
    try_now,
)
from messaging.services.delivery import deliver_due, reap_stuck, run_deliveries
from messaging.services.endpoints import (
    archive_endpoint,
    create_endpoint,
    rename_endpoint,
    send_test_message,
    update_endpoint,
)
from messaging.services.inbound import InboundRow, store_inbound
from messaging.services.planning import (
    Move,
    PlannedSend,
    cancel_deliveries,
    plan_deliveries,
    reschedule_deliveries,
    retarget_deliveries,
)

__all__ = [
    "VERDICTS",
    "InboundRow",
    "Move",
    "PlannedSend",
    "Verdict",
    "archive_endpoint",
    "cancel_deliveries",
    "cancel_delivery",
    "create_endpoint",
    "decide_unknown",
    "deliver_due",
    "plan_deliveries",
    "reap_stuck",
    "rename_endpoint",
    "requeue_all_failed",
    "requeue_failed",
    "reschedule_deliveries",
    "retarget_deliveries",
    "run_deliveries",
    "send_test_message",
    "store_inbound",
    "try_now",
    "update_endpoint",
]
