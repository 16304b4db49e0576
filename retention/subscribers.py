"""What retention does when others tell it something."""

import uuid

from community_ops.common import clock, outbox
from members.events import EventsIngested
from retention import services


def subscribe() -> None:
    """Called once when the apps are ready."""
    outbox.subscribe(EventsIngested, name="retention.recount_activity", handler=recount_activity)


def recount_activity(event: EventsIngested) -> None:
    """Recount the days the batch touched; twice and in any order gives the same."""
    services.recount_batch(
        workspace_id=event.workspace_id,
        batch=uuid.UUID(event.batch),
        group_ids=event.group_ids,
        source=event.source,
        now=clock.now(),
    )
