"""Changes of messaging, by topic; what other apps call is named here."""

from messaging.forecasting import CALL_SECONDS, COPY_SECONDS, GROUP_SECONDS
from messaging.platforms.base import Card
from messaging.services.archiving import archive_endpoint
from messaging.services.assignees import (
    archive_assignee,
    create_assignee,
    issue_link,
    note_link_use,
    revoke_link,
    update_assignee,
)
from messaging.services.card_holds import held_items, kept_items
from messaging.services.card_posts import NewItem
from messaging.services.decisions import (
    VERDICTS,
    Verdict,
    cancel_delivery,
    decide_unknown,
    requeue_all_failed,
    requeue_failed,
    try_now,
    undo_decision,
)
from messaging.services.delivery import deliver_due, reap_stuck, run_deliveries, tidy_limits
from messaging.services.endpoints import (
    create_endpoint,
    send_test_message,
    update_endpoint,
)
from messaging.services.forecast import Allowance, FailingChannel, Forecast, Foreseen, Hand, foresee
from messaging.services.forecast_carriers import Carrier, Way
from messaging.services.forecast_facts import BusyPlatform
from messaging.services.found_chats import add_chat, bind_chat, look_for_chats, note_chat
from messaging.services.holds import held_now
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
    waiting_by_hand_count,
)
from messaging.services.rule_changes import archive_rule, create_frequency_cap, create_holiday, create_quiet_hours
from messaging.services.rule_effects import HOLDS_CARDS, HOLDS_PLANNED, rule_warnings, rule_words_now
from messaging.services.send_rules import Held, NotNow, held_at_due, not_now, would_be_held
from messaging.services.task_cards import (
    Copied,
    CopiedText,
    copy_card,
    finish_items,
    leave_out,
    open_card,
    pieces_of,
    undo_items,
)
from messaging.services.task_warnings import task_warnings
from messaging.services.telling import can_be_told, hears_of_nothing, is_out_of_reach, nudge_card, tell_assignees
from messaging.services.waiting import review_waiting
from messaging.services.work import create_task, hand_on, withdraw_task

__all__ = [
    "CALL_SECONDS",
    "COPY_SECONDS",
    "GROUP_SECONDS",
    "HOLDS_CARDS",
    "HOLDS_PLANNED",
    "VERDICTS",
    "Allowance",
    "BusyPlatform",
    "Card",
    "Carrier",
    "Copied",
    "CopiedText",
    "FailingChannel",
    "Forecast",
    "Foreseen",
    "Hand",
    "Held",
    "InboundRow",
    "Move",
    "NewItem",
    "NotNow",
    "PlannedSend",
    "Verdict",
    "Way",
    "add_chat",
    "archive_assignee",
    "archive_endpoint",
    "archive_rule",
    "bind_chat",
    "can_be_told",
    "cancel_deliveries",
    "cancel_delivery",
    "copy_card",
    "create_assignee",
    "create_endpoint",
    "create_frequency_cap",
    "create_holiday",
    "create_quiet_hours",
    "create_task",
    "decide_unknown",
    "deliver_due",
    "finish_items",
    "foresee",
    "hand_on",
    "hears_of_nothing",
    "held_at_due",
    "held_items",
    "held_now",
    "is_out_of_reach",
    "issue_link",
    "kept_items",
    "leave_out",
    "look_for_chats",
    "not_now",
    "note_chat",
    "note_link_use",
    "nudge_card",
    "open_card",
    "pause_deliveries",
    "pieces_of",
    "plan_deliveries",
    "reap_stuck",
    "requeue_all_failed",
    "requeue_failed",
    "reschedule_deliveries",
    "resume_deliveries",
    "retarget_deliveries",
    "review_waiting",
    "revoke_link",
    "rule_warnings",
    "rule_words_now",
    "run_deliveries",
    "send_test_message",
    "set_limit",
    "store_inbound",
    "task_warnings",
    "tell_assignees",
    "tidy_limits",
    "try_now",
    "undo_decision",
    "undo_items",
    "update_assignee",
    "update_endpoint",
    "waiting_by_hand_count",
    "withdraw_task",
    "would_be_held",
]
