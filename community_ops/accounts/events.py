"""What accounts tells upward."""

from dataclasses import dataclass
from typing import ClassVar

from community_ops.common.events import Event


@dataclass(frozen=True, kw_only=True)
class PersonRemoved(Event):
    """A person has no role in the workspace any more."""

    name: ClassVar[str] = "accounts.PersonRemoved"
    user_id: int

    @property
    def aggregate_id(self) -> str:
        return f"user:{self.user_id}"
