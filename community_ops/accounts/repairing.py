"""Base of the admin tables with actions: each goes through the role table and one service, as every other face."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from django.http import HttpRequest
from django.utils.translation import gettext as _

from community_ops.accounts.pages import admin_actor
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.admin import ReadOnlyAdmin, workspace_ids
from community_ops.common.errors import DomainError

Change = Callable[..., Any]


class RepairAdmin(ReadOnlyAdmin):
    """`rights`: the row of the role table that each action needs; one without a row is offered to nobody."""

    rights: ClassVar[dict[str, str]] = {}

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Only what the person may do in one of her workspaces."""
        offered: dict[str, Any] = super().get_actions(request)
        return {name: its for name, its in offered.items() if self._may_somewhere(request, name)}

    def _may_somewhere(self, request: HttpRequest, name: str) -> bool:
        return name in self.rights and bool(workspace_ids(request, self.rights[name]))

    def repair(self, request: HttpRequest, rows: Iterable[Any], name: str, change: Change) -> None:
        """Call `change(row, actor, now)` for each row where her role allows action `name`; say what came of it."""
        done, refused = 0, 0
        for row in rows:
            actor = admin_actor(request, workspace_id=row.workspace_id)
            try:
                if may(actor, self.rights[name]):
                    change(row, actor, clock.now())
                    done += 1
                else:
                    refused += 1
            except DomainError as refusal:
                refused += 1
                self.message_user(request, f"{row}: {refusal.message}", level="warning")
        self.message_user(request, _("%(done)d done, %(refused)d refused.") % {"done": done, "refused": refused})
