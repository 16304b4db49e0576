"""Pages: 发送通道, the sandbox room, 发送记录."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.errors import DomainError, InvalidInput, NotFound
from community_ops.common.paging import id_in
from messaging import selectors, services, wording
from messaging.forms import EDIT_FORMS, FORMS, EndpointForm, OwnLimitForm
from messaging.models import Delivery, DeliveryState, Endpoint, Platform
from messaging.policies import CAPABILITIES, EXEMPTIONS

PAGE_SIZE = 50
LISTED_STATES = (
    "planned", "due", "retrying", "sending", "accepted", "waiting", "confirmed", "unknown", "failed", "parked",
    "expired", "cancelled",
)  # fmt: skip
ZONE = settings.DEFAULT_COMMUNITY_TIMEZONE
NEAR = timedelta(minutes=15)  # the page of a delivery that is due later than this does not refresh itself
SHOWN_SIGNS = 60
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
        **_limits(endpoint),
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


def _limits(endpoint: Endpoint, form: OwnLimitForm | None = None) -> dict[str, Any]:
    """What a channel's page tells of its limits, and the form for an own one."""
    source = CAPABILITIES[endpoint.connection.platform]
    return {
        "limits": [wording.limit_words(use, source) for use in selectors.limit_use(endpoint)],
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
        services.set_limit(endpoint=endpoint, **form.cleaned_data, actor=request.actor, now=clock.now())
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
        messages.success(request, _("The own limit is gone."))
    except DomainError as refusal:
        tell(request, refusal)
    return redirect("messaging:endpoint_edit", slug=request.workspace.slug, endpoint_id=endpoint.pk)


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
    visible, group_id, state = _narrowed(request, request.GET)
    rows = selectors.that_read(visible, state, now=now) if state in LISTED_STATES else visible
    shown, pager = _page_of(request, rows)
    context = {
        "rows": _rows(shown, now),
        "tabs": _tabs(visible, request.GET, now),
        "state": state if state in LISTED_STATES else "",
        "back": request.get_full_path(),
        "group_label": shown[0].target_label if shown and group_id is not None else "",
        "group_id": group_id,
        "pager": pager,
        "may_decide": may(request.actor, "deliveries.decide"),
        "zone": ZONE,
    }
    return render(
        request, "messaging/_delivery_table.html" if request.htmx else "messaging/delivery_list.html", context
    )


def _narrowed(request: WorkspaceRequest, query: QueryDict) -> tuple[QuerySet[Delivery], int | None, str]:
    """What the record's address asks for: deliveries of its group, the group, the state."""
    visible, group_id = selectors.deliveries_visible_to(request.actor), _number(query, "group")
    if group_id is not None:
        visible = visible.filter(target_kind="group", target_id=group_id)
    return visible, group_id, query.get("state", "")


def _tabs(visible: QuerySet[Delivery], query: QueryDict, now: datetime) -> list[dict[str, Any]]:
    """One for everything, one for each state there is and for the chosen one, with their addresses."""
    counts, chosen = selectors.delivery_counts(visible, now=now), query.get("state", "")
    listed = [state for state in LISTED_STATES if state in counts or state == chosen]
    tabs = [{"state": state, "count": counts.get(state, 0), "is_chosen": state == chosen} for state in listed]
    everything = {"state": "", "is_chosen": chosen not in LISTED_STATES}
    return [tab | {"url": _tab_url(query, str(tab["state"]))} for tab in [everything, *tabs]]


def _tab_url(query: QueryDict, state: str) -> str:
    """The record from its first page, narrowed to the state; other filters stay."""
    changed = query.copy()
    changed.pop("cursor", None)
    changed.pop("state", None)
    if state:
        changed["state"] = state
    return f"?{changed.urlencode()}"


def _page_of(request: HttpRequest, rows: QuerySet[Delivery]) -> tuple[list[Delivery], dict[str, str]]:
    """One page of rows planned before the cursor, by send time, and the addresses of its neighbours.

    Pages follow the ids: by send time through the whole record would read all of it.
    """
    cursor = _number(request.GET, "cursor")
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


def _number(query: QueryDict, name: str) -> int | None:
    value = query.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def _rows(deliveries: Sequence[Delivery], now: datetime) -> list[dict[str, Any]]:
    tries = selectors.tries_in_vain(deliveries)
    return [
        {
            "delivery": delivery,
            "text": selectors.text_to_read(delivery),
            "state": wording.badge_state(delivery, now=now),
            "sentence": wording.state_sentence(delivery, zone=ZONE, tries_in_vain=tries.get(delivery.pk, 0)),
            "is_unknown": delivery.state == DeliveryState.UNKNOWN,
        }
        for delivery in deliveries
    ]


@page("deliveries.view")
@require_safe
def delivery_detail(request: WorkspaceRequest, delivery_id: int) -> HttpResponse:
    """What happened, call by call, in words; htmx asks again while the next thing happens by itself."""
    delivery = selectors.get_delivery(request.actor, delivery_id)
    attempts, decisions = selectors.attempts_of(delivery), selectors.decisions_on(delivery)
    now = clock.now()
    row, is_open = _rows([delivery], now)[0], _is_open(delivery, now)
    context = {
        "row": row,
        "delivery": delivery,
        "is_open": is_open,
        "story": wording.story(delivery, attempts, decisions, zone=ZONE),
        "answer": wording.answer_words(delivery.platform_code, delivery.platform_text),
        "exemption": EXEMPTIONS.get(delivery.exemption, delivery.exemption),
        "bubble": _bubble(delivery),
        "breadcrumbs": [{"label": _("Delivery record"), "url": _record_url(request)}],
        "may_decide": may(request.actor, "deliveries.decide"),
        "may_repair": may(request.actor, "jobs.repair"),
        "may_manage": may(request.actor, "endpoints.manage"),
        "question": _question(request, delivery),
        "write_anew": _write_anew(request, delivery),
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


def _write_anew(request: WorkspaceRequest, delivery: Delivery) -> dict[str, Any] | None:
    """What can be done about one that did not go out and cannot be queued again by this person."""
    is_failed = delivery.state == DeliveryState.FAILED and not may(request.actor, "jobs.repair")
    if delivery.state != DeliveryState.EXPIRED and not is_failed:
        return None
    if delivery.state == DeliveryState.EXPIRED:
        text = _("It will not be sent any more. If it is still worth saying, write it anew.")
    else:
        text = _("It is not tried again by itself. An operator can try again, or it can be written anew.")
    is_offered = delivery.target_kind == "group" and may(request.actor, "announcements.write")
    address = reverse("campaigns:announcement_new", args=[request.workspace.slug]) + f"?group={delivery.target_id}"
    return {"text": text, "url": address if is_offered else ""}


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
@require_http_methods(["GET", "POST"])
def delivery_decide(request: WorkspaceRequest, delivery_id: int) -> HttpResponse:
    """A word for a delivery in doubt: sent, not_sent or again. GET asks before it is sent again."""
    if request.method == "GET":
        return _ask_again(request, delivery_id)
    return _change(request, delivery_id, partial(_decide, verdict=request.POST.get("verdict", "")))


def _decide(*, verdict: str, **facts: Any) -> Delivery:
    if verdict not in services.VERDICTS:
        raise InvalidInput(_("Unknown verdict."), field="verdict")
    return services.decide_unknown(verdict=verdict, **facts)


def _ask_again(request: WorkspaceRequest, delivery_id: int) -> HttpResponse:
    """The question before it is sent again: htmx gets the dialog, everybody else a page with it."""
    delivery = selectors.get_delivery(request.actor, delivery_id)
    group = delivery.target_label or str(delivery.target_id)
    dialog = {
        "id": "delivery-question",
        "title": _("Send again to %(group)s?") % {"group": group},
        "text": _("The first one may have arrived. If it did, the group gets it twice. Please look into it first."),
        "facts": [
            {"label": _("Group"), "value": group},
            {"label": _("Text"), "value": Truncator(selectors.text_to_read(delivery)).chars(SHOWN_SIGNS)},
        ],
        "action": request.path,
        "hidden": {"verdict": "again", "back": request.GET.get("back", "")},
        "confirm_label": pgettext("button", "Send again"),
        "is_bad": True,
    }
    template = "components/_dialog.html" if request.htmx else "messaging/delivery_question.html"
    crumbs = [{"label": _("Delivery record"), "url": _record_url(request)}]
    return render(request, template, {"dialog": dialog, "breadcrumbs": crumbs})


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
    """For htmx the row anew with the record's tabs; otherwise the page it was asked on, or the delivery's."""
    if request.htmx:
        return _row_anew(request, selectors.get_delivery(request.actor, delivery_id))
    back = request.POST.get("back", "")
    if back and url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        return redirect(back)
    return redirect("messaging:delivery", slug=request.workspace.slug, delivery_id=delivery_id)


def _row_anew(request: WorkspaceRequest, delivery: Delivery) -> HttpResponse:
    """A row of the record, and the tabs, whose numbers it changed, as the address in the browser has them."""
    now, query = clock.now(), QueryDict((request.htmx.current_url or "").partition("#")[0].partition("?")[2])
    visible, _group_id, _state = _narrowed(request, query)
    context = {
        "row": _rows([delivery], now)[0],
        "tabs": _tabs(visible, query, now),
        "back": f"{_record_url(request)}?{query.urlencode()}",
        "zone": ZONE,
        "may_decide": True,
    }
    return render(request, "messaging/_delivery_decided.html", context)
