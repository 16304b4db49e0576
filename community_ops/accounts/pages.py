"""The way into every dashboard page: who asks, in which workspace, and may she."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django_htmx.middleware import HtmxDetails

from community_ops.accounts.models import User, Workspace, WorkspaceRole
from community_ops.accounts.policies import has_no_group, may
from community_ops.accounts.selectors import get_workspace_for, user_actor
from community_ops.common.actors import Actor
from community_ops.common.errors import DomainError, NotAllowed, NotFound

P = ParamSpec("P")


class WorkspaceRequest(HttpRequest):
    """What a page's view receives: `workspace` and `actor` are set by `page`."""

    user: User
    workspace: Workspace
    actor: Actor
    htmx: HtmxDetails


Page = Callable[Concatenate[WorkspaceRequest, P], HttpResponse]


def page(action: str, **by_method: str) -> Callable[[Page[P]], Callable[..., HttpResponse]]:
    """Decorate a view of `/w/<slug>/…`: signed in, member of the workspace, role allows `action`.

    `by_method` names another row of the role table for a method, e.g. `page("groups.view", post="groups.manage")`.
    A stranger gets 404, a role that may not 403.
    """

    def decorate(view: Page[P]) -> Callable[..., HttpResponse]:
        @login_required
        @wraps(view)
        def run(request: WorkspaceRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            try:
                request.workspace, request.actor = get_workspace_for(request.user, slug)
                wanted = by_method.get((request.method or "").lower(), action)
                if not may(request.actor, wanted):
                    raise PermissionDenied
                return view(request, *args, **kwargs)
            except NotFound:
                raise Http404 from None
            except NotAllowed:
                raise PermissionDenied from None

        run.action = action  # type: ignore[attr-defined]  # read by the test that walks every page
        return run

    return decorate


def unassigned(actor: Actor) -> dict[str, str] | None:
    """The empty state for somebody to whom no group is assigned yet, else None: her empty lists say nothing."""
    if not has_no_group(actor):
        return None
    return {
        "icon": "chat-bubble-left-right",
        "title": _("No group is assigned to you yet."),
        "text": _("Ask an owner or operator."),
    }


def tell(request: HttpRequest, error: DomainError) -> None:
    """Show a refusal of the domain to the person, as a message on the next page."""
    messages.error(request, str(error.message), extra_tags=error.code)


def tell_undoable(request: HttpRequest, text: str | Promise, undo_url: str) -> None:
    """Say what was done, with a button on the next page that takes it back: a POST to `undo_url`, a path of ours."""
    messages.success(request, str(text), extra_tags=undo_url)


def admin_actor(request: HttpRequest, *, workspace_id: int) -> Actor:
    """The signed-in person as an actor of one of her workspaces, for admin actions; NotFound for a stranger."""
    if not isinstance(request.user, User):
        raise NotFound
    role = WorkspaceRole.objects.filter(user=request.user, workspace_id=workspace_id).first()
    if role is None:
        raise NotFound(_("There is no such workspace."))
    return user_actor(request.user, workspace_id=workspace_id, role=role.role)
