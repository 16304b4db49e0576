"""Pages: what people decide about a delivery of the record, answered with its row anew or the page it was asked on."""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_http_methods, require_POST

from community_ops.accounts.pages import WorkspaceRequest, page, tell, tell_undoable
from community_ops.common import clock
from community_ops.common.errors import DomainError, InvalidInput
from messaging import selectors, services
from messaging.models import Delivery
from messaging.part_wording import part_words
from messaging.undoing import undo_until
from messaging.views import ZONE, narrowed, record_url, rows_of, tabs_of

SHOWN_SIGNS = 60
_UNDOABLE: dict[str, str | Promise] = {  # said where the page it was asked on shows it no more
    "sent": gettext_lazy("Noted: it was sent. This can be undone for ten minutes."),
    "not_sent": gettext_lazy("Noted: it was not sent. This can be undone for ten minutes."),
}


@page("deliveries.decide")
@require_http_methods(["GET", "POST"])
def decide(request: WorkspaceRequest, delivery_id: int) -> HttpResponse:
    """A word for a delivery in doubt: sent, not_sent or again. GET asks before it is sent again."""
    if request.method == "GET":
        return _ask_again(request, delivery_id)
    verdict = request.POST.get("verdict", "")
    return _change(request, delivery_id, partial(_decide, verdict=verdict), undoable=_UNDOABLE.get(verdict, ""))


def _decide(*, verdict: str, **facts: Any) -> Delivery:
    if verdict not in services.VERDICTS:
        raise InvalidInput(_("Unknown verdict."), field="verdict")
    return services.decide_unknown(verdict=verdict, **facts)


def _ask_again(request: WorkspaceRequest, delivery_id: int) -> HttpResponse:
    """The question before it is sent again: htmx gets the dialog, everybody else a page with it."""
    delivery = selectors.get_delivery(request.actor, delivery_id)
    group = delivery.target_label or str(delivery.target_id)
    text = selectors.words_in_doubt(delivery) or selectors.words_to_read(delivery)
    part = part_words(delivery.parts_sent + 1, delivery.part_count)
    dialog = {
        "id": "delivery-question",
        "title": _("Send again to %(group)s?") % {"group": group},
        "text": _(
            "The first one may have arrived. If it did, the group gets it twice, and that cannot be undone."
            " Please look into it first."
        ),
        "facts": [
            {"label": _("Group"), "value": group},
            *([{"label": pgettext("part of a message", "Part"), "value": part}] if part else []),
            {"label": _("Text"), "value": Truncator(text).chars(SHOWN_SIGNS)},
        ],
        "action": request.path,
        "hidden": {"verdict": "again", "back": request.GET.get("back", "")},
        "confirm_label": pgettext("button", "Send again"),
        "is_bad": True,
    }
    template = "components/_dialog.html" if request.htmx else "messaging/delivery_question.html"
    crumbs = [{"label": _("Delivery record"), "url": record_url(request)}]
    return render(request, template, {"dialog": dialog, "breadcrumbs": crumbs})


@page("deliveries.decide")
@require_POST
def try_now(request: WorkspaceRequest, delivery_id: int) -> HttpResponse:
    """Let a delivery that is being retried try at once."""
    return _change(request, delivery_id, services.try_now)


@page("deliveries.decide")
@require_POST
def cancel(request: WorkspaceRequest, delivery_id: int) -> HttpResponse:
    """Cancel one delivery that has not gone out."""
    return _change(request, delivery_id, services.cancel_delivery)


@page("deliveries.decide")
@require_POST
def requeue(request: WorkspaceRequest, delivery_id: int) -> HttpResponse:
    """Give a failed delivery its tries again."""
    return _change(request, delivery_id, services.requeue_failed)


@page("deliveries.decide")
@require_POST
def undo(request: WorkspaceRequest, delivery_id: int) -> HttpResponse:
    """Take the last word about a doubt back."""
    return _change(request, delivery_id, services.undo_decision)


def _change(
    request: WorkspaceRequest,
    delivery_id: int,
    service: Callable[..., Delivery],
    undoable: str | Promise = "",
) -> HttpResponse:
    """Call the service for this delivery; a refusal is said on the next page, and so is `undoable` where the delivery
    itself is not to be seen there."""
    delivery = selectors.get_delivery(request.actor, delivery_id)
    now = clock.now()
    try:
        fresh = service(delivery=delivery, actor=request.actor, now=now)
    except DomainError as refusal:
        tell(request, refusal)
    else:
        if undoable and not request.htmx and _back(request) and undo_until([fresh], now=now):
            address = reverse("messaging:delivery_undo", args=[request.workspace.slug, delivery_id])
            tell_undoable(request, undoable, f"{address}?{urlencode({'back': _back(request)})}")
    return _after_change(request, delivery_id)


def _after_change(request: WorkspaceRequest, delivery_id: int) -> HttpResponse:
    """For htmx the row anew with the record's tabs; otherwise the page it was asked on, or the delivery's."""
    if request.htmx:
        return _row_anew(request, selectors.get_delivery(request.actor, delivery_id))
    back = _back(request)
    return redirect(back) if back else redirect("messaging:delivery", request.workspace.slug, delivery_id)


def _back(request: WorkspaceRequest) -> str:
    """The page of ours it was asked on, where it was named: by the form, or in the address of an undo."""
    back = request.POST.get("back", "") or request.GET.get("back", "")
    return back if url_has_allowed_host_and_scheme(back, allowed_hosts=None) else ""


def _row_anew(request: WorkspaceRequest, delivery: Delivery) -> HttpResponse:
    """A row of the record, and the tabs, whose numbers it changed, as the address in the browser has them."""
    now, query = clock.now(), QueryDict((request.htmx.current_url or "").partition("#")[0].partition("?")[2])
    visible, _group_id, _state = narrowed(request, query)
    context = {
        "row": rows_of(request, [delivery], now)[0],
        "tabs": tabs_of(visible, query, now),
        "back": f"{record_url(request)}?{query.urlencode()}",
        "zone": ZONE,
        "may_decide": True,
    }
    return render(request, "messaging/_delivery_decided.html", context)
