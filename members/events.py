"""What members tells upward."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from community_ops.common.events import Event


@dataclass(frozen=True, kw_only=True)
class MemberJoined(Event):
    """One member came into one group by herself or by a person's hand; bulk joins come as EventsIngested."""

    name: ClassVar[str] = "members.MemberJoined"
    member_id: int
    group_id: int
    joined_at: datetime

    @property
    def aggregate_id(self) -> str:
        return f"member:{self.member_id}"


@dataclass(frozen=True, kw_only=True)
class MemberLeft(Event):
    name: ClassVar[str] = "members.MemberLeft"
    member_id: int
    group_id: int
    left_at: datetime

    @property
    def aggregate_id(self) -> str:
        return f"member:{self.member_id}"


@dataclass(frozen=True, kw_only=True)
class EventsIngested(Event):
    """A batch of inbound events was stored; read its rows by messaging.selectors.inbound_events(batch=…).

    `source`: "platform", "import" or "manual", as facts name it.
    """

    name: ClassVar[str] = "members.EventsIngested"
    batch: str  # uuid
    group_ids: tuple[int, ...]
    source: str
