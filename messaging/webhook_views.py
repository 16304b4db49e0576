"""Pages: 设置 → Webhook: who is told of what happens here, and what became of each call."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.errors import DomainError
from community_ops.common.once import once_per_form
from community_ops.common.paging import newest_first
from messaging import webhook_selectors as selectors
from messaging import webhook_wording as wording
from messaging.services import webhooks
from messaging.services.webhooks.keys import old_key_until
from messaging.webhook_forms import WebhookForm, initial_of
from messaging.webhook_models import CallState, WebhookCall, WebhookSubscription

ZONE = settings.DEFAULT_COMMUNITY_TIMEZONE
PAGES = {  # of the things calls tell of: the page, and who may see it
    "deliveries": ("messaging:delivery", "deliveries.view"),
    "announcement": ("campaigns:announcement", "announcements.view"),
    "run": ("campaigns:run", "playbooks.view"),
}


@page("webhooks.view")
@require_safe
def webhook_list(request: WorkspaceRequest) -> HttpResponse:
    """Live subscriptions with how they do."""
    new_url = reverse("messaging:webhook_new", args=[request.workspace.slug])
    context = {
        "rows": [_row(row) for row in selectors.webhooks_visible_to(request.actor)],
        "may_manage": may(request.actor, "webhooks.manage"),
        "zone": ZONE,
        "empty": {
            "icon": "signal",
            "title": _("Nobody is told yet"),
            "text": _("Give the address of another tool: it hears within seconds of orders, joins and messages."),
            "action_url": new_url,
            "action_label": _("New webhook"),
        },
    }
    return render(request, "messaging/webhook_list.html", context)


def _row(subscription: WebhookSubscription) -> dict[str, Any]:
    return {
        "webhook": subscription,
        "badge": wording.subscription_badge(subscription),
        "events": wording.events_words(subscription.events),
    }


@page("webhooks.manage")
@require_http_methods(["GET", "POST"])
def webhook_new(request: WorkspaceRequest) -> HttpResponse:
    """Make a subscription; the answer shows its secret, this once."""
    form = WebhookForm(request.POST or None, initial={"everything": True})
    if request.method == "POST" and form.is_valid():
        try:
            made_id, key = once_per_form(request, actor=request.actor, run=lambda: _made(request, form))
            return _secret_page(request, selectors.get_webhook(request.actor, made_id), key)
        except DomainError as refusal:
            form.refuse(refusal)
    context = {"form": form, "breadcrumbs": _crumbs(request)}
    return render(request, "messaging/webhook_form.html", context, status=422 if form.errors else 200)


def _made(request: WorkspaceRequest, form: WebhookForm) -> list[Any]:
    """The id of a new subscription and its secret: a form that is sent twice shows the same one again."""
    facts = {"workspace_id": request.workspace.pk, **form.facts()}
    made, key = webhooks.create_subscription(**facts, actor=request.actor, now=clock.now())
    return [made.pk, key]


def _secret_page(request: WorkspaceRequest, subscription: WebhookSubscription, key: str) -> HttpResponse:
    context = {
        "webhook": subscription,
        "key": key,
        "old_until": old_key_until(subscription, now=clock.now()),
        "breadcrumbs": _crumbs(request),
        "zone": ZONE,
    }
    answer = render(request, "messaging/webhook_secret.html", context)
    answer["Cache-Control"] = "no-store"
    return answer


def _crumbs(request: WorkspaceRequest, subscription: WebhookSubscription | None = None) -> list[dict[str, str]]:
    slug = request.workspace.slug
    crumbs = [{"label": _("Webhooks"), "url": reverse("messaging:webhooks", args=[slug])}]
    if subscription is not None:
        url = reverse("messaging:webhook", args=[slug, subscription.pk])
        crumbs.append({"label": subscription.name, "url": url})
    return crumbs


@page("webhooks.view")
@require_safe
def webhook_detail(request: WorkspaceRequest, webhook_id: int) -> HttpResponse:
    """One subscription with its log; the log comes alone when htmx asks for what has changed."""
    subscription = selectors.get_webhook(request.actor, webhook_id)
    calls, pager = newest_first(selectors.calls_of(request.actor, subscription), request.GET)
    context = {
        "webhook": subscription,
        "badge": wording.subscription_badge(subscription),
        "events": [wording.event_words(name) for name in subscription.events if name != "*"],
        "calls": [_call_row(request, row) for row in calls],
        "is_moving": any(row.state == CallState.PENDING for row in calls),
        "pager": pager,
        "questions": _questions(request, subscription),
        "may_manage": may(request.actor, "webhooks.manage"),
        "breadcrumbs": _crumbs(request),
        "zone": ZONE,
        "empty": {
            "title": _("No calls yet"),
            "text": _("As soon as something happens that this webhook is to be told about, the call is listed here."),
        },
    }
    return render(request, f"messaging/{'_webhook_log' if request.htmx else 'webhook_detail'}.html", context)


def _call_row(request: WorkspaceRequest, row: WebhookCall) -> dict[str, Any]:
    return {
        "call": row,
        "event": wording.event_words(row.event),
        "badge": wording.call_badge(row),
        "last": wording.try_words(getattr(row, "last_outcome", None), getattr(row, "last_status", None)),
        "about": wording.about_words(row),
        "about_url": _about_url(request, row),
    }


def _about_url(request: WorkspaceRequest, row: WebhookCall) -> str:
    """The page of the first thing a call tells of, for whoever may see such pages."""
    name, ids = wording.things_told(row)
    view, action = PAGES.get(name, ("", ""))
    return reverse(view, args=[request.workspace.slug, ids[0]]) if view and may(request.actor, action) else ""


def _questions(request: WorkspaceRequest, subscription: WebhookSubscription) -> dict[str, dict[str, Any]]:
    """What is asked before something that cannot be taken back."""

    def question(name: str, title: str, text: str, label: str, *, is_bad: bool = True) -> dict[str, Any]:
        action = reverse(f"messaging:webhook_{name}", args=[request.workspace.slug, subscription.pk])
        return {
            "id": f"webhook-{name}",
            "title": title % {"name": subscription.name},
            "text": text,
            "action": action,
            "confirm_label": label,
            "is_bad": is_bad,
        }

    return {
        "off": question(
            "off",
            _("Switch “%(name)s” off?"),
            _("What happens while it is off is not told later. Calls that have not arrived yet are given up."),
            _("Switch off"),
        ),
        "secret": question(
            "secret",
            _("A new secret for “%(name)s”?"),
            _("The new one is shown once. For 24 hours calls are signed with both, so that the receiver can change."),
            _("New secret"),
            is_bad=False,
        ),
        "archive": question(
            "archive",
            _("Archive “%(name)s”?"),
            _("It is told nothing any more, and its log is not shown any more."),
            _("Archive"),
        ),
    }


@page("webhooks.manage")
@require_http_methods(["GET", "POST"])
def webhook_edit(request: WorkspaceRequest, webhook_id: int) -> HttpResponse:
    """Name, address and events; the address is typed anew or kept."""
    subscription = selectors.get_webhook(request.actor, webhook_id)
    form = WebhookForm(request.POST or None, initial=initial_of(subscription.name, subscription.events), is_known=True)
    if request.method == "POST" and form.is_valid():
        try:
            webhooks.update_subscription(
                subscription=subscription, **form.facts(), actor=request.actor, now=clock.now()
            )
            messages.success(request, _("“%(name)s” was changed.") % {"name": form.cleaned_data["name"]})
            return _to_detail(request, subscription.pk)
        except DomainError as refusal:
            form.refuse(refusal)
    context = {"form": form, "webhook": subscription, "breadcrumbs": _crumbs(request, subscription)}
    return render(request, "messaging/webhook_form.html", context, status=422 if form.errors else 200)


@page("webhooks.manage")
@require_POST
def webhook_secret(request: WorkspaceRequest, webhook_id: int) -> HttpResponse:
    """A new secret, shown in this answer only."""
    subscription = selectors.get_webhook(request.actor, webhook_id)
    key = webhooks.rotate_secret(subscription=subscription, actor=request.actor, now=clock.now())
    return _secret_page(request, selectors.get_webhook(request.actor, webhook_id), key)


@page("webhooks.manage")
@require_POST
def webhook_on(request: WorkspaceRequest, webhook_id: int) -> HttpResponse:
    words = _("“%(name)s” is told of what happens from now on.")
    return _act(request, webhook_id, webhooks.switch_on, words)


@page("webhooks.manage")
@require_POST
def webhook_off(request: WorkspaceRequest, webhook_id: int) -> HttpResponse:
    return _act(request, webhook_id, webhooks.switch_off, _("“%(name)s” is off."))


@page("webhooks.manage")
@require_POST
def webhook_test(request: WorkspaceRequest, webhook_id: int) -> HttpResponse:
    """Queue a test; the log on the page tells what came of it."""
    words = _("A test for “%(name)s” is on its way; the log tells what came of it.")
    return _act(request, webhook_id, webhooks.send_test, words)


@page("webhooks.manage")
@require_POST
def webhook_archive(request: WorkspaceRequest, webhook_id: int) -> HttpResponse:
    _act(request, webhook_id, webhooks.archive_subscription, _("“%(name)s” was archived."))
    return redirect("messaging:webhooks", slug=request.workspace.slug)


def _act(request: WorkspaceRequest, webhook_id: int, change: Callable[..., Any], words: str) -> HttpResponse:
    """Call a service for one subscription, say what was done or why not, and go back to its page."""
    subscription = selectors.get_webhook(request.actor, webhook_id)
    try:
        change(subscription=subscription, actor=request.actor, now=clock.now())
        messages.success(request, words % {"name": subscription.name})
    except DomainError as refusal:
        tell(request, refusal)
    return _to_detail(request, webhook_id)


@page("webhooks.view")
@require_safe
def webhook_call(request: WorkspaceRequest, call_id: int) -> HttpResponse:
    """One call: what was sent, try by try."""
    row = selectors.get_call(request.actor, call_id)
    context = {
        "row": _call_row(request, row),
        "story": wording.story(row.tries.order_by("-number")),
        "is_retried": row.state == CallState.PENDING and not row.lease_owner,
        "may_repeat": may(request.actor, "webhooks.manage") and row.subscription.is_on,
        "breadcrumbs": _crumbs(request, row.subscription),
        "zone": ZONE,
        "empty": {"title": _("Not tried yet")},
    }
    return render(request, "messaging/webhook_call.html", context)


@page("webhooks.manage")
@require_POST
def webhook_again(request: WorkspaceRequest, call_id: int) -> HttpResponse:
    """Make a call once more."""
    row = selectors.get_call(request.actor, call_id)
    try:
        webhooks.redeliver(call=row, actor=request.actor, now=clock.now())
        messages.success(request, _("The call is made once more."))
    except DomainError as refusal:
        tell(request, refusal)
    return redirect("messaging:webhook_call", slug=request.workspace.slug, call_id=call_id)


def _to_detail(request: WorkspaceRequest, webhook_id: int) -> HttpResponse:
    return redirect("messaging:webhook", slug=request.workspace.slug, webhook_id=webhook_id)
