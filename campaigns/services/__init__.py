"""Changes of campaigns, by topic; this is what other apps call."""

from campaigns.services.announcements import (
    announcement_held_warnings,
    announcement_warnings,
    cancel_announcement,
    move_announcement,
    plan_due,
    rehearse_announcement,
    schedule_announcement,
    sends_of,
    target_groups,
)
from campaigns.services.channels import failing_endpoint_warnings, no_endpoint_warnings
from campaigns.services.content import (
    BLOCKING,
    arrival_warnings,
    arrivals,
    content_of,
    content_warnings,
    refuse_too_big,
)
from campaigns.services.drafts import AnnouncementDraft, change_announcement, copy_announcement, create_announcement
from campaigns.services.forecast_data import forecast_data, plan_data
from campaigns.services.forecast_groups import reason_ahead
from campaigns.services.forecast_words import ForecastWords, forecast_words, free_from, plan_words
from campaigns.services.forecasting import PlanForecast, forecast_announcement, forecast_plan, forecast_run
from campaigns.services.holding import held_warnings, plan_held_warnings
from campaigns.services.pausing import pause_announcement, pause_run, resume_announcement, resume_run
from campaigns.services.playbooks import (
    PlannedTouch,
    built_in_playbook,
    ensure_built_in_everywhere,
    ensure_built_in_playbooks,
    preview_run,
)
from campaigns.services.requeueing import requeue_announcement, requeue_run
from campaigns.services.runs import (
    clear_condition,
    meet_condition,
    move_run,
    needs_warnings,
    plan_needs_warnings,
    plan_skipped_touches,
    run_held_warnings,
    start_run,
    stop_run,
)

__all__ = [
    "BLOCKING",
    "AnnouncementDraft",
    "ForecastWords",
    "PlanForecast",
    "PlannedTouch",
    "announcement_held_warnings",
    "announcement_warnings",
    "arrival_warnings",
    "arrivals",
    "built_in_playbook",
    "cancel_announcement",
    "change_announcement",
    "clear_condition",
    "content_of",
    "content_warnings",
    "copy_announcement",
    "create_announcement",
    "ensure_built_in_everywhere",
    "ensure_built_in_playbooks",
    "failing_endpoint_warnings",
    "forecast_announcement",
    "forecast_data",
    "forecast_plan",
    "forecast_run",
    "forecast_words",
    "free_from",
    "held_warnings",
    "meet_condition",
    "move_announcement",
    "move_run",
    "needs_warnings",
    "no_endpoint_warnings",
    "pause_announcement",
    "pause_run",
    "plan_data",
    "plan_due",
    "plan_held_warnings",
    "plan_needs_warnings",
    "plan_skipped_touches",
    "plan_words",
    "preview_run",
    "reason_ahead",
    "refuse_too_big",
    "rehearse_announcement",
    "requeue_announcement",
    "requeue_run",
    "resume_announcement",
    "resume_run",
    "run_held_warnings",
    "schedule_announcement",
    "sends_of",
    "start_run",
    "stop_run",
    "target_groups",
]
