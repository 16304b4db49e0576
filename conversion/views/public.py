"""The members' page of a sale: /s/<code>/. Works without script; with it, clock and stock are live.

Everything is told in the community's language. Whoever has the link sees the sale; only a member (by her personal
link, or registered here where the sale allows it) can buy.
"""

import secrets
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from community_ops.common import clock
from community_ops.common.actors import Actor, ActorKind
from community_ops.common.errors import DomainError
from community_ops.common.throttle import address_of, too_many_from
from conversion import selectors, services
from conversion.errors import SaleLimitReached, SaleNotOpen, SaleSoldOut
from conversion.forms import BuyForm, RegisterForm
from conversion.models import FlashSale, Order, OrderSource, OrderState, PaymentMode
from conversion.policies import SaleMoment
from conversion.wording import told_to_member, window_words
from members import passes
from members.services import register_by_phone

if TYPE_CHECKING:
    from members.models import Member

CODE_LENGTHS = range(16, 33)
SHOWN_ORDERS = 10
_COUNTED = (OrderState.HELD, OrderState.PAID, OrderState.FULFILLED)
PublicView = Callable[..., HttpResponse]


def sale_page(view: PublicView) -> PublicView:
    """Find the sale of the address, or 404; speak its community's language.

    How often a sale is looked at is not limited: its link is everybody's, and a town may share one network address.
    """

    @never_cache
    @wraps(view)
    def run(request: HttpRequest, code: str, **kwargs: Any) -> HttpResponse:
        now = clock.now()
        sale = selectors.find_public_sale(code, now=now) if len(code) in CODE_LENGTHS else None
        if sale is None:
            if refusal := too_many_from(request, now=now):
                return refusal
            raise Http404
        with translation.override(sale.community.locale):
            return view(request, sale, now, **kwargs)

    return run


@require_safe
@sale_page
def sale(request: HttpRequest, sale: FlashSale, now: datetime) -> HttpResponse:
    """The page; with `X-Fragment: 1` only its live part."""
    context = _live(sale, _member(request, sale), now)
    if request.headers.get("X-Fragment"):
        return render(request, "public/_sale_live.html", context)
    context |= {
        "buy_form": BuyForm(initial={"quantity": 1, "key": secrets.token_urlsafe(12)}),
        "register_form": RegisterForm(),
        "is_sandbox": sale.payment_mode == PaymentMode.SANDBOX,
    }
    return render(request, "public/sale.html", context)


@require_POST
@sale_page
def sale_buy(request: HttpRequest, sale: FlashSale, now: datetime) -> HttpResponse:
    """Take pieces; the answer is the page with what is hers, or why not."""
    member, form = _member(request, sale), BuyForm(request.POST)
    if member is None:
        messages.error(request, _("Please open your personal link first, then buy."))
    elif not form.is_valid():
        messages.error(request, _("Please enter how many you want."))
    else:
        _buy(request, sale, member, form, now)
    return _back(sale)


@require_POST
@sale_page
def sale_register(request: HttpRequest, sale: FlashSale, now: datetime) -> HttpResponse:
    """Become a member by name and phone, where the sale allows it, or come back by the same two."""
    if not sale.allow_registration:
        raise Http404
    form = RegisterForm(request.POST)
    response = _back(sale)
    if form.is_valid():
        try:
            made = register_by_phone(
                community=sale.community,
                name=form.cleaned_data["name"],
                phone=form.cleaned_data["phone"],
                address=address_of(request),
                now=now,
            )
            passes.remember_pass(request, response, made.member_pass)
            return response
        except DomainError as refusal:
            form.refuse(refusal)
    context = {**_live(sale, None, now), "register_form": form}
    return render(request, "public/sale.html", context, status=422)


@require_POST
@sale_page
def sale_order_pay(request: HttpRequest, sale: FlashSale, now: datetime, order_id: int) -> HttpResponse:
    """The button of a simulated payment; a real one is confirmed by a colleague or a payment provider."""
    if sale.payment_mode != PaymentMode.SANDBOX:
        raise Http404
    return _settle(request, sale, order_id, services.pay_order, now)


@require_POST
@sale_page
def sale_order_cancel(request: HttpRequest, sale: FlashSale, now: datetime, order_id: int) -> HttpResponse:
    return _settle(request, sale, order_id, services.cancel_order, now)


