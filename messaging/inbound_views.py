"""Pages: how an account receives what happens in its chats, and what became of each event."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.common import clock
from community_ops.common.errors import DomainError, NotFound
from community_ops.common.paging import newest_first
from messaging import inbound_selectors, inbound_wording, selectors
from messaging.inbound_models import InboundRoute
from messaging.models import Connection
from messaging.services import receiving

ZONE = settings.DEFAULT_COMMUNITY_TIMEZONE


@page("endpoints.manage")
@require_safe
def inbound(request: WorkspaceRequest, connection_id: int) -> HttpResponse:
    """On or off, how it works here, and the last events; the log comes alone when htmx asks for it."""
    connection = _account(request, connection_id)
    way, route = receiving.inbound_of(connection), inbound_selectors.route_of(connection)
    rows = inbound_selectors.raw_events_visible_to(request.actor).filter(connection=connection)
    events, pager = newest_first(rows, request.GET)
    failing = inbound_selectors.failing_cursors(connection)
    is_hook = route is not None and not way.is_polled
    context = {
        "connection": connection,
        "route": route,
        "is_on": route is not None and route.is_on,
        "badge": inbound_wording.route_badge(route, failing_count=len(failing)),
        "way": inbound_wording.way_words(is_polled=way.is_polled, is_registered=way.is_registered),
        "note": way.note,
        "address": receiving.url_of(route) if route is not None and is_hook and not way.is_registered else "",
        "has_key": not way.is_polled,
        "shows_key": not way.is_polled and not way.is_registered,
        "former_until": receiving.former_key_until(route, now=clock.now()) if route is not None and is_hook else None,
        "refusal": inbound_wording.refusal_words(route),
        "failing": failing,
        "events": [inbound_wording.raw_event_row(event) for event in events],
        "pager": pager,
        "questions": _questions(request, connection),
        "breadcrumbs": _crumbs(request),
        "zone": ZONE,
        "empty": {
            "icon": "inbox-arrow-down",
            "title": _("Nothing has come in yet"),
            "text": _("As soon as something happens in a chat of this account, it is listed here."),
        },
    }
    return render(request, f"messaging/{'_inbound_log' if request.htmx else 'inbound'}.html", context)


def _account(request: WorkspaceRequest, connection_id: int) -> Connection:
    """Raises NotFound also for an account through which nothing can come in."""
    connection = selectors.get_connection(request.actor, connection_id)
    try:
        receiving.inbound_of(connection)
    except DomainError:
        raise NotFound(_("Nothing can be received through this account.")) from None
    return connection


def _crumbs(request: WorkspaceRequest, connection: Connection | None = None) -> list[dict[str, str]]:
    slug = request.workspace.slug
    crumbs = [{"label": _("Delivery channels"), "url": reverse("messaging:endpoints", args=[slug])}]
    if connection is not None:
        url = reverse("messaging:inbound", args=[slug, connection.pk])
        crumbs.append({"label": _("Receive: %(name)s") % {"name": connection.name}, "url": url})
    return crumbs


def _questions(request: WorkspaceRequest, connection: Connection) -> dict[str, dict[str, Any]]:
    """What is asked before something that others feel."""

    def question(name: str, title: str, text: str, label: str, *, is_bad: bool) -> dict[str, Any]:
        action = reverse(f"messaging:inbound_{name}", args=[request.workspace.slug, connection.pk])
        return {
            "id": f"inbound-{name}",
            "title": title,
            "text": text,
            "action": action,
            "confirm_label": label,
            "is_bad": is_bad,
        }

    return {
        "rotate": question(
            "rotate",
            _("Make a new key?"),
            _("The old key stays valid for 24 hours, so that nothing is lost while the sender changes it."),
            _("New key"),
            is_bad=False,
        ),
        "close": question(
            "close",
            _("Receive nothing any more?"),
            _("Messages, joins and leaves of these chats are not seen from now on. What came in stays."),
            _("Switch off"),
            is_bad=True,
        ),
    }


@page("endpoints.manage")
@require_POST
def inbound_open(request: WorkspaceRequest, connection_id: int) -> HttpResponse:
    """Switch receiving on; where another tool needs the key, the answer shows it, this once."""
    connection = _account(request, connection_id)
    try:
        route, key = receiving.open_route(connection=connection, actor=request.actor, now=clock.now())
    except DomainError as refusal:
        tell(request, refusal)
        return _back(request, connection)
    if key:
        return _key_page(request, route, key)
    messages.success(request, _("Receiving is on."))
    return _back(request, connection)


@page("endpoints.manage")
@require_POST
def inbound_rotate(request: WorkspaceRequest, connection_id: int) -> HttpResponse:
    """Make a new key; shown this once where another tool needs it."""
    connection, route = _routed(request, connection_id)
    try:
        key = receiving.rotate_key(route=route, actor=request.actor, now=clock.now())
    except DomainError as refusal:
        tell(request, refusal)
        return _back(request, connection)
    if key:
        return _key_page(request, route, key)
    messages.success(request, _("The platform has a new key."))
    return _back(request, connection)


@page("endpoints.manage")
@require_POST
def inbound_close(request: WorkspaceRequest, connection_id: int) -> HttpResponse:
    """Switch receiving off."""
    connection, route = _routed(request, connection_id)
    try:
        receiving.close_route(route=route, actor=request.actor, now=clock.now())
        messages.success(request, _("Receiving is off."))
    except DomainError as refusal:
        tell(request, refusal)
    return _back(request, connection)


def _routed(request: WorkspaceRequest, connection_id: int) -> tuple[Connection, InboundRoute]:
    connection = _account(request, connection_id)
    route = inbound_selectors.route_of(connection)
    if route is None:
        raise NotFound(_("Receiving was never switched on here."))
    return connection, route


def _key_page(request: WorkspaceRequest, route: InboundRoute, key: str) -> HttpResponse:
    route = InboundRoute.objects.select_related("connection").get(pk=route.pk)
    context = {
        "connection": route.connection,
        "address": receiving.url_of(route),
        "key": key,
        "former_until": receiving.former_key_until(route, now=clock.now()),
        "breadcrumbs": _crumbs(request, route.connection),
        "zone": ZONE,
    }
    answer = render(request, "messaging/inbound_key.html", context)
    answer["Cache-Control"] = "no-store"
    return answer


def _back(request: WorkspaceRequest, connection: Connection) -> HttpResponse:
    return redirect("messaging:inbound", slug=request.workspace.slug, connection_id=connection.pk)


@page("endpoints.manage")
@require_POST
def raw_event_again(request: WorkspaceRequest, raw_event_id: int) -> HttpResponse:
    """Read an event once more, e.g. after its chat got a channel."""
    event = inbound_selectors.get_raw_event(request.actor, raw_event_id)
    try:
        receiving.read_again(raw_event=event, actor=request.actor, now=clock.now())
        messages.success(request, _("It is read again."))
    except DomainError as refusal:
        tell(request, refusal)
    return redirect("messaging:inbound", slug=request.workspace.slug, connection_id=event.connection_id)
