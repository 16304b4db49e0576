"""What other tools may hear of from campaigns: docs/api.md, "Events"."""

from django.utils.translation import gettext_lazy as _

from campaigns.events import (
    AnnouncementCancelled,
    AnnouncementMoved,
    AnnouncementScheduled,
    ConditionMet,
    RunMoved,
    RunStarted,
    RunStopped,
)
from messaging.services.webhook_events import offer


def offer_events() -> None:
    """Called once when the apps are ready."""
    offer(
        AnnouncementScheduled,
        "announcement.scheduled",
        {"announcement": "announcement_id", "due_at": "due_at", "groups": "group_ids"},
        label=_("An announcement was scheduled"),
    )
    offer(
        AnnouncementMoved,
        "announcement.moved",
        {"announcement": "announcement_id", "due_at": "due_at"},
        label=_("An announcement was moved to another time"),
    )
    offer(
        AnnouncementCancelled,
        "announcement.cancelled",
        {"announcement": "announcement_id"},
        label=_("An announcement was cancelled"),
    )
    offer(
        RunStarted,
        "playbook_run.started",
        {"run": "run_id", "starts_at": "starts_at", "ends_at": "ends_at"},
        label=_("A playbook run started"),
    )
    offer(
        RunMoved,
        "playbook_run.moved",
        {"run": "run_id", "starts_at": "starts_at", "ends_at": "ends_at"},
        label=_("A playbook run was moved"),
    )
    offer(RunStopped, "playbook_run.stopped", {"run": "run_id"}, label=_("A playbook run was stopped"))
    offer(
        ConditionMet, "playbook_run.condition_met", {"run": "run_id"}, label=_("A step of a playbook run was reached")
    )
