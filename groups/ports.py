"""What higher apps add to the pages of groups: figures in the list, panels on a group's page.

Registered in `AppConfig.ready()`; a page without any still works (ADR-0005).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from community_ops.common.actors import Actor
from community_ops.common.ports import Registry

if TYPE_CHECKING:
    from groups.models import ChatGroup


@dataclass(frozen=True, slots=True)
class Panel:
    """A piece of a page: a template and its context. Panels stand in the order of `order`."""

    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    order: int = 100
    is_aside: bool = False  # in the narrow column


class GroupPanel(Protocol):
    """Adds a piece to a group's page."""

    def panel(self, *, actor: Actor, group: "ChatGroup", slug: str, now: datetime) -> Panel | None:
        """The piece, or None when there is nothing to show. A constant number of queries."""


class GroupFigures(Protocol):
    """Adds figures to the rows of the group list."""

    def figures(self, *, actor: Actor, group_ids: Collection[int], now: datetime) -> Mapping[int, Mapping[str, Any]]:
        """Values by group id and name, for all groups of the page in a constant number of queries."""


group_panels: Registry[GroupPanel] = Registry("groups.GroupPanel")
group_figures: Registry[GroupFigures] = Registry("groups.GroupFigures")
