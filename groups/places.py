"""Answers messaging.TaskPlaces: the groups that work by hand can be about."""

from collections.abc import Mapping

from community_ops.common.actors import Actor
from groups.selectors import groups_visible_to
from messaging.ports import task_places

TARGET_KIND = "group"


class GroupPlaces:
    def names(self, actor: Actor) -> Mapping[int, str]:
        return dict(groups_visible_to(actor).values_list("pk", "name"))


_PLACES = GroupPlaces()


def register() -> None:
    task_places.register(TARGET_KIND, _PLACES)
