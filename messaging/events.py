"""What messaging tells upward."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from community_ops.common.events import Event
from messaging.models import DeliveryState, TaskState


@dataclass(frozen=True, kw_only=True)
class EndpointArchived(Event):
    """Nothing is sent through this endpoint any more."""

    name: ClassVar[str] = "messaging.EndpointArchived"
    endpoint_id: int

    @property
    def aggregate_id(self) -> str:
        return f"endpoint:{self.endpoint_id}"


@dataclass(frozen=True, kw_only=True)
class DeliveriesEnded(Event):
    """These deliveries came to this end in one go (`services.ends`): only written where a webhook wants it.

    `unknown` is told as an end too: nothing happens to it before a person decides.
    """

    name: ClassVar[str] = "messaging.DeliveriesEnded"
    delivery_ids: tuple[int, ...]
    state: DeliveryState
    ended_at: datetime

    @property
    def aggregate_id(self) -> str:
        return f"delivery:{self.delivery_ids[0]}"


@dataclass(frozen=True, kw_only=True)
class DeliveriesReopened(Event):
    """What was told by DeliveriesEnded is so no more: they are planned again, or wait for a person again."""

    name: ClassVar[str] = "messaging.DeliveriesReopened"
    delivery_ids: tuple[int, ...]
    reopened_at: datetime

    @property
    def aggregate_id(self) -> str:
        return f"delivery:{self.delivery_ids[0]}"


@dataclass(frozen=True, kw_only=True)
class TaskItemsEnded(Event):
    """These places of a card came to this end in one go: done, left out or withdrawn. As DeliveriesEnded."""

    name: ClassVar[str] = "messaging.TaskItemsEnded"
    task_id: int
    item_ids: tuple[int, ...]
    state: TaskState
    ended_at: datetime

    @property
    def aggregate_id(self) -> str:
        return f"task_item:{self.item_ids[0]}"


@dataclass(frozen=True, kw_only=True)
class TaskItemsReopened(Event):
    """These places of a card are open again: taken back by the person, or tried again."""

    name: ClassVar[str] = "messaging.TaskItemsReopened"
    task_id: int
    item_ids: tuple[int, ...]
    reopened_at: datetime

    @property
    def aggregate_id(self) -> str:
        return f"task_item:{self.item_ids[0]}"


@dataclass(frozen=True, kw_only=True)
class TaskItemDone(Event):
    """A person says she has done this. `answers`: what the kind asks (`task_policies.ANSWERS`), money in minor units.

    For ten minutes she may take it back: TaskItemTakenBack.
    """

    name: ClassVar[str] = "messaging.TaskItemDone"
    task_id: int
    item_id: int
    kind: str
    source_key: str  # of the card
    subject_kind: str
    subject_id: int | None
    target_kind: str
    target_id: int | None
    done_by_id: int | None  # the assignee whose word it is
    answers: dict[str, Any]

    @property
    def aggregate_id(self) -> str:
        return f"task_item:{self.item_id}"


@dataclass(frozen=True, kw_only=True)
class TaskItemTakenBack(Event):
    """It was ticked by mistake: what was told by TaskItemDone is not so."""

    name: ClassVar[str] = "messaging.TaskItemTakenBack"
    task_id: int
    item_id: int

    @property
    def aggregate_id(self) -> str:
        return f"task_item:{self.item_id}"


@dataclass(frozen=True, kw_only=True)
class _Heard(Event):
    """Base of what was heard of a chat. Told once for each event that came in, in any order.

    Where: the channel of the chat, or (pasted by a person) the target. `external_id` is the same if one thing is
    told twice by two ways of a platform; `author_id`: who it is about, as the platform or tool calls her.
    """

    raw_event_id: int
    source: str  # messaging.models.EventSource
    endpoint_id: int | None
    target_kind: str
    target_id: int | None
    external_id: str
    occurred_at: datetime
    author_id: str
    author_name: str

    @property
    def aggregate_id(self) -> str:
        return f"raw_event:{self.raw_event_id}"


@dataclass(frozen=True, kw_only=True)
class ChatMessageReceived(_Heard):
    """Somebody wrote in a chat. `pasted`: what a person said it is (`inbound_policies.PASTED`), else empty."""

    name: ClassVar[str] = "messaging.ChatMessageReceived"
    text: str
    pasted: str = ""


@dataclass(frozen=True, kw_only=True)
class PersonJoinedChat(_Heard):
    """Somebody came into a chat."""

    name: ClassVar[str] = "messaging.PersonJoinedChat"


@dataclass(frozen=True, kw_only=True)
class PersonLeftChat(_Heard):
    """Somebody left a chat, or was removed from it."""

    name: ClassVar[str] = "messaging.PersonLeftChat"
