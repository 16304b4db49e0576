"""What groups does when others tell it something."""

from community_ops.accounts.events import PersonRemoved
from community_ops.common import clock, outbox
from community_ops.common.actors import Actor
from groups import services
from messaging.events import EndpointArchived

_ACTOR = Actor.system("groups.unassign_person")
_UNBINDER = Actor.system("groups.unbind_archived")


def subscribe() -> None:
    """Called once when the apps are ready."""
    outbox.subscribe(PersonRemoved, name="groups.unassign_person", handler=unassign_person)
    outbox.subscribe(EndpointArchived, name="groups.unbind_archived", handler=unbind_archived)


def unassign_person(event: PersonRemoved) -> None:
    """Whoever left the workspace looks after no group of it, also if she comes back one day."""
    services.unassign_everywhere(workspace_id=event.workspace_id, user_id=event.user_id, actor=_ACTOR, now=clock.now())


def unbind_archived(event: EndpointArchived) -> None:
    """Groups whose channel is gone have none: lists, Today and warnings say so."""
    services.unbind_everywhere(
        workspace_id=event.workspace_id, endpoint_id=event.endpoint_id, actor=_UNBINDER, now=clock.now()
    )
