"""What groups does when others tell it something."""

from community_ops.accounts.events import PersonRemoved
from community_ops.common import clock, outbox
from community_ops.common.actors import Actor
from groups import services

_ACTOR = Actor.system("groups.unassign_person")


def subscribe() -> None:
    """Called once when the apps are ready."""
    outbox.subscribe(PersonRemoved, name="groups.unassign_person", handler=unassign_person)


def unassign_person(event: PersonRemoved) -> None:
    """Whoever left the workspace looks after no group of it, also if she comes back one day."""
    services.unassign_everywhere(workspace_id=event.workspace_id, user_id=event.user_id, actor=_ACTOR, now=clock.now())
