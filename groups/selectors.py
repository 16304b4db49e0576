"""Reads of communities and groups: every one knows who asks."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from community_ops.accounts.policies import HELPER
from community_ops.common.actors import Actor, ActorKind
from community_ops.common.errors import NotFound
from groups.models import ChatGroup, Community, GroupStaff

MAX_ID = 2**63 - 1


def communities_visible_to(actor: Actor, *, with_archived: bool = False) -> QuerySet[Community]:
    """Communities of the actor's workspace, oldest first; archived ones only when asked for.

    A helper sees the communities of the groups she is assigned to. A member sees none here.
    """
    rows = _of_workspace(Community.objects.all(), actor)
    if _is_limited(actor):
        rows = rows.filter(pk__in=groups_visible_to(actor, with_archived=True).values("community_id"))
    return (rows if with_archived else rows.filter(archived_at__isnull=True)).order_by("id")


def groups_visible_to(actor: Actor, *, with_archived: bool = False) -> QuerySet[ChatGroup]:
    """Groups of the actor's workspace with their community, oldest first; archived ones only when asked for.

    A helper sees only the groups she is assigned to (GroupStaff, or the actor's own `group_ids`).
    """
    rows = _of_workspace(ChatGroup.objects.select_related("community"), actor)
    if _is_limited(actor):
        rows = rows.filter(pk__in=_assigned_ids(actor))
    return (rows if with_archived else rows.filter(archived_at__isnull=True)).order_by("id")


def get_community(actor: Actor, community_id: int) -> Community:
    """The community, archived or not; raises NotFound for a missing one as for somebody else's."""
    rows = communities_visible_to(actor, with_archived=True)
    if (found := rows.filter(pk=_possible(community_id)).first()) is None:
        raise NotFound("There is no such community.")
    return found


def get_group(actor: Actor, group_id: int) -> ChatGroup:
    """The group with its community, archived or not; raises NotFound for a missing one as for somebody else's."""
    rows = groups_visible_to(actor, with_archived=True)
    if (found := rows.filter(pk=_possible(group_id)).first()) is None:
        raise NotFound("There is no such group.")
    return found


def group_zone(group: ChatGroup) -> ZoneInfo:
    """The zone in which the group's days and wall-clock times are meant."""
    return group.zone


def groups_by_id(*, workspace_id: int, group_ids: Iterable[int]) -> dict[int, ChatGroup]:
    """For workers and subscribers: the groups with their communities, without asking who."""
    rows = ChatGroup.objects.of(workspace_id).filter(pk__in=list(group_ids)).select_related("community")
    return {group.pk: group for group in rows}


def groups_sharing_endpoint(*, workspace_id: int, endpoint_id: int, except_group_id: int = 0) -> QuerySet[ChatGroup]:
    """Live groups that post to the same endpoint."""
    rows = ChatGroup.objects.of(workspace_id).filter(endpoint_id=endpoint_id, archived_at__isnull=True)
    return rows.exclude(pk=except_group_id).order_by("id")


def staff_of(group: ChatGroup) -> QuerySet[GroupStaff]:
    """Who looks after the group, with their users."""
    return GroupStaff.objects.of(group.workspace_id).filter(group=group).select_related("user").order_by("id")


def _of_workspace(rows: QuerySet[Any], actor: Actor) -> QuerySet[Any]:
    if actor.kind is ActorKind.MEMBER:
        return rows.none()
    if actor.is_system and actor.workspace_id is None:
        return rows
    return rows.filter(workspace_id=actor.workspace_id)


def _is_limited(actor: Actor) -> bool:
    return actor.role == HELPER or actor.group_ids is not None


def _assigned_ids(actor: Actor) -> Any:
    if actor.group_ids is not None:
        return list(actor.group_ids)
    if actor.kind is not ActorKind.USER:
        return []
    return GroupStaff.objects.of(actor.workspace_id or 0).filter(user_id=actor.id or 0).values("group_id")


def _possible(pk: int) -> int:
    """The id, or 0 (nobody's) where the database could not even hold it."""
    return pk if 0 < pk <= MAX_ID else 0


def find_community(*, workspace_id: int, community_id: int) -> Community | None:
    """For commands and workers: the community of this workspace, without asking who."""
    return Community.objects.of(workspace_id).filter(pk=community_id).first() if 0 < community_id <= MAX_ID else None


def community_zone(community: Community) -> ZoneInfo:
    """The zone in which the community's days are meant."""
    return ZoneInfo(community.timezone)
