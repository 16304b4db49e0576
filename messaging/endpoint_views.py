"""Pages: 发送通道 with their limits."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.dateformat import format as write_date
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.errors import DomainError, InvalidInput, NotFound
from community_ops.common.once import once_per_form
from community_ops.common.paging import id_in
from community_ops.common.templatetags.wording import grouped
from messaging import capability_words, inbound_selectors, selectors, services, wording
from messaging.forms import EndpointForm, OwnLimitForm
from messaging.identity_selectors import counted_together
from messaging.identity_wording import together_words
from messaging.last_results import last_results
from messaging.models import Endpoint, Platform
from messaging.platforms import registry
from messaging.ports import task_places
from messaging.services.handing import is_by_hand
from messaging.showing import joined

ZONE = settings.DEFAULT_COMMUNITY_TIMEZONE
SHOWN_GROUPS = 3
MOST_NAMES = 20  # of the groups that a question names


@page("endpoints.view")
@require_safe
def endpoint_list(request: WorkspaceRequest) -> HttpResponse:
    """Live channels, whom each serves and what became of the last call, and the platforms of a new one."""
    rows = list(selectors.endpoints_visible_to(request.actor))
    failing = selectors.failing_endpoints(
        workspace_id=request.workspace.pk, endpoint_ids=[row.pk for row in rows if not is_by_hand(row)]
    )
    last = inbound_selectors.last_to_receive(rows)
    ids = [row.pk for row in rows]
    results = last_results(workspace_id=request.workspace.pk, endpoint_ids=ids, now=clock.now())
    groups = task_places.get(inbound_selectors.GROUP).bound_to(request.actor, ids)
    limits = selectors.fullest_limits(rows)
    open_counts = selectors.open_counts(workspace_id=request.workspace.pk, endpoint_ids=ids)
    context = {
        "endpoints": [
            {
                **_channel(row, failing.get(row.pk, "")),
                "question": _question(
                    request, row, groups.get(row.pk, []), open_counts.get(row.pk, 0), ends_receiving=row.pk in last
                ),
            }
            | {"result": results.get(row.pk), "is_by_hand": is_by_hand(row), **_groups(groups.get(row.pk, []))}
            | {"used": wording.used_words(limits[row.pk]) if row.pk in limits else ""}
            for row in rows
        ],
        "platforms": [{"name": name, "label": Platform(name).label} for name in registry.names()],
        "may_manage": may(request.actor, "endpoints.manage"),
        "may_assign": may(request.actor, "tasks.manage"),
        "zone": ZONE,
        "empty": {
            "icon": "paper-airplane",
            "title": _("No delivery channel yet"),
            "text": _("A sandbox room needs nothing and shows a group as its members see it: a good first channel."),
        },
    }
    return render(request, "messaging/endpoint_list.html", context)


def _question(
    request: WorkspaceRequest, endpoint: Endpoint, groups: Sequence[str], open_count: int, *, ends_receiving: bool
) -> dict[str, Any] | None:
    """Asked before a channel is archived: the groups that lose it, and what is still to go through it, which has to be
    settled first, with the way there. Nothing for a colleague, who is archived on her own page."""
    if is_by_hand(endpoint):
        return None
    text = _("Nothing is sent through it any more. What was sent stays in the record.")
    if open_count:
        text = joined(text, _("While messages are still to go through it, it cannot be archived."))
    if groups:
        text = joined(text, _("These groups have no channel then, and what is due for them fails until they get one."))
    if ends_receiving:
        text = joined(text, _("It is the last channel of this account: receiving is switched off with it."))
    facts = [{"label": _("Groups that lose it"), "value": grouped(len(groups))}] if groups else []
    if open_count:
        record = reverse("messaging:deliveries", args=[request.workspace.slug])
        url = f"{record}?{urlencode({'channel': endpoint.pk})}"
        link = format_html('<a href="{}">{}</a>', url, grouped(open_count))
        facts.append({"label": _("Still to go through it"), "value": link})
    return {
        "id": f"archive-{endpoint.pk}",
        "title": _("Archive “%(name)s”?") % {"name": endpoint.name},
        "text": text,
        "facts": facts,
        "names": groups[:MOST_NAMES],
        "names_total": len(groups) if len(groups) > MOST_NAMES else None,
        "action": reverse("messaging:endpoint_archive", args=[request.workspace.slug, endpoint.pk]),
        "confirm_label": _("Archive"),
        "is_bad": True,
    }


def _channel(endpoint: Endpoint, failure: str) -> dict[str, Any]:
    """A row of the list, with why it fails now if it does."""
    adapter = registry.get(endpoint.connection.platform)
    return {
        "endpoint": endpoint,
        "failure": failure,
        "has_many_chats": adapter.capabilities.has_many_chats,
        "can_receive": adapter.inbound is not None,
    }


def _groups(names: Sequence[str]) -> dict[str, Any]:
    """The first groups of a channel by name, and how many more there are."""
    return {"groups": names[:SHOWN_GROUPS], "more_groups": max(0, len(names) - SHOWN_GROUPS)}


def _to_the_person(request: WorkspaceRequest, endpoint: Endpoint) -> HttpResponse:
    """A channel that is a colleague is kept on her own page."""
    return redirect("messaging:assignee_edit", slug=request.workspace.slug, assignee_id=endpoint.assignee.pk)


@page("endpoints.manage")
def endpoint_new(request: WorkspaceRequest, platform: str) -> HttpResponse:
    """The form of one platform; secrets are typed here once and never shown again."""
    if platform not in registry.names():
        raise NotFound(_("There is no such platform."))
    form = EndpointForm(platform, request.POST or None)
    if request.method == "POST" and form.is_valid() and (made := _create(request, platform, form)):
        messages.success(request, _("“%(name)s” is ready.") % {"name": made.name})
        for words in together_words(counted_together(made)):
            messages.info(request, words)
        return redirect("messaging:endpoints", slug=request.workspace.slug)
    context = {
        "form": form,
        "platform": platform,
        "platform_label": Platform(platform).label,
        "text_limit": registry.get(platform).capabilities.text,
        "breadcrumbs": _crumbs(request),
    }
    return render(request, "messaging/endpoint_form.html", context, status=422 if form.errors else 200)


def _crumbs(request: WorkspaceRequest) -> list[dict[str, str]]:
    return [{"label": _("Delivery channels"), "url": reverse("messaging:endpoints", args=[request.workspace.slug])}]


def _create(request: WorkspaceRequest, platform: str, form: EndpointForm) -> Endpoint | None:
    facts = {"name": form.cleaned_data["name"], "platform": platform, "config": form.config()}
    facts |= {"workspace_id": request.workspace.pk, "actor": request.actor, "now": clock.now()}
    try:
        made_id = once_per_form(request, actor=request.actor, run=lambda: services.create_endpoint(**facts).pk)
        return selectors.get_endpoint(request.actor, made_id)
    except DomainError as refusal:
        form.refuse(refusal)
        return None


@page("endpoints.manage")
def endpoint_edit(request: WorkspaceRequest, endpoint_id: int) -> HttpResponse:
    """Name and settings of a channel, and what came of its last test; secrets are typed anew or kept."""
    endpoint = selectors.get_endpoint(request.actor, endpoint_id)
    if is_by_hand(endpoint):
        return _to_the_person(request, endpoint)
    initial = endpoint.connection.config | endpoint.address
    initial |= {"name": endpoint.name, "drops_repeats": endpoint.drops_repeats}
    form = EndpointForm(endpoint.connection.platform, request.POST or None, initial=initial, is_known=True)
    if request.method == "POST" and form.is_valid() and (changed := _update(request, endpoint, form)):
        messages.success(request, _("“%(name)s” was changed.") % {"name": changed.name})
        return redirect("messaging:endpoint_edit", slug=request.workspace.slug, endpoint_id=endpoint.pk)
    adapter = registry.get(endpoint.connection.platform)
    context = {
        "form": form,
        "endpoint": endpoint,
        "beside": selectors.channels_beside(endpoint),
        "may_test": endpoint.connection.platform != Platform.SANDBOX,
        "test": _last_test(endpoint),
        **_limits(endpoint),
        "capabilities": capability_words.facts(adapter.capabilities, adapter.inbound),
        **_month(endpoint, request.GET.get("month", "")),
        "breadcrumbs": _crumbs(request),
        "zone": ZONE,
    }
    return render(request, "messaging/endpoint_edit.html", context, status=422 if form.errors else 200)


def _update(request: WorkspaceRequest, endpoint: Endpoint, form: EndpointForm) -> Endpoint | None:
    try:
        return services.update_endpoint(
            endpoint=endpoint,
            name=form.cleaned_data["name"],
            config=form.config(),
            actor=request.actor,
            now=clock.now(),
        )
    except InvalidInput as refusal:
        form.refuse(refusal)
        return None


def _cooldown(endpoint: Endpoint) -> str:
    """Why nothing goes out there at the moment, and until when; nothing where it does."""
    words = wording.rest_words if selectors.is_left_alone(endpoint) else wording.cooldown_words
    return words(selectors.cooldown_of(endpoint), zone=ZONE)


def _limits(endpoint: Endpoint, form: OwnLimitForm | None = None) -> dict[str, Any]:
    """What a channel's page tells of its limits, and the form for an own one."""
    source = registry.get(endpoint.connection.platform).capabilities
    return {
        "together": together_words(counted_together(endpoint)),
        "limits": [wording.limit_words(use, source) for use in selectors.limit_use(endpoint)],
        "cooldown": _cooldown(endpoint),
        "source": source,
        "limit_form": form or OwnLimitForm(),
    }


