"""Answers accounts.StaffAssignments: which groups a person looks after."""

from community_ops.accounts import ports
from groups.models import GroupStaff


class GroupStaffAssignments:
    def group_ids(self, *, workspace_id: int, user_id: int) -> frozenset[int]:
        rows = GroupStaff.objects.of(workspace_id).filter(user_id=user_id)
        return frozenset(rows.values_list("group_id", flat=True))


_ASSIGNMENTS = GroupStaffAssignments()


def register() -> None:
    ports.staff_assignments.register(ports.KEY, _ASSIGNMENTS)
