"""What messaging tells upward."""

from dataclasses import dataclass
from typing import ClassVar

from community_ops.common.events import Event


@dataclass(frozen=True, kw_only=True)
class EndpointArchived(Event):
    """Nothing is sent through this endpoint any more."""

    name: ClassVar[str] = "messaging.EndpointArchived"
    endpoint_id: int

    @property
    def aggregate_id(self) -> str:
        return f"endpoint:{self.endpoint_id}"