@page("endpoints.manage")
@require_http_methods(["GET", "POST"])
def endpoint_limit(request: WorkspaceRequest, endpoint_id: int) -> HttpResponse:
    """Set an own limit. The channel's page has the form; where it is refused it stands on a page of its own."""
    endpoint = selectors.get_endpoint(request.actor, endpoint_id)
    form = OwnLimitForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _limited(request, endpoint, form):
        messages.success(request, _("The limit holds from now on."))
        return redirect("messaging:endpoint_edit", slug=request.workspace.slug, endpoint_id=endpoint.pk)
    context = {"endpoint": endpoint, "breadcrumbs": _crumbs(request), **_limits(endpoint, form)}
    return render(request, "messaging/endpoint_limit.html", context, status=422 if form.errors else 200)


def _limited(request: WorkspaceRequest, endpoint: Endpoint, form: OwnLimitForm) -> bool:
    try:
        services.set_limit(endpoint=endpoint, **form.facts(), actor=request.actor, now=clock.now())
    except DomainError as refusal:
        form.refuse(refusal)
        return False
    return True


@page("endpoints.manage")
@require_POST
def endpoint_unlimit(request: WorkspaceRequest, endpoint_id: int) -> HttpResponse:
    """Take an own limit back: what is left is the platform's."""
    endpoint = selectors.get_endpoint(request.actor, endpoint_id)
    scope, seconds = request.POST.get("scope", ""), id_in(request.POST, "seconds") or 0
    try:
        services.set_limit(
            endpoint=endpoint, scope=scope, seconds=seconds, count=None, actor=request.actor, now=clock.now()
        )
        messages.success(request, _("Your own limit was removed."))
    except DomainError as refusal:
        tell(request, refusal)
    return redirect("messaging:endpoint_edit", slug=request.workspace.slug, endpoint_id=endpoint.pk)