def _live(sale: FlashSale, member: "Member | None", now: datetime) -> dict[str, Any]:
    """Clock, stock and state, and what is the member's: all that changes while somebody looks."""
    counts = selectors.counts_of(sale)
    moment = selectors.moment_of(sale, now=now)
    item = sale.items.all()[0]
    rows = [_row(order, now) for order in _orders(sale, member)]
    room = _room(sale, rows)
    can_buy = member is not None and moment == SaleMoment.OPEN and (room is None or room > 0)
    return {
        "member": member,
        "rows": rows,
        "can_buy": can_buy,
        "room": room,
        "has_some": room != sale.limit_per_member,
        "must_pay": any(row["is_held"] for row in rows),
        "page_state": _page_state(sale, moment, member, can_buy, rows),
        "sale": sale,
        "item": item,
        "is_cheaper": item.price_amount < item.variant.price_amount,
        "zone": sale.community.timezone,
        "window": window_words(sale.starts_at, sale.ends_at, sale.community.timezone),
        "now": now,
        "moment": str(moment),
        "counts": counts,
        "is_before": moment == SaleMoment.SCHEDULED,
        "is_running": moment in (SaleMoment.OPEN, SaleMoment.SOLD_OUT),
    }


def _page_state(
    sale: FlashSale, moment: SaleMoment, member: "Member | None", can_buy: bool, rows: list[dict[str, Any]]
) -> str:
    """What the rest of the page depends on: when the live part brings another one, the page loads anew."""
    orders = [f"{row['order'].pk}-{row['state']}" for row in rows]
    times = [f"{at:%Y%m%dT%H%M%S}" for at in (sale.starts_at, sale.ends_at)]
    door = "register" if sale.allow_registration else "link"
    return " ".join([moment, *times, door, str(member.pk if member else 0), "buy" if can_buy else "look", *orders])


def _row(order: Order, now: datetime) -> dict[str, Any]:
    state = order.state_at(now)
    return {
        "told": told_to_member(state),
        "order": order,
        "state": str(state),
        "quantity": sum(line.quantity for line in order.lines.all()),
        "is_held": state is OrderState.HELD,
    }


def _orders(sale: FlashSale, member: "Member | None") -> list[Order]:
    return [] if member is None else list(selectors.orders_of_buyer(sale, member)[:SHOWN_ORDERS])


def _room(sale: FlashSale, rows: list[dict[str, Any]]) -> int | None:
    """How many more her limit leaves, None without a limit; the service decides when she tries."""
    if sale.limit_per_member is None:
        return None
    hers: int = sum(row["quantity"] for row in rows if row["state"] in _COUNTED)
    return max(0, sale.limit_per_member - hers)


def _member(request: HttpRequest, sale: FlashSale) -> "Member | None":
    return passes.current_member(request, community_id=sale.community_id)


def _buy(request: HttpRequest, sale: FlashSale, member: "Member", form: BuyForm, now: datetime) -> None:
    try:
        services.place_order(
            sale=sale,
            member=member,
            quantity=form.cleaned_data["quantity"],
            request_key=form.cleaned_data["key"],
            source=OrderSource.PAGE,
            actor=_actor(member),
            now=now,
        )
    except DomainError as refusal:
        services.count_refusal(sale_id=sale.pk, refusal=refusal, now=now)
        messages.error(request, _refusal_words(refusal, sale, member, now))


def _refusal_words(refusal: DomainError, sale: FlashSale, member: "Member", now: datetime) -> str:
    """Why not, in the member's words."""
    if isinstance(refusal, SaleSoldOut) and not refusal.extra["left"]:
        return _("Sold out: somebody was faster.")
    if isinstance(refusal, SaleLimitReached):
        return _limit_words(sale, [_row(order, now) for order in _orders(sale, member)])
    if isinstance(refusal, SaleNotOpen) and refusal.extra["state"] != SaleMoment.PAUSED:
        return _("The sale is not open at the moment.")
    return str(refusal.message)


def _limit_words(sale: FlashSale, rows: list[dict[str, Any]]) -> str:
    """The limit, with what she has already and what is still possible for her."""
    limit, room = sale.limit_per_member or 0, _room(sale, rows) or 0
    if room == limit:
        return _("At most %(limit)d per person.") % {"limit": limit}
    if not room:
        return _("At most %(limit)d per person, and you have them already.") % {"limit": limit}
    numbers = {"limit": limit, "hers": limit - room, "room": room}
    return _("At most %(limit)d per person: you have %(hers)d already, %(room)d more is possible.") % numbers


def _settle(
    request: HttpRequest, sale: FlashSale, order_id: int, change: Callable[..., Order], now: datetime
) -> HttpResponse:
    """Change one of her own orders in this sale; anybody else's is 404."""
    member = _member(request, sale)
    order = None if member is None else selectors.orders_of_buyer(sale, member).filter(pk=order_id).first()
    if member is None or order is None:
        raise Http404
    try:
        change(order=order, actor=_actor(member), now=now)
    except DomainError as refusal:
        messages.error(request, str(refusal.message))
    return _back(sale)


def _actor(member: "Member") -> Actor:
    return Actor(kind=ActorKind.MEMBER, id=member.pk, label=member.display_name, workspace_id=member.workspace_id)


def _back(sale: FlashSale) -> HttpResponse:
    return redirect("conversion:public_sale", code=sale.public_code)
