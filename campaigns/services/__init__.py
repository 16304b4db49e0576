"""Changes of campaigns, by topic; this is what other apps call."""

from campaigns.services.announcements import (
    cancel_announcement,
    change_announcement,
    create_announcement,
    failing_endpoint_warnings,
    move_announcement,
    no_endpoint_warnings,
    plan_due,
    refuse_too_big,
    schedule_announcement,
    sends_of,
    target_groups,
)
from campaigns.services.holding import held_warnings, plan_held_warnings
from campaigns.services.playbooks import (
    PlannedTouch,
    built_in_playbook,
    ensure_built_in_everywhere,
    ensure_built_in_playbooks,
    preview_run,
)
from campaigns.services.runs import (
    clear_condition,
    meet_condition,
    move_run,
    needs_warnings,
    plan_skipped_touches,
    run_held_warnings,
    start_run,
    stop_run,
)

__all__ = [
    "PlannedTouch",
    "built_in_playbook",
    "cancel_announcement",
    "change_announcement",
    "clear_condition",
    "create_announcement",
    "ensure_built_in_everywhere",
    "ensure_built_in_playbooks",
    "failing_endpoint_warnings",
    "held_warnings",
    "meet_condition",
    "move_announcement",
    "move_run",
    "needs_warnings",
    "no_endpoint_warnings",
    "plan_due",
    "plan_held_warnings",
    "plan_skipped_touches",
    "preview_run",
    "refuse_too_big",
    "run_held_warnings",
    "schedule_announcement",
    "sends_of",
    "start_run",
    "stop_run",
    "target_groups",
]
