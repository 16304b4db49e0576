"""What messaging tells upward."""

from dataclasses import dataclass
from typing import Any, ClassVar

from community_ops.common.events import Event


@dataclass(frozen=True, kw_only=True)
class EndpointArchived(Event):
    """Nothing is sent through this endpoint any more."""

    name: ClassVar[str] = "messaging.EndpointArchived"
    endpoint_id: int

    @property
    def aggregate_id(self) -> str:
        return f"endpoint:{self.endpoint_id}"


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
