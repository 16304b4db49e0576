"""Reads of communities and groups: every one knows who asks."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils.translation import gettext_noop as _

from community_ops.accounts.policies import assigned_groups, is_limited
from community_ops.common.actors import Actor
from community_ops.common.tenancy import MAX_ID, get_row
from groups.models import ChatGroup, Community, GroupStaff


def communities_visible_to(actor: Actor, *, with_archived: bool = False) -> QuerySet[Community]:
    """Communities of the actor's workspace, oldest first; archived ones only when asked for.

    A helper sees the communities of the groups she is assigned to. A member sees none here.
    """
    rows = Community.objects.within(actor)
    if is_limited(actor):
        rows = rows.filter(pk__in=groups_visible_to(actor, with_archived=True).values("community_id"))
    return (rows if with_archived else rows.filter(archived_at__isnull=True)).order_by("id")


def groups_visible_to(actor: Actor, *, with_archived: bool = False) -> QuerySet[ChatGroup]:
    """Groups of the actor's workspace with their community, oldest first; archived ones only when asked for.

    A helper sees only the groups she is assigned to (`accounts.policies.assigned_groups`).
    """
    rows = ChatGroup.objects.within(actor).select_related("community")
    if is_limited(actor):
        rows = rows.filter(pk__in=assigned_groups(actor))
    return (rows if with_archived else rows.filter(archived_at__isnull=True)).order_by("id")


def get_community(actor: Actor, community_id: int) -> Community:
    """The community, archived or not; raises NotFound for a missing one as for somebody else's."""
    return get_row(communities_visible_to(actor, with_archived=True), community_id, _("There is no such community."))


def get_group(actor: Actor, group_id: int) -> ChatGroup:
    """The group with its community, archived or not; raises NotFound for a missing one as for somebody else's."""
    return get_row(groups_visible_to(actor, with_archived=True), group_id, _("There is no such group."))


def group_zone(group: ChatGroup) -> ZoneInfo:
    """The zone in which the group's days and wall-clock times are meant."""
    return group.zone


def zones_visible_to(actor: Actor) -> dict[int, ZoneInfo]:
    """By group id, archived ones too: the zone in which the group's days are meant. One query."""
    rows = groups_visible_to(actor, with_archived=True).select_related(None)
    found = rows.values_list("pk", "timezone", "community__timezone")
    return {pk: ZoneInfo(own or shared) for pk, own, shared in found}


def groups_of_chat(*, workspace_id: int, endpoint_id: int | None, group_id: int | None) -> list[ChatGroup]:
    """For subscribers: the live groups behind a channel, or this one; with their communities, without asking who."""
    rows = ChatGroup.objects.of(workspace_id).filter(archived_at__isnull=True).select_related("community")
    wanted = rows.filter(endpoint_id=endpoint_id) if endpoint_id is not None else rows.filter(pk=group_id or 0)
    return list(wanted.order_by("id"))


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


def find_community(*, workspace_id: int, community_id: int) -> Community | None:
    """For commands and workers: the community of this workspace, without asking who."""
    rows = Community.objects.of(workspace_id)
    return rows.filter(pk=community_id).first() if 0 < community_id <= MAX_ID else None


def community_zone(community: Community) -> ZoneInfo:
    """The zone in which the community's days are meant."""
    return ZoneInfo(community.timezone)
