"""All that failed of an announcement or a run, queued again at once: first the question, which says how many."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_http_methods

from campaigns import selectors, services
from campaigns.models import Announcement, PlaybookRun
from campaigns.views.acting import SHOWN_NAMES
from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.errors import DomainError
from community_ops.common.templatetags.wording import grouped


def requeue_url(request: WorkspaceRequest, sent: Announcement | PlaybookRun) -> str:
    """Where it is asked; nothing where nothing failed, or for whoever may not queue again."""
    if not may(request.actor, "deliveries.decide") or not selectors.requeueable_of(sent, request.actor).exists():
        return ""
    return _address(request, sent, "_requeue")


@page("deliveries.decide")
@require_http_methods(["GET", "POST"])
def announcement_requeue(request: WorkspaceRequest, announcement_id: int) -> HttpResponse:
    """Queue again what failed of an announcement; a refusal is said on the next page."""
    announcement = selectors.get_announcement(request.actor, announcement_id)
    return _answer(request, announcement, partial(services.requeue_announcement, announcement=announcement))


@page("deliveries.decide")
@require_http_methods(["GET", "POST"])
def run_requeue(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    """Queue again what failed of a run."""
    run = selectors.get_run(request.actor, run_id)
    return _answer(request, run, partial(services.requeue_run, run=run))


def _answer(request: WorkspaceRequest, sent: Announcement | PlaybookRun, service: Callable[..., int]) -> HttpResponse:
    if request.method == "GET":
        return _ask(request, sent)
    try:
        count = service(actor=request.actor, now=clock.now())
        told = ngettext("%(count)d message is queued again.", "%(count)d messages are queued again.", count)
        messages.success(request, told % {"count": count})
    except DomainError as refusal:
        tell(request, refusal)
    return redirect(_address(request, sent))


def _ask(request: WorkspaceRequest, sent: Announcement | PlaybookRun) -> HttpResponse:
    """The question as a page; with script its form is fetched into the place `messaging/_delivery_question.html`."""
    failed = selectors.requeueable_of(sent, request.actor)
    names = list(dict.fromkeys(failed.values_list("target_label", flat=True)))
    dialog: dict[str, Any] = {
        "id": "delivery-question",
        "title": _("Queue all that failed again?"),
        "text": _("Each goes out as soon as its turn comes, however late it is by now, and has all its tries again."),
        "facts": [{"label": _("Failed messages"), "value": grouped(failed.count())}],
        "names": names[:SHOWN_NAMES],
        "names_total": len(names) if len(names) > SHOWN_NAMES else None,
        "action": request.path,
        "confirm_label": pgettext("button", "Queue all again"),
    }
    crumbs = [{"label": str(sent), "url": _address(request, sent)}]
    return render(request, "messaging/delivery_question.html", {"dialog": dialog, "breadcrumbs": crumbs})


def _address(request: WorkspaceRequest, sent: Announcement | PlaybookRun, action: str = "") -> str:
    kind = "announcement" if isinstance(sent, Announcement) else "run"
    return reverse(f"campaigns:{kind}{action}", args=[request.workspace.slug, sent.pk])
