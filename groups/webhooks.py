"""What other tools may hear of from groups: docs/api.md, "Events"."""

from django.utils.translation import gettext_lazy as _

from groups.events import GroupEndpointBound
from messaging.services.webhook_events import offer


def offer_events() -> None:
    """Called once when the apps are ready."""
    offer(
        GroupEndpointBound,
        "group.bound",
        {"group": "group_id"},
        label=_("A group got another delivery channel, or none"),
    )
