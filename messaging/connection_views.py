"""Pages: the chats of a platform account that is in many of them, and making channels of them."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.common import clock
from community_ops.common.errors import DomainError, NotFound
from community_ops.common.once import once_per_form
from community_ops.common.paging import newest_first
from messaging import selectors, services
from messaging.forms import EndpointForm
from messaging.models import Connection, Endpoint, FoundChat
from messaging.platforms import registry

ZONE = settings.DEFAULT_COMMUNITY_TIMEZONE


@page("endpoints.manage")
@require_http_methods(["GET", "POST"])
def connection_chats(request: WorkspaceRequest, connection_id: int) -> HttpResponse:
    """The chats an account was seen in, each with its channel; the form is for an id that somebody knows."""
    connection = _account(request, connection_id)
    form = EndpointForm(connection.platform, request.POST or None, of_chat=True)
    if request.method == "POST" and form.is_valid() and (made := _add(request, connection, form)):
        messages.success(request, _("“%(name)s” is ready.") % {"name": made.name})
        return redirect("messaging:connection_chats", slug=request.workspace.slug, connection_id=connection.pk)
    chats, pager = newest_first(
        selectors.found_chats_visible_to(request.actor).filter(connection=connection), request.GET
    )
    context = {
        "connection": connection,
        "chats": _rows(connection, chats),
        "pager": pager,
        "form": form,
        "can_look": registry.get(connection.platform).capabilities.can_list_chats,
        "empty": _empty(connection),
        "zone": ZONE,
        "breadcrumbs": _crumbs(request),
    }
    return render(request, "messaging/connection_chats.html", context, status=422 if form.errors else 200)


def _account(request: WorkspaceRequest, connection_id: int) -> Connection:
    """Raises NotFound also for an account that is one chat by itself."""
    connection = selectors.get_connection(request.actor, connection_id)
    if not registry.get(connection.platform).capabilities.has_many_chats:
        raise NotFound(_("This account is one chat by itself."))
    return connection


def _rows(connection: Connection, chats: list[FoundChat]) -> list[dict[str, Any]]:
    channels = selectors.channels_of_chats(connection)
    return [{"chat": chat, "channel": channels.get(chat.chat)} for chat in chats]


def _empty(connection: Connection) -> dict[str, str]:
    if registry.get(connection.platform).capabilities.can_list_chats:
        text = _("Take the account into a group on the platform, say something there, then look for chats here.")
    else:
        text = _("This platform does not say which chats the account is in. Type what names one into the form.")
    return {"icon": "chat-bubble-left-right", "title": _("No chat found yet"), "text": text}


def _crumbs(request: WorkspaceRequest) -> list[dict[str, str]]:
    return [{"label": _("Delivery channels"), "url": reverse("messaging:endpoints", args=[request.workspace.slug])}]


def _add(request: WorkspaceRequest, connection: Connection, form: EndpointForm) -> Endpoint | None:
    facts = {"connection": connection, "name": form.cleaned_data["name"], "config": form.config()}
    facts |= {"actor": request.actor, "now": clock.now()}
    try:
        made_id = once_per_form(request, actor=request.actor, run=lambda: services.add_chat(**facts).pk)
        return selectors.get_endpoint(request.actor, made_id)
    except DomainError as refusal:
        form.refuse(refusal)
        return None


@page("endpoints.manage")
@require_POST
def connection_look(request: WorkspaceRequest, connection_id: int) -> HttpResponse:
    """Ask the platform which chats there are; takes as long as one call."""
    connection = _account(request, connection_id)
    try:
        count = len(services.look_for_chats(connection=connection, actor=request.actor, now=clock.now()))
        words = ngettext("%(count)d chat is known now.", "%(count)d chats are known now.", count)
        messages.success(request, words % {"count": count})
    except DomainError as refusal:
        tell(request, refusal)
    return redirect("messaging:connection_chats", slug=request.workspace.slug, connection_id=connection.pk)


@page("endpoints.manage")
@require_POST
def chat_bind(request: WorkspaceRequest, found_chat_id: int) -> HttpResponse:
    """Make a channel of a found chat, called as the platform calls it; the channel's page can change the name."""
    found_chat = selectors.get_found_chat(request.actor, found_chat_id)
    try:
        made = services.bind_chat(found_chat=found_chat, actor=request.actor, now=clock.now())
        messages.success(request, _("“%(name)s” is ready.") % {"name": made.name})
    except DomainError as refusal:
        tell(request, refusal)
    return redirect("messaging:connection_chats", slug=request.workspace.slug, connection_id=found_chat.connection_id)
