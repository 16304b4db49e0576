"""What happens in chats and comes in here: hooks, polling, pasted texts; stored raw, then read (ADR-0011)."""

from messaging.services.receiving.hooks import greet, note_too_large, receive
from messaging.services.receiving.pasting import move_in_room, paste, paste_all, say_in_room
from messaging.services.receiving.polling import poll_chats
from messaging.services.receiving.reading import read_again, read_pending, tidy_inbound
from messaging.services.receiving.routes import (
    close_route,
    former_key_until,
    inbound_of,
    open_route,
    rotate_key,
    url_of,
)

__all__ = [
    "close_route",
    "former_key_until",
    "greet",
    "inbound_of",
    "move_in_room",
    "note_too_large",
    "open_route",
    "paste",
    "paste_all",
    "poll_chats",
    "read_again",
    "read_pending",
    "receive",
    "rotate_key",
    "say_in_room",
    "tidy_inbound",
    "url_of",
]
