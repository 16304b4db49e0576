"""How a held order ends: paid, paid late, cancelled, expired. Holds, limits and stock move with it in one transaction.

Rows are locked in one order everywhere: orders, then buyers, then stock, each by primary key.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from community_ops.common import audit, outbox, stock
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidTransition
from community_ops.common.models import HoldState
from community_ops.common.nudge import nudge
from conversion.events import OrderPaid
from conversion.models import FlashSale, Order, OrderState, SaleBuyer, SaleItem, StockHold
from conversion.policies import ORDER_CHANGES
from members.services import facts

SWEEPER = Actor.system("conversion.expire_due_orders")
WATCH_TASK = "conversion.tasks.watch_sales"
BATCH = 200
_PAID = (OrderState.PAID, OrderState.PAID_LATE, OrderState.FULFILLED)


@transaction.atomic
def pay_order(*, order: Order, actor: Actor, now: datetime) -> Order:
    """Record that an order was paid: in time it becomes `paid`, past its time `paid_late` (its stock was given up).

    `paid` keeps the stock for good, publishes OrderPaid and tells the member's milestone. Writes one audit row.
    A paid order again changes nothing. Raises InvalidTransition for cancelled and refunded ones.
    """
    if change_state(order, {"state": OrderState.HELD, "expires_at__gt": now}, OrderState.PAID, now=now, paid_at=now):
        _keep_stock(order, now=now)
        tell_paid(order, paid_at=now, now=now)
        note(order, "paid", actor=actor, now=now)
    elif change_state(order, {"state": OrderState.HELD}, OrderState.PAID_LATE, now=now, paid_at=now):
        _give_back([order], now=now)
        note(order, "paid_late", actor=actor, now=now)
    elif change_state(order, {"state": OrderState.EXPIRED}, OrderState.PAID_LATE, now=now, paid_at=now):
        note(order, "paid_late", actor=actor, now=now)
    elif order.state not in _PAID:
        raise InvalidTransition(_("This order can no longer be paid."), state=order.state)
    return order


@transaction.atomic
def cancel_order(*, order: Order, actor: Actor, now: datetime, reason: str = "") -> Order:
    """Give up an order that waits for payment; its pieces can be bought by others at once. Writes one audit row.

    A cancelled order again changes nothing. Raises InvalidTransition for paid and expired ones.
    """
    waiting = {"state": OrderState.HELD, "expires_at__gt": now}
    if change_state(order, waiting, OrderState.CANCELLED, now=now, closed_at=now):
        _give_back([order], now=now)
        note(order, "cancelled", actor=actor, now=now, reason=reason)
    elif order.state != OrderState.CANCELLED:
        raise InvalidTransition(_("This order can no longer be cancelled."), state=order.state_at(now))
    return order


@transaction.atomic
def cancel_held_orders(*, sale: FlashSale, actor: Actor, now: datetime) -> int:
    """Cancel every order of a sale that waits for payment (those past their time expire); returns how many.

    Runs after the sale was closed. Buyers who had taken stock before that are waited for at the stock rows.
    """
    count = _cancel_all(sale, actor=actor, now=now)
    for pk in sorted(sale.items.values_list("pk", flat=True)):
        SaleItem.objects.filter(pk=pk).update(updated_at=now)
    return count + _cancel_all(sale, actor=actor, now=now)


def expire_due_orders(*, now: datetime, limit: int = 10 * BATCH) -> int:
    """Close orders whose time to pay is over and give their pieces back; returns how many.

    Two sweepers at once share the rows; whether an order is over never depends on this having run.
    """
    count = 0
    while count < limit and (closed := _expire_batch(now=now)):
        count += closed
    return count


def expire_orders_of_sale(*, sale_id: int, now: datetime, also_lock_buyer_ids: Collection[int] = ()) -> int:
    """For buyers at the door: close what is over in this sale, inside the caller's transaction."""
    rows = _overdue(now).filter(sale_id=sale_id).order_by("pk").select_for_update()
    return _expire(list(rows), now=now, also_lock_buyer_ids=also_lock_buyer_ids)


@transaction.atomic
def _expire_batch(*, now: datetime) -> int:
    rows = _overdue(now).order_by("pk").select_for_update(skip_locked=True)
    return _expire(list(rows[:BATCH]), now=now)


def _overdue(now: datetime) -> QuerySet[Order]:
    return Order.objects.filter(state=OrderState.HELD, expires_at__lte=now)


def _expire(orders: Sequence[Order], *, now: datetime, also_lock_buyer_ids: Collection[int] = ()) -> int:
    """Close locked orders."""
    _lock_buyers(orders, also=also_lock_buyer_ids)
    if orders:
        _close(orders, OrderState.EXPIRED, now=now)
        _give_back(orders, now=now, buyers_are_locked=True)
        for order in orders:
            note(order, "expired", actor=SWEEPER, now=now)
    return len(orders)


