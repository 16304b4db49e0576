"""Answers messaging.TaskPlaces: the groups that work by hand can be about."""

from collections.abc import Collection, Iterable, Mapping

from django.db.models import Q
from django.utils.translation import gettext as _

from community_ops.common.actors import Actor
from community_ops.common.errors import NotFound
from community_ops.common.ordering import by_name
from groups.models import ChatGroup
from groups.selectors import groups_by_id, groups_visible_to
from messaging.ports import task_places

TARGET_KIND = "group"


class GroupPlaces:
    def names(self, actor: Actor) -> Mapping[int, str]:
        return _by_name(groups_visible_to(actor).values_list("pk", "name"))

    def reached_by(self, *, workspace_id: int, endpoint_id: int | None, ids: Collection[int]) -> Mapping[int, str]:
        rows = ChatGroup.objects.of(workspace_id).filter(archived_at__isnull=True)
        bound = Q(endpoint_id=endpoint_id) if endpoint_id is not None else Q(pk__in=[])
        rows = rows.filter(bound | Q(pk__in=ids))
        return _by_name(rows.values_list("pk", "name"))

    def bound_to(self, actor: Actor, endpoint_ids: Collection[int]) -> Mapping[int, list[str]]:
        rows = groups_visible_to(actor).filter(endpoint_id__in=endpoint_ids, archived_at__isnull=True)
        found: dict[int, list[str]] = {}
        for endpoint_id, name in rows.order_by("name", "pk").values_list("endpoint_id", "name"):
            found.setdefault(endpoint_id, []).append(name)
        return found

    def zone(self, *, workspace_id: int, target_id: int) -> str:
        found = groups_by_id(workspace_id=workspace_id, group_ids=[target_id])
        if target_id not in found:
            raise NotFound(_("There is no such group."))
        return str(found[target_id].zone)

    def zones(self, *, workspace_id: int, ids: Collection[int]) -> Mapping[int, str]:
        return {pk: str(group.zone) for pk, group in groups_by_id(workspace_id=workspace_id, group_ids=ids).items()}


_PLACES = GroupPlaces()


def register() -> None:
    task_places.register(TARGET_KIND, _PLACES)


def _by_name(found: Iterable[tuple[int, str]]) -> dict[int, str]:
    """In the order in which people look for groups."""
    return dict(sorted(found, key=lambda one: (by_name(one[1]), one[0])))
