"""What people decide about orders that were paid: a late payment accepted, delivered, money given back.

Holds, limits and stock move with the order in one transaction; rows are locked as in `settling`. After delivery the
pieces are with the buyer, so a refund gives them back to the stock only before it. Whether the sale still runs makes
no difference: what is given back after its end is counted as left, and nobody can buy it.
"""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from community_ops.common import stock, text
from community_ops.common.actors import Actor
from community_ops.common.errors import DomainError, InvalidTransition
from community_ops.common.models import HoldState
from community_ops.common.nudge import nudge
from conversion import selectors
from conversion.errors import SaleLimitReached, SaleSoldOut
from conversion.models import FlashSale, Order, OrderState, StockHold
from conversion.policies import ORDER_CHANGES
from conversion.services.ordering import buyer_row, count_in_limit, left_now
from conversion.services.settling import (
    WATCH_TASK,
    change_state,
    expire_orders_of_sale,
    lower_limits,
    note,
    tell_paid,
)
from conversion.services.telling import take_back_sold_out
from members.selectors import milestone_amount
from members.services import facts

MAX_REASON = 500
# In the direction an order moves: who looks in this order meets it although it moves meanwhile.
_REFUNDABLE = tuple(
    state
    for state in (OrderState.PAID_LATE, OrderState.PAID, OrderState.FULFILLED)
    if OrderState.REFUNDED in ORDER_CHANGES[state]
)
_COUNTED_AS_PAID = (OrderState.PAID, OrderState.FULFILLED)


@transaction.atomic
def accept_late_payment(*, order: Order, actor: Actor, now: datetime) -> Order:
    """Take the pieces of an order that was paid late once more: it becomes `paid`, as if the money had been in time.

    Publishes OrderPaid and tells the member's milestone with the moment of the payment. Writes one audit row. A paid
    order again changes nothing. Raises SaleLimitReached when the member has bought others meanwhile (`extra.orders`
    names them), SaleSoldOut when fewer pieces are left, InvalidTransition for other states; each leaves everything as
    it was.
    """
    closed_at = order.closed_at
    if change_state(order, {"state": OrderState.PAID_LATE}, OrderState.PAID, now=now, closed_at=None):
        try:
            _take_again(order, now=now)
        except DomainError:
            order.state, order.closed_at = OrderState.PAID_LATE, closed_at
            raise
        assert order.paid_at is not None, "a late payment has its moment"
        tell_paid(order, paid_at=order.paid_at, now=now)
        note(order, "accepted", actor=actor, now=now)
    elif order.state not in _COUNTED_AS_PAID:
        raise InvalidTransition(_("There is no late payment to accept."), state=order.state_at(now))
    return order


@transaction.atomic
def fulfil_order(*, order: Order, actor: Actor, now: datetime) -> Order:
    """What was ordered is with the buyer: a paid order becomes `fulfilled`. Writes one audit row.

    A second call changes nothing. Raises InvalidTransition for orders that are not paid.
    """
    if change_state(order, {"state": OrderState.PAID}, OrderState.FULFILLED, now=now):
        note(order, "fulfilled", actor=actor, now=now)
    elif order.state != OrderState.FULFILLED:
        raise InvalidTransition(_("Only a paid order can be delivered."), state=order.state_at(now))
    return order


@transaction.atomic
def refund_order(*, order: Order, actor: Actor, now: datetime, reason: str = "") -> Order:
    """The money was given back by hand: an order that was paid, paid late or delivered becomes `refunded`.

    Pieces that were not delivered go back to the stock and no longer count in the limit; what counted as the member's
    spending is taken off it. Writes one audit row with the reason. A second call changes nothing.
    Raises InvalidTransition for orders without a payment.
    """
    reason = text.clean_line(reason, field="reason", max_length=MAX_REASON, required=False)
    for before in _REFUNDABLE:
        if change_state(order, {"state": before}, OrderState.REFUNDED, now=now):
            _undo(order, before, now=now)
            note(order, "refunded", actor=actor, now=now, reason=reason)
            break
    else:
        if order.state != OrderState.REFUNDED:
            raise InvalidTransition(_("There is no payment to give back."), state=order.state_at(now))
    return order


def _take_again(order: Order, *, now: datetime) -> None:
    """What is held past its time is free; then limit and stock, each by its conditional update."""
    sale = order.sale
    assert sale is not None, "only an order of a sale can be late"
    buyer = buyer_row(sale, order.member)
    expire_orders_of_sale(sale_id=sale.pk, now=now, also_lock_buyer_ids=[buyer.pk])
    for hold in StockHold.objects.filter(line__order=order).select_related("item").order_by("pk"):
        try:
            count_in_limit(buyer, sale, hold.quantity, now=now)
        except SaleLimitReached as refusal:
            raise _naming_the_others(refusal, order, sale) from refusal
        if not stock.take(hold.item, quantity=hold.quantity, now=now):
            raise SaleSoldOut(left=left_now(hold.item))
        _move_hold(hold, HoldState.GIVEN_BACK, HoldState.KEPT, now=now)
    nudge(WATCH_TASK)


def _naming_the_others(refusal: SaleLimitReached, order: Order, sale: FlashSale) -> SaleLimitReached:
    """The same refusal, saying which other orders of the buyer fill her limit."""
    others = list(selectors.orders_in_limit(order))
    if not others:
        return refusal
    named = [_("order %(number)d (%(state)s)") % {"number": one.pk, "state": one.get_state_display()} for one in others]
    return SaleLimitReached(
        _("The limit is %(limit)d per person, and this buyer also has: %(orders)s.")
        % {"limit": sale.limit_per_member, "orders": pgettext("between names", ", ").join(named)},
        limit=sale.limit_per_member,
        orders=[{"id": one.pk, "state": one.state} for one in others],
    )


def _undo(order: Order, before: OrderState, *, now: datetime) -> None:
    if before is OrderState.PAID:
        _put_back(order, now=now)
        if order.sale_id is not None:
            take_back_sold_out(sale_id=order.sale_id, now=now)
    if before in _COUNTED_AS_PAID:
        told = milestone_amount(workspace_id=order.workspace_id, source_key=f"order:{order.pk}")
        facts.record_milestone(
            workspace_id=order.workspace_id,
            member_id=order.member_id,
            kind="order_refunded",
            source_key=f"refund:{order.pk}",
            occurred_at=now,
            amount=order.total_amount if told is None else told,  # a later file may have added lines since
            currency=order.currency,
            now=now,
        )


def _put_back(order: Order, *, now: datetime) -> None:
    """Limits first, then stock, as everywhere."""
    rows = StockHold.objects.filter(line__order=order, state=HoldState.KEPT)
    holds = list(rows.select_related("line__order", "item").order_by("item_id", "pk"))
    lower_limits(holds, now=now)
    for hold in holds:
        _move_hold(hold, HoldState.KEPT, HoldState.GIVEN_BACK, now=now)
        stock.give_back(hold.item, quantity=hold.quantity, now=now)


def _move_hold(hold: StockHold, before: HoldState, after: HoldState, *, now: datetime) -> None:
    rows = StockHold.objects.filter(pk=hold.pk, state=before)
    assert rows.update(state=after, updated_at=now) == 1, "holds move only with their order"
