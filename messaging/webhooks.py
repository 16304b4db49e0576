"""What other tools may hear of from messaging: docs/api.md, "Events"."""

from django.utils.translation import gettext_lazy as _

from messaging.events import EndpointArchived
from messaging.services.webhook_events import offer


def offer_events() -> None:
    """Called once when the apps are ready."""
    offer(
        EndpointArchived, "endpoint.archived", {"endpoint": "endpoint_id"}, label=_("A delivery channel was archived")
    )
