"""Changes of messaging, by topic; what other apps call is named here."""

from messaging.platforms.base import Card
from messaging.services.decisions import (
    VERDICTS,
    Verdict,
    cancel_delivery,
    decide_unknown,
    requeue_all_failed,
    requeue_failed,
    try_now,
)
from messaging.services.delivery import deliver_due, reap_stuck, run_deliveries, tidy_limits
from messaging.services.endpoints import (
    archive_endpoint,
    create_endpoint,
    rename_endpoint,
    send_test_message,
    update_endpoint,
)
from messaging.services.found_chats import add_chat, bind_chat, look_for_chats, note_chat
from messaging.services.inbound import InboundRow, store_inbound
from messaging.services.own_limits import set_limit
from messaging.services.planning import (
    Move,
    PlannedSend,
    cancel_deliveries,
    pause_deliveries,
    plan_deliveries,
    reschedule_deliveries,
    resume_deliveries,
    retarget_deliveries,
)
from messaging.services.rule_changes import archive_rule, create_frequency_cap, create_holiday, create_quiet_hours
from messaging.services.send_rules import Held, would_be_held

__all__ = [
    "VERDICTS",
    "Card",
    "Held",
    "InboundRow",
    "Move",
    "PlannedSend",
    "Verdict",
    "add_chat",
    "archive_endpoint",
    "archive_rule",
    "bind_chat",
    "cancel_deliveries",
    "cancel_delivery",
    "create_endpoint",
    "create_frequency_cap",
    "create_holiday",
    "create_quiet_hours",
    "decide_unknown",
    "deliver_due",
    "look_for_chats",
    "note_chat",
    "pause_deliveries",
    "plan_deliveries",
    "reap_stuck",
    "rename_endpoint",
    "requeue_all_failed",
    "requeue_failed",
    "reschedule_deliveries",
    "resume_deliveries",
    "retarget_deliveries",
    "run_deliveries",
    "send_test_message",
    "set_limit",
    "store_inbound",
    "tidy_limits",
    "try_now",
    "update_endpoint",
    "would_be_held",
]
