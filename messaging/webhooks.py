"""What other tools may hear of from messaging: docs/api.md, "Events"."""

from django.utils.translation import gettext_lazy as _

from messaging.events import (
    DeliveriesEnded,
    DeliveriesReopened,
    EndpointArchived,
    TaskItemsEnded,
    TaskItemsReopened,
)
from messaging.services.webhook_events import offer


def offer_events() -> None:
    """Called once when the apps are ready."""
    offer(
        EndpointArchived, "endpoint.archived", {"endpoint": "endpoint_id"}, label=_("A delivery channel was archived")
    )
    offer(
        DeliveriesEnded,
        "deliveries.ended",
        {"deliveries": "delivery_ids", "state": "state", "ended_at": "ended_at"},
        label=_("Messages came to an end, or are to be checked"),
    )
    offer(
        DeliveriesReopened,
        "deliveries.reopened",
        {"deliveries": "delivery_ids", "reopened_at": "reopened_at"},
        label=_("Messages that had ended go on"),
    )
    offer(
        TaskItemsEnded,
        "task_items.ended",
        {"task": "task_id", "items": "item_ids", "state": "state", "ended_at": "ended_at"},
        label=_("Places of a card were done, left out or withdrawn"),
    )
    offer(
        TaskItemsReopened,
        "task_items.reopened",
        {"task": "task_id", "items": "item_ids", "reopened_at": "reopened_at"},
        label=_("Places of a card are open again"),
    )
