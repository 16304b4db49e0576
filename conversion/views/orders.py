"""订单: the list with its filters, and what can be done in a row."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.actors import Actor
from community_ops.common.errors import DomainError
from community_ops.common.templatetags.wording import grouped, money
from conversion import selectors, services
from conversion.forms import ORDER_STATES, ReasonForm
from conversion.models import Order, OrderState
from conversion.policies import SaleMoment
from conversion.selectors import RefundEffects
from conversion.views.paging import number, page_of

_POSSIBLE: dict[str, tuple[str, ...]] = {
    OrderState.HELD: ("pay", "cancel"),
    OrderState.EXPIRED: ("pay",),
    OrderState.PAID_LATE: ("accept", "refund"),
    OrderState.PAID: ("fulfil", "refund"),
    OrderState.FULFILLED: ("refund",),
}
_ASKING = ("pay", "cancel", "accept", "refund")


@page("orders.view")
@require_safe
def order_list(request: WorkspaceRequest) -> HttpResponse:
    """Newest first. `?state=`, `?sale=` and `?member=` stand in the address: the view can be shared."""
    now = clock.now()
    rows = selectors.orders_visible_to(request.actor)
    state, sale_id, member_id = request.GET.get("state", ""), number(request, "sale"), number(request, "member")
    if state in OrderState.values:
        rows = selectors.orders_in_state(rows, state, now=now)
    if sale_id is not None:
        rows = rows.filter(sale_id=sale_id)
    if member_id is not None:
        rows = rows.filter(member_id=member_id)
    shown, pager = page_of(request, rows)
    context = {
        "rows": [order_row(order, request.workspace.slug, now, request.actor) for order in shown],
        "pager": pager,
        "state": state,
        "states": ORDER_STATES,
        "sale_id": sale_id,
        "member_id": member_id,
        "may_manage": may(request.actor, "orders.manage"),
        "empty": {
            "icon": "receipt-percent",
            "title": _("No orders here"),
            "text": _("Orders come from a flash sale or from an imported file."),
        },
    }
    return render(request, "conversion/order_list.html", context)


@page("orders.manage")
@require_http_methods(["GET", "POST"])
def order_pay(request: WorkspaceRequest, order_id: int) -> HttpResponse:
    """A colleague has seen the money. GET asks first: it cannot be undone."""
    if request.method == "GET":
        text = _("%(name)s, %(amount)s. This cannot be undone; a payment is only given back as a refund.")
        return _ask(request, order_id, title=_("Is the money there?"), text=text, confirm_label=_mark_as_paid())
    return _change(request, order_id, services.pay_order, _("Marked as paid."))


@page("orders.manage")
@require_http_methods(["GET", "POST"])
def order_accept(request: WorkspaceRequest, order_id: int) -> HttpResponse:
    """A payment that came late counts after all, if the pieces are still there. GET asks first."""
    if request.method == "GET":
        text = _("The order takes its pieces out of the stock once more and counts as paid. Only a refund undoes this.")
        title, label = _("Accept this late payment?"), pgettext("button", "Accept the payment")
        return _ask(request, order_id, title=title, text=text, confirm_label=label, facts_of=_facts)
    return _change(
        request, order_id, services.accept_late_payment, _("Accepted: the order is paid and has its pieces.")
    )


@page("orders.manage")
@require_POST
def order_fulfil(request: WorkspaceRequest, order_id: int) -> HttpResponse:
    return _change(request, order_id, services.fulfil_order, _("Marked as delivered."))


@page("orders.refund")
@require_http_methods(["GET", "POST"])
def order_refund(request: WorkspaceRequest, order_id: int) -> HttpResponse:
    """The money was given back by hand. GET asks why."""
    if request.method == "GET":
        text = _("%(name)s, %(amount)s. Give the money back first: no money moves by this. It cannot be undone.")
        more: dict[str, Any] = {"confirm_label": _mark_as_refunded(), "needs_reason": True, "is_bad": True}
        more["facts_of"] = partial(_refund_facts, request.actor)
        return _ask(request, order_id, title=_("Was the money given back?"), text=text, **more)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Please give a reason."))
        return _back(request, selectors.get_order(request.actor, order_id))
    refund = partial(services.refund_order, reason=form.cleaned_data["reason"])
    return _change(request, order_id, refund, _("Marked as refunded."))


@page("orders.manage")
@require_http_methods(["GET", "POST"])
def order_cancel(request: WorkspaceRequest, order_id: int) -> HttpResponse:
    """Give up an order that waits for payment. GET asks first: others can have its pieces at once."""
    if request.method == "GET":
        text = _("Its pieces are free for others at once. This cannot be undone.")
        title, label = _("Cancel this order?"), pgettext("button", "Cancel the order")
        return _ask(request, order_id, title=title, text=text, confirm_label=label, facts_of=_facts, is_bad=True)
    return _change(request, order_id, services.cancel_order, _("The order was cancelled, its pieces are free again."))


def _is_offered(verb: str, order: Order, actor: Actor) -> bool:
    """Refunding is a right of its own; what was imported is delivered elsewhere."""
    if verb == "fulfil" and not order.sale:
        return False
    return may(actor, "orders.refund" if verb == "refund" else "orders.manage")


def order_row(order: Order, slug: str, now: datetime, actor: Actor) -> dict[str, Any]:
    """The context of conversion/_order_row.html."""
    state = order.state_at(now)
    return {
        "order": order,
        "state": str(state),
        "zone": order.community.timezone,
        "quantity": sum(line.quantity for line in order.lines.all()),
        "what": _what(order),
        "buttons": [_button(verb, order, slug) for verb in _POSSIBLE.get(state, ()) if _is_offered(verb, order, actor)],
        "is_late": state is OrderState.PAID_LATE,
        "is_simulated": order.paid_at is not None and selectors.is_simulated(order),
    }


def _button(verb: str, order: Order, slug: str) -> dict[str, Any]:
    labels = {
        "pay": _mark_as_paid(),
        "cancel": pgettext("button", "Cancel the order"),
        "accept": pgettext("button", "Accept the payment"),
        "fulfil": pgettext("button", "Mark as delivered"),
        "refund": _mark_as_refunded(),
    }
    url = reverse(f"conversion:order_{verb}", args=[slug, order.pk])
    return {"label": labels[verb], "url": url, "asks": verb in _ASKING, "is_quiet": verb == "cancel"}


def _mark_as_paid() -> str:
    return pgettext("button", "Mark as paid")


def _mark_as_refunded() -> str:
    return pgettext("button", "Mark as refunded")


def _ask(
    request: WorkspaceRequest,
    order_id: int,
    *,
    text: str,
    facts_of: Callable[[Order], list[dict[str, Any]]] | None = None,
    **words: Any,
) -> HttpResponse:
    """The question before a change: htmx gets the dialog, everybody else a page with it.

    `text` may name the buyer and the amount; `facts_of` lists what the change touches.
    """
    order = selectors.get_order(request.actor, order_id)
    facts = {"name": order.member.display_name, "amount": money(order.total_amount, order.currency)}
    dialog = {
        "id": "order-question",
        "action": request.path,
        "hidden": {"back": "sale"} if request.GET.get("back") == "sale" else {},
        "text": text % facts,
        "facts": facts_of(order) if facts_of else [],
        **words,
    }
    template = "components/_dialog.html" if request.htmx else "conversion/order_question.html"
    crumbs = [{"label": _("Orders"), "url": reverse("conversion:order_list", args=[request.workspace.slug])}]
    return render(request, template, {"dialog": dialog, "breadcrumbs": crumbs})


def _facts(order: Order) -> list[dict[str, Any]]:
    """Whom and what a change of this order touches."""
    return [
        {"label": _("Order"), "value": order.pk},
        {"label": _("Customer"), "value": order.member.display_name},
        {"label": _("What"), "value": _what(order)},
        {"label": _("Pieces"), "value": grouped(sum(line.quantity for line in order.lines.all()))},
        {"label": _("Amount"), "value": money(order.total_amount, order.currency)},
    ]


def _refund_facts(actor: Actor, order: Order) -> list[dict[str, Any]]:
    """What a refund changes besides the order: pieces, the sale, its messages."""
    effects = selectors.refund_effects(order, actor, now=clock.now())
    if effects.sale_moment is None:
        return []
    found = [{"label": _("Pieces"), "value": _pieces_after_refund(order, effects)}]
    if effects.reopens:
        found.append({"label": _("Sale"), "value": _("Sold out now; it is open again and members can buy.")})
    if effects.steps:
        names = pgettext("between names", ", ").join(_(name) for name in effects.steps)
        words = _("Called off by “sold out”; these are planned again and go out: %(names)s") % {"names": names}
        found.append({"label": _("Messages"), "value": words})
    return found


def _pieces_after_refund(order: Order, effects: RefundEffects) -> str:
    if order.state == OrderState.FULFILLED:
        return _("None comes back: the order was delivered.")
    if not effects.pieces:
        return _("None comes back: they were free again when the time to pay was over.")
    if effects.sale_moment in (SaleMoment.ENDED, SaleMoment.CANCELLED):
        text = ngettext(
            "%(count)s counts as left. The sale is over: nothing is sold again.",
            "%(count)s count as left. The sale is over: nothing is sold again.",
            effects.pieces,
        )
    elif effects.sale_moment is SaleMoment.PAUSED:
        text = ngettext(
            "%(count)s is on sale again as soon as the paused sale goes on.",
            "%(count)s are on sale again as soon as the paused sale goes on.",
            effects.pieces,
        )
    else:
        text = ngettext("%(count)s is on sale again at once.", "%(count)s are on sale again at once.", effects.pieces)
    return text % {"count": grouped(effects.pieces)}


def _what(order: Order) -> str:
    lines = order.lines.all()
    if not lines:
        return ""
    more = _(" and %(count)d more") % {"count": len(lines) - 1} if len(lines) > 1 else ""
    return f"{lines[0].description}{more}"


def _change(request: WorkspaceRequest, order_id: int, change: Callable[..., Order], done: str) -> HttpResponse:
    """Change one order; htmx gets its row anew, everybody else the page she came from."""
    order = selectors.get_order(request.actor, order_id)
    now = clock.now()
    try:
        change(order=order, actor=request.actor, now=now)
        if change is services.pay_order and order.state == OrderState.PAID_LATE:
            messages.warning(request, _("The time to pay was over and the pieces were free again: please decide."))
        elif not request.htmx:
            messages.success(request, done)
    except DomainError as refusal:
        tell(request, refusal)
    if request.htmx:
        row = order_row(selectors.get_order(request.actor, order_id), request.workspace.slug, now, request.actor)
        context = {"row": row, "may_manage": True, "in_sale": request.POST.get("back") == "sale", "is_fragment": True}
        return render(request, "conversion/_order_row.html", context)
    return _back(request, order)


def _back(request: WorkspaceRequest, order: Order) -> HttpResponse:
    if request.POST.get("back") == "sale" and order.sale_id:
        return redirect("conversion:sale_detail", slug=request.workspace.slug, sale_id=order.sale_id)
    return redirect("conversion:order_list", slug=request.workspace.slug)
