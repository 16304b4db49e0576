"""What campaigns does when others tell it something."""

from campaigns import services
from community_ops.common import clock, outbox
from groups.events import GroupEndpointBound


def subscribe() -> None:
    """Called once when the apps are ready."""
    outbox.subscribe(GroupEndpointBound, name="campaigns.plan_skipped_touches", handler=plan_skipped_touches)


def plan_skipped_touches(event: GroupEndpointBound) -> None:
    """Plan what running playbooks could not tell the group while it had no channel."""
    services.plan_skipped_touches(workspace_id=event.workspace_id, group_id=event.group_id, now=clock.now())
