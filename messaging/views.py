"""Pages: 发送通道, the sandbox room, 发送记录."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.errors import DomainError, InvalidInput, NotFound
from messaging import selectors, services, wording
from messaging.forms import EDIT_FORMS, FORMS, EndpointForm
from messaging.models import Delivery, DeliveryState, Endpoint, Platform
from messaging.policies import CAPABILITIES

PAGE_SIZE = 50
LISTED_STATES = (
    "planned", "due", "retrying", "sending", "accepted", "waiting", "confirmed", "unknown", "failed", "parked",
    "expired", "cancelled",
)  # fmt: skip
ZONE = settings.DEFAULT_COMMUNITY_TIMEZONE
NEAR = timedelta(minutes=15)  # the page of a delivery that is due later than this does not refresh itself
STOP_POLLING = 286  # the status that tells htmx so


# --- channels ----------------------------------------------------------------------------------------


@page("endpoints.view")
@require_safe
def endpoint_list(request: WorkspaceRequest) -> HttpResponse:
    """Live channels and the platforms a new one can be made on."""
    context = {
        "endpoints": [_channel(request, row) for row in selectors.endpoints_visible_to(request.actor)],
        "platforms": [{"name": name, "label": Platform(name).label} for name in Platform.values],
        "may_manage": may(request.actor, "endpoints.manage"),
        "zone": ZONE,
        "empty": {
            "icon": "paper-airplane",
            "title": _("No delivery channel yet"),
            "text": _("A sandbox room needs nothing and shows a group as its members see it: a good first channel."),
        },
    }
    return render(request, "messaging/endpoint_list.html", context)


def _channel(request: WorkspaceRequest, endpoint: Endpoint) -> dict[str, Any]:
    """A row of the list, with the question asked before it is archived."""
    question = {
        "id": f"archive-{endpoint.pk}",
        "title": _("Archive “%(name)s”?") % {"name": endpoint.name},
        "text": _("Nothing is sent through it any more. What was sent stays in the record."),
        "action": reverse("messaging:endpoint_archive", args=[request.workspace.slug, endpoint.pk]),
        "confirm_label": _("Archive"),
        "is_bad": True,
    }
    return {"endpoint": endpoint, "question": question}


@page("endpoints.manage")
def endpoint_new(request: WorkspaceRequest, platform: str) -> HttpResponse:
    """The form of one platform; secrets are typed here once and never shown again."""
    if platform not in FORMS:
        raise NotFound(_("There is no such platform."))
    form = FORMS[platform](request.POST or None)
    if request.method == "POST" and form.is_valid() and (made := _create(request, platform, form)):
        messages.success(request, _("“%(name)s” is ready.") % {"name": made.name})
        return redirect("messaging:endpoints", slug=request.workspace.slug)
    context = {
        "form": form,
        "platform": platform,
        "platform_label": Platform(platform).label,
        "capabilities": CAPABILITIES[platform],
        "breadcrumbs": _crumbs(request),
    }
    return render(request, "messaging/endpoint_form.html", context, status=422 if form.errors else 200)


def _crumbs(request: WorkspaceRequest) -> list[dict[str, str]]:
    return [{"label": _("Delivery channels"), "url": reverse("messaging:endpoints", args=[request.workspace.slug])}]


def _create(request: WorkspaceRequest, platform: str, form: EndpointForm) -> Endpoint | None:
    try:
        return services.create_endpoint(
            workspace_id=request.workspace.pk,
            name=form.cleaned_data["name"],
            platform=platform,
            config=form.config(),
            actor=request.actor,
            now=clock.now(),
        )
    except InvalidInput as refusal:
        form.refuse(refusal)
        return None


@page("endpoints.manage")
def endpoint_edit(request: WorkspaceRequest, endpoint_id: int) -> HttpResponse:
    """Name and settings of a channel, and what came of its last test; secrets are typed anew or kept."""
    endpoint = selectors.get_endpoint(request.actor, endpoint_id)
    initial = {"name": endpoint.name, "drops_repeats": endpoint.drops_repeats}
    form = EDIT_FORMS[endpoint.connection.platform](request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid() and (changed := _update(request, endpoint, form)):
        messages.success(request, _("“%(name)s” was changed.") % {"name": changed.name})
        return redirect("messaging:endpoint_edit", slug=request.workspace.slug, endpoint_id=endpoint.pk)
    context = {
        "form": form,
        "endpoint": endpoint,
        "may_test": endpoint.connection.platform != Platform.SANDBOX,
        "test": _last_test(endpoint),
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
    try:
        services.archive_endpoint(endpoint=endpoint, actor=request.actor, now=clock.now())
        messages.success(request, _("“%(name)s” was archived.") % {"name": endpoint.name})
    except DomainError as refusal:
        tell(request, refusal)
    return redirect("messaging:endpoints", slug=request.workspace.slug)


# --- the sandbox room --------------------------------------------------------------------------------


@page("endpoints.view")
@require_safe
def room(request: WorkspaceRequest, endpoint_id: int) -> HttpResponse:
    """The room as its members see it; asked again every 2 s with the last post seen, 204 when there is none newer."""
    endpoint = selectors.get_room(request.actor, endpoint_id)
    posts = selectors.posts_in_room(endpoint)
    last = posts[-1].pk if posts else 0
    if request.htmx and request.GET.get("seen") == str(last):
        return HttpResponse(status=204)
    context = {
        "endpoint": endpoint,
        "posts": [{"post": post, "pieces": wording.pieces(post.text)} for post in posts],
        "last": last,
        "zone": ZONE,
        "empty": {
            "icon": "chat-bubble-left-right",
            "title": _("Nothing was posted here yet"),
            "text": _("As soon as a message is due for this group, it appears here."),
        },
    }
    return render(request, "messaging/_room_posts.html" if request.htmx else "messaging/room.html", context)


# --- the record --------------------------------------------------------------------------------------


@page("deliveries.view")
@require_safe
def delivery_list(request: WorkspaceRequest) -> HttpResponse:
    """The last planned first, each page by send time. `?state=`, `?group=` and `?cursor=` (planned before this id)
    stand in the address: it can be shared."""
    now = clock.now()
    visible = selectors.deliveries_visible_to(request.actor)
    group_id, state = _number(request, "group"), request.GET.get("state", "")
    if group_id is not None:
        visible = visible.filter(target_kind="group", target_id=group_id)
    rows = selectors.that_read(visible, state, now=now) if state in LISTED_STATES else visible
    shown, pager = _page_of(request, rows)
    context = {
        "rows": [_row(delivery, now) for delivery in shown],
        "counts": _tabs(visible, now),
        "state": state if state in LISTED_STATES else "",
        "group_label": shown[0].target_label if shown and group_id is not None else "",
        "group_id": group_id,
        "pager": pager,
        "may_decide": may(request.actor, "deliveries.decide"),
        "zone": ZONE,
    }
    return render(
        request, "messaging/_delivery_table.html" if request.htmx else "messaging/delivery_list.html", context
    )


def _tabs(visible: QuerySet[Delivery], now: datetime) -> list[dict[str, Any]]:
    counts = selectors.delivery_counts(visible, now=now)
    return [{"state": state, "count": counts[state]} for state in LISTED_STATES if state in counts]


def _page_of(request: HttpRequest, rows: QuerySet[Delivery]) -> tuple[list[Delivery], dict[str, str]]:
    """One page of rows planned before the cursor, by send time, and the addresses of its neighbours.

    Pages follow the ids: by send time through the whole record would read all of it.
    """
    cursor = _number(request, "cursor")
    rows = rows.order_by("-id") if cursor is None else rows.order_by("-id").filter(pk__lt=cursor)
    found = list(rows[: PAGE_SIZE + 1])
    shown, pager, query = found[:PAGE_SIZE], {}, request.GET.copy()
    query.pop("cursor", None)
    if cursor is not None:
        pager["previous_url"] = f"?{query.urlencode()}"
    if len(found) > PAGE_SIZE:
        query["cursor"] = str(shown[-1].pk)
        pager["next_url"] = f"?{query.urlencode()}"
    return sorted(shown, key=lambda row: (row.due_at, row.pk), reverse=True), pager


def _number(request: HttpRequest, name: str) -> int | None:
    value = request.GET.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def _row(delivery: Delivery, now: datetime) -> dict[str, Any]:
    return {
        "delivery": delivery,
        "text": selectors.text_to_read(delivery),
        "state": wording.badge_state(delivery, now=now),
        "sentence": wording.state_sentence(delivery, zone=ZONE),
        "is_unknown": delivery.state == "unknown",
    }


@page("deliveries.view")
@require_safe
def delivery_detail(request: WorkspaceRequest, delivery_id: int) -> HttpResponse:
    """What happened, call by call, in words; htmx asks again while the next thing happens by itself."""
    delivery = selectors.get_delivery(request.actor, delivery_id)
    attempts, decisions = selectors.attempts_of(delivery), selectors.decisions_on(delivery)
    now = clock.now()
    row, is_open = _row(delivery, now), _is_open(delivery, now)
    context = {
        "row": row,
        "delivery": delivery,
        "is_open": is_open,
        "story": wording.story(delivery, attempts, decisions, zone=ZONE),
        "answer": wording.answer_words(delivery.platform_code, delivery.platform_text),
        "bubble": _bubble(delivery),
        "breadcrumbs": [{"label": _("Delivery record"), "url": _record_url(request)}],
        "may_decide": may(request.actor, "deliveries.decide"),
        "may_repair": may(request.actor, "jobs.repair"),
        "may_manage": may(request.actor, "endpoints.manage"),
        "question": _question(request, delivery),
        "zone": ZONE,
    }
    if not request.htmx:
        return render(request, "messaging/delivery_detail.html", context)
    return render(request, "messaging/_delivery_live.html", context, status=200 if is_open else STOP_POLLING)


def _is_open(delivery: Delivery, now: datetime) -> bool:
    """Whether it is being sent or retried, or is about to be sent."""
    is_near = delivery.state == DeliveryState.PLANNED and delivery.due_at <= now + NEAR
    return is_near or delivery.state == DeliveryState.SENDING


def _question(request: WorkspaceRequest, delivery: Delivery) -> dict[str, Any]:
    """Asked before one delivery is cancelled."""
    return {
        "id": "cancel-delivery",
        "title": _("Cancel this one?"),
        "text": _("It is not tried again. The messages to other groups are not touched."),
        "action": reverse("messaging:delivery_cancel", args=[request.workspace.slug, delivery.pk]),
        "confirm_label": _("Cancel this one"),
        "names": [delivery.target_label or str(delivery.target_id)],
        "is_bad": True,
    }


def _bubble(delivery: Delivery) -> dict[str, Any]:
    platform = delivery.endpoint.connection.get_platform_display() if delivery.endpoint else ""
    return {
        "platform": platform,
        "group": delivery.target_label,
        "sender": _("Group assistant"),
        "text": selectors.text_to_read(delivery),
    }


def _record_url(request: WorkspaceRequest) -> str:
    return reverse("messaging:deliveries", args=[request.workspace.slug])


@page("deliveries.decide")
@require_POST
def delivery_decide(request: WorkspaceRequest, delivery_id: int) -> HttpResponse:
    """One click for a delivery in doubt: sent, not_sent or again."""
    return _change(request, delivery_id, partial(_decide, verdict=request.POST.get("verdict", "")))


def _decide(*, verdict: str, **facts: Any) -> Delivery:
    if verdict not in services.VERDICTS:
        raise InvalidInput(_("Unknown verdict."), field="verdict")
    return services.decide_unknown(verdict=verdict, **facts)


@page("deliveries.decide")
@require_POST
def delivery_try_now(request: WorkspaceRequest, delivery_id: int) -> HttpResponse:
    """Let a delivery that is being retried try at once."""
    return _change(request, delivery_id, services.try_now)


@page("deliveries.decide")
@require_POST
def delivery_cancel(request: WorkspaceRequest, delivery_id: int) -> HttpResponse:
    """Cancel one delivery that has not gone out."""
    return _change(request, delivery_id, services.cancel_delivery)


@page("jobs.repair")
@require_POST
def delivery_requeue(request: WorkspaceRequest, delivery_id: int) -> HttpResponse:
    """Give a failed delivery its tries again."""
    return _change(request, delivery_id, services.requeue_failed)


def _change(request: WorkspaceRequest, delivery_id: int, service: Callable[..., Delivery]) -> HttpResponse:
    """Call the service for this delivery; a refusal is said on the next page."""
    delivery = selectors.get_delivery(request.actor, delivery_id)
    try:
        service(delivery=delivery, actor=request.actor, now=clock.now())
    except DomainError as refusal:
        tell(request, refusal)
    return _after_change(request, delivery_id)


def _after_change(request: WorkspaceRequest, delivery_id: int) -> HttpResponse:
    """The row anew for htmx, the delivery's page otherwise."""
    if not request.htmx:
        return redirect("messaging:delivery", slug=request.workspace.slug, delivery_id=delivery_id)
    delivery = selectors.get_delivery(request.actor, delivery_id)
    context = {"row": _row(delivery, clock.now()), "zone": ZONE, "may_decide": True}
    return render(request, "messaging/_delivery_row.html", context)