def _cancel_all(sale: FlashSale, *, actor: Actor, now: datetime) -> int:
    orders = list(Order.objects.filter(sale=sale, state=OrderState.HELD).order_by("pk").select_for_update())
    over = [order for order in orders if order.state_at(now) is OrderState.EXPIRED]
    _expire(over, now=now)
    waiting = [order for order in orders if order not in over]
    if waiting:
        _close(waiting, OrderState.CANCELLED, now=now)
        _give_back(waiting, now=now)
        for order in waiting:
            note(order, "cancelled", actor=actor, now=now, reason="sale_cancelled")
    return len(waiting)


def _close(orders: Sequence[Order], state: OrderState, *, now: datetime) -> None:
    rows = Order.objects.filter(pk__in=[order.pk for order in orders], state=OrderState.HELD)
    assert rows.update(state=state, closed_at=now, updated_at=now) == len(orders), "these orders were locked"
    for order in orders:
        order.state, order.closed_at = state, now


def change_state(
    order: Order, condition: dict[str, Any], new: OrderState, *, now: datetime, **facts: datetime | None
) -> bool:
    """The conditional update that decides between two callers; the object then says what the row says."""
    assert new in ORDER_CHANGES[condition["state"]], "the table of policies names every change"
    rows = Order.objects.filter(pk=order.pk, **condition)
    changed = rows.update(state=new, updated_at=now, **facts) == 1
    fresh = Order.objects.only("state", "paid_at", "closed_at", "expires_at").get(pk=order.pk)
    order.state, order.paid_at, order.closed_at = fresh.state, fresh.paid_at, fresh.closed_at
    return changed


def _keep_stock(order: Order, *, now: datetime) -> None:
    for hold in StockHold.objects.filter(line__order=order).order_by("pk"):
        assert stock.keep(hold, now=now), "a held order's hold runs as long as the order"


def _give_back(orders: Sequence[Order], *, now: datetime, buyers_are_locked: bool = False) -> None:
    """Release the holds of orders that are no longer held: limits first, then stock."""
    rows = StockHold.objects.filter(line__order__in=orders, state=HoldState.HELD)
    holds = list(rows.select_related("line__order", "item").order_by("pk"))
    if not buyers_are_locked:
        _lock_buyers(orders)
    lower_limits(holds, now=now)
    for hold in sorted(holds, key=lambda one: one.item_id):
        assert stock.release(hold, hold.item, now=now), "holds move only with their order"
    nudge(WATCH_TASK)


def _lock_buyers(orders: Sequence[Order], *, also: Collection[int] = ()) -> None:
    wanted = SaleBuyer.objects.filter(pk__in=[*_buyer_ids(orders), *also])
    list(wanted.order_by("pk").select_for_update().values_list("pk", flat=True))


def _buyer_ids(orders: Sequence[Order]) -> list[int]:
    pairs = {(order.sale_id, order.member_id) for order in orders}
    rows = SaleBuyer.objects.filter(
        sale_id__in={sale for sale, _member in pairs}, member_id__in={member for _sale, member in pairs}
    )
    return [pk for pk, sale, member in rows.values_list("pk", "sale_id", "member_id") if (sale, member) in pairs]


def lower_limits(holds: Sequence[StockHold], *, now: datetime) -> None:
    """What the buyers of these holds have no longer counts in their limit."""
    pieces: Counter[tuple[int | None, int]] = Counter()
    for hold in holds:
        pieces[hold.line.order.sale_id, hold.line.order.member_id] += hold.quantity
    for (sale_id, member_id), quantity in sorted(pieces.items(), key=str):
        rows = SaleBuyer.objects.filter(sale_id=sale_id, member_id=member_id)
        rows.update(quantity=F("quantity") - quantity, updated_at=now)


def tell_paid(order: Order, *, paid_at: datetime, now: datetime) -> None:
    """Publish OrderPaid and tell the member's milestone."""
    outbox.publish(
        OrderPaid(
            workspace_id=order.workspace_id,
            order_id=order.pk,
            member_id=order.member_id,
            community_id=order.community_id,
            sale_id=order.sale_id,
            amount=order.total_amount,
            currency=order.currency,
            paid_at=paid_at,
        )
    )
    facts.record_milestone(
        workspace_id=order.workspace_id,
        member_id=order.member_id,
        kind="order_paid",
        source_key=f"order:{order.pk}",
        occurred_at=paid_at,
        amount=order.total_amount,
        currency=order.currency,
        now=now,
    )
    nudge(WATCH_TASK)


def note(order: Order, verb: str, *, actor: Actor, now: datetime, reason: str = "") -> None:
    """The audit row of a change."""
    audit.record(
        actor=actor, verb=f"order.{verb}", target=order, now=now, after={"state": str(order.state)}, reason=reason
    )
