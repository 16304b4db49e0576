"""What the frame around every dashboard page needs."""

from typing import Any

from django.http import HttpRequest

from community_ops.accounts import selectors
from community_ops.accounts.models import Role
from community_ops.accounts.pages import WorkspaceRequest
from dashboard.navigation import sections


def frame(request: HttpRequest) -> dict[str, Any]:
    """`frame` with workspace, workspaces and navigation on pages of a workspace; nothing elsewhere."""
    workspace = getattr(request, "workspace", None)
    if workspace is None:
        return {}
    return {"frame": Frame(request)}  # type: ignore[arg-type]  # `page` has made it a WorkspaceRequest


class Frame:
    """Read lazily, so that an htmx piece of a page asks for none of it."""

    def __init__(self, request: WorkspaceRequest) -> None:
        self._request = request
        self.workspace = request.workspace

    def workspaces(self) -> Any:
        return selectors.workspaces_of(self._request.user)

    def role_label(self) -> Any:
        return Role(self._request.actor.role).label

    def navigation(self) -> list[dict[str, Any]]:
        return sections(self._request.actor, self.workspace.slug, current_path=self._request.path)
