"""Who asks: the one value every service, selector and audit row knows a caller by."""

from dataclasses import dataclass, field
from enum import StrEnum


class ActorKind(StrEnum):
    USER = "user"  # a person signed in to the dashboard or the admin
    TOKEN = "token"  # noqa: S105 - another tool, over REST
    MEMBER = "member"  # a member on a phone page
    ASSIGNEE = "assignee"  # somebody who does work by hand, on her phone page
    SYSTEM = "system"  # a worker, a command, a subscriber


@dataclass(frozen=True, slots=True)
class Actor:
    """`role` is the workspace role (empty for members and the system); `label` is for people to read.

    `group_ids` limits a helper to the groups she is assigned to (`accounts.policies.assigned_groups`).
    """

    kind: ActorKind
    id: int | None
    label: str
    workspace_id: int | None = None
    role: str = ""
    group_ids: frozenset[int] | None = field(default=None, compare=False)

    @classmethod
    def system(cls, label: str) -> "Actor":
        """The system acting by itself; `label` names the task or command, e.g. `messaging.deliver_due`."""
        return cls(kind=ActorKind.SYSTEM, id=None, label=label)

    @classmethod
    def assignee(cls, assignee_id: int, *, name: str, workspace_id: int) -> "Actor":
        """The person behind a personal link of the workbench: no role, only her own cards."""
        return cls(kind=ActorKind.ASSIGNEE, id=assignee_id, label=name, workspace_id=workspace_id)

    @property
    def is_system(self) -> bool:
        return self.kind is ActorKind.SYSTEM
