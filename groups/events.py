"""What groups tells upward."""

from dataclasses import dataclass
from typing import ClassVar

from community_ops.common.events import Event


@dataclass(frozen=True, kw_only=True)
class GroupEndpointBound(Event):
    """The group's messages go another way from now on, or nowhere; read the group for which."""

    name: ClassVar[str] = "groups.GroupEndpointBound"
    group_id: int

    @property
    def aggregate_id(self) -> str:
        return f"group:{self.group_id}"
