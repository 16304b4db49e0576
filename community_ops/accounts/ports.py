"""What accounts asks upward when somebody signs in: which groups is she assigned to?

The app that knows registers in `AppConfig.ready()` (ADR-0006). Until one has, a helper reaches no group.
"""

from typing import Protocol

from community_ops.common.errors import NotAvailable
from community_ops.common.ports import Registry


class StaffAssignments(Protocol):
    """Knows who looks after which group."""

    def group_ids(self, *, workspace_id: int, user_id: int) -> frozenset[int]:
        """Ids of the groups the person is assigned to, archived ones too. One query."""


KEY = "groups"
staff_assignments: Registry[StaffAssignments] = Registry("accounts.StaffAssignments")


def assigned_group_ids(*, workspace_id: int, user_id: int) -> frozenset[int]:
    """What the port says; no group when nobody registered for it."""
    try:
        return staff_assignments.get(KEY).group_ids(workspace_id=workspace_id, user_id=user_id)
    except NotAvailable:
        return frozenset()