def _month(endpoint: Endpoint, asked: str) -> dict[str, Any]:
    """A chart of what became of this channel's messages in a month, with the ways to its neighbours.

    Accepted is not "sent", and a person's word is not the platform's. `asked`: e.g. "2026-10"; this month for anything
    else, and for one that has not begun or was over before there was the channel.
    """
    today = clock.now().astimezone(ZoneInfo(ZONE)).date()
    this = today.replace(day=1)
    begun = min(endpoint.created_at.astimezone(ZoneInfo(ZONE)).date().replace(day=1), this)
    first = _first_of(asked)
    first = first if first is not None and begun <= first <= this else this
    before, after = (first - timedelta(days=1)).replace(day=1), (first + timedelta(days=31)).replace(day=1)
    return {
        "month": _month_chart(endpoint, first, is_this=first == this),
        "earlier_month": _month_link(before) if before >= begun else None,
        "later_month": _month_link(after) if after <= this else None,
    }


def _first_of(asked: str) -> date | None:
    try:
        return date.fromisoformat(f"{asked}-01")
    except ValueError:
        return None


def _month_link(first: date) -> dict[str, str]:
    return {"value": f"{first:%Y-%m}", "label": _month_words(first)}


def _month_words(first: date) -> str:
    return write_date(first, pgettext("date format", "F Y"))


