"""What members adds to the pages of groups: how many people, and who came last."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from community_ops.accounts.policies import may
from community_ops.common.actors import Actor
from groups.ports import Panel, group_figures, group_panels
from members import selectors

if TYPE_CHECKING:
    from groups.models import ChatGroup

NEWEST = 8
NEW_WITHIN = timedelta(days=7)


class MemberFigures:
    """`member_count` of each group in the list."""

    def figures(self, *, actor: Actor, group_ids: Collection[int], now: datetime) -> Mapping[int, Mapping[str, Any]]:
        counts = selectors.group_member_counts(workspace_id=actor.workspace_id or 0, group_ids=group_ids)
        return {group_id: {"member_count": count} for group_id, count in counts.items()}


class MembersPanel:
    """How many are in the group, hold a personal link, came in seven days, and the newest; for who may see members."""

    def panel(self, *, actor: Actor, group: "ChatGroup", slug: str, now: datetime) -> Panel | None:
        if not may(actor, "members.view"):
            return None
        count = selectors.group_member_count(group.pk)
        context = {
            "count": count,
            "is_above_comfortable": count > group.comfortable_size,
            "comfortable_size": group.comfortable_size,
            "pass_holder_count": selectors.pass_holder_count(group.pk),
            "joined_count": selectors.joined_since(group_id=group.pk, since=now - NEW_WITHIN),
            "newest": selectors.newest_memberships(group_id=group.pk, count=NEWEST),
            "group_id": group.pk,
            "zone": group.zone.key,
        }
        return Panel("members/_group_members.html", context, order=10, is_aside=True)


def register() -> None:
    """Called once when the apps are ready."""
    group_figures.register("members", MemberFigures())
    group_panels.register("members.newest", MembersPanel())
