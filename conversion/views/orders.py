"""订单: the list with its filters, and what can be done in a row."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.errors import DomainError
from conversion import selectors, services
from conversion.forms import ORDER_STATES
from conversion.models import Order, OrderState
from conversion.views.paging import number, page_of


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
        "rows": [order_row(order, now) for order in shown],
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
@require_POST
def order_pay(request: WorkspaceRequest, order_id: int) -> HttpResponse:
    """A colleague has seen the money."""
    return _change(request, order_id, services.pay_order, _("Marked as paid."))


@page("orders.manage")
@require_POST
def order_cancel(request: WorkspaceRequest, order_id: int) -> HttpResponse:
    return _change(request, order_id, services.cancel_order, _("The order was cancelled, its pieces are free again."))


def order_row(order: Order, now: datetime) -> dict[str, Any]:
    """The context of conversion/_order_row.html."""
    state = order.state_at(now)
    return {
        "order": order,
        "state": str(state),
        "zone": order.community.timezone,
        "quantity": sum(line.quantity for line in order.lines.all()),
        "what": _what(order),
        "can_pay": state in (OrderState.HELD, OrderState.EXPIRED),
        "can_cancel": state is OrderState.HELD,
        "is_late": state is OrderState.PAID_LATE,
    }


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
        if order.state == OrderState.PAID_LATE:
            messages.warning(request, _("The time to pay was over and the pieces were free again: please decide."))
        elif not request.htmx:
            messages.success(request, done)
    except DomainError as refusal:
        tell(request, refusal)
    if request.htmx:
        row = order_row(selectors.get_order(request.actor, order_id), now)
        return render(request, "conversion/_order_row.html", {"row": row, "may_manage": True, "is_fragment": True})
    if request.POST.get("back") == "sale" and order.sale_id:
        return redirect("conversion:sale_detail", slug=request.workspace.slug, sale_id=order.sale_id)
    return redirect("conversion:order_list", slug=request.workspace.slug)
