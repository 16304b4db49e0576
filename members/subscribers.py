"""What members does when something was heard of a chat: the groups of that chat take it in."""

from community_ops.common import clock, outbox
from community_ops.common.actors import Actor
from groups import selectors as groups
from members.services.event_rows import CheckedEvent
from members.services.ingestion import store_events
from messaging.events import ChatMessageReceived, PersonJoinedChat, PersonLeftChat

Heard = ChatMessageReceived | PersonJoinedChat | PersonLeftChat
_ACTOR = Actor.system("members.hear")
_KINDS = {ChatMessageReceived.name: "message", PersonJoinedChat.name: "join", PersonLeftChat.name: "leave"}


def subscribe() -> None:
    """Called once when the apps are ready."""
    outbox.subscribe(ChatMessageReceived, name="members.hear_message", handler=hear)
    outbox.subscribe(PersonJoinedChat, name="members.hear_join", handler=hear)
    outbox.subscribe(PersonLeftChat, name="members.hear_leave", handler=hear)


def hear(event: Heard) -> None:
    """Store it for each live group of the chat; a chat that is no group's changes nothing. Twice is once."""
    found = groups.groups_of_chat(
        workspace_id=event.workspace_id,
        endpoint_id=event.endpoint_id,
        group_id=event.target_id if event.target_kind == "group" else None,
    )
    rows = [
        CheckedEvent(
            event_id=event.external_id,
            kind=_KINDS[event.name],
            occurred_at=event.occurred_at,
            group=group,
            author=event.author_id,
            author_name=event.author_name,
            text=event.text if isinstance(event, ChatMessageReceived) else "",
        )
        for group in found
    ]
    store_events(workspace_id=event.workspace_id, events=rows, source=event.source, actor=_ACTOR, now=clock.now())
