"""What people call the periodic jobs."""

from django.utils.translation import gettext_lazy as _

JOB_WORDS = {
    "worker": _("Worker heartbeat"),
    "drain_outbox": _("Telling the other stages"),
    "tidy": _("Tidying up"),
    "deliver_due": _("Sending what is due"),
    "reap_stuck": _("Finding interrupted sends"),
    "call_webhooks": _("Telling other tools (webhooks)"),
    "tidy_webhooks": _("Forgetting old webhook calls"),
    "read_inbound": _("Reading what comes in from chats"),
    "poll_chats": _("Asking platforms what was written"),
    "tidy_inbound": _("Forgetting old inbound events"),
    "tidy_limits": _("Keeping the send limits tidy"),
    "tell_assignees": _("Telling people what is on their to-send list"),
    "review_waiting": _("Asking again about what waits to be sent by hand"),
    "plan_due": _("Planning announcements"),
    "expire_orders": _("Closing unpaid orders"),
    "sale_moments": _("Watching flash sales"),
    "run_imports": _("Imports"),
    "forget_files": _("Forgetting old uploaded files"),
}