def _month_chart(endpoint: Endpoint, first: date, *, is_this: bool) -> dict[str, Any]:
    now = clock.now()
    days = selectors.month_of(endpoint, today=now.astimezone(ZoneInfo(ZONE)).date(), zone=ZONE, month=first)
    question, nothing = _("What became of this channel's messages this month?"), _("Nothing was due here this month.")
    if not is_this:
        question = _("What became of this channel's messages in %(month)s?") % {"month": _month_words(first)}
        nothing = _("Nothing was due here in that month.")
    series = [
        {"name": pgettext("delivery", "Accepted by the platform"), "values": [day.accepted_count for day in days]},
        {"name": pgettext("delivery", "Confirmed by a person"), "values": [day.confirmed_count for day in days]},
        {"name": _("Did not go out"), "values": [day.unsent_count for day in days]},
        {"name": _("To be checked"), "values": [day.doubt_count for day in days]},
    ]
    return {
        "id": "channel-month",
        "question": question,
        "kind": "bar",
        "labels": [str(day.day.day) for day in days],
        "series": series,
        "source": ["platform", "person"] if any(day.confirmed_count for day in days) else "platform",
        "as_of": now,
        "zone": ZONE,
        "has_enough": any(value for one in series for value in one["values"]),
        "needed": nothing,
    }


def _last_test(endpoint: Endpoint) -> dict[str, Any] | None:
    entry = selectors.last_test_of(endpoint)
    if entry is None:
        return None
    words, tone = wording.outcome_of_test(entry.after["outcome"], entry.after["code"], entry.after["text"])
    return {"at": entry.at, "by": entry.actor_label, "words": words, "tone": tone}


@page("endpoints.manage")
@require_POST
def endpoint_test(request: WorkspaceRequest, endpoint_id: int) -> HttpResponse:
    """Send one text that says it is a test; the channel's page tells what came of it."""
    endpoint = selectors.get_endpoint(request.actor, endpoint_id)
    try:
        services.send_test_message(endpoint=endpoint, actor=request.actor, now=clock.now())
    except DomainError as refusal:
        tell(request, refusal)
    return redirect("messaging:endpoint_edit", slug=request.workspace.slug, endpoint_id=endpoint.pk)


@page("endpoints.manage")
@require_POST
def endpoint_archive(request: WorkspaceRequest, endpoint_id: int) -> HttpResponse:
    endpoint = selectors.get_endpoint(request.actor, endpoint_id)
    if is_by_hand(endpoint):
        return _to_the_person(request, endpoint)
    try:
        services.archive_endpoint(endpoint=endpoint, actor=request.actor, now=clock.now())
        messages.success(request, _("“%(name)s” was archived.") % {"name": endpoint.name})
    except DomainError as refusal:
        tell(request, refusal)
    return redirect("messaging:endpoints", slug=request.workspace.slug)
