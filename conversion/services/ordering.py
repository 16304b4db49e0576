"""Placing an order in a flash sale: never more than the stock, never more than the limit.

Refusals are told by reading alone, so a sold-out sale writes nothing. Who passes writes in one transaction: the
limit by a conditional update on the buyer's row, the stock by a conditional update on the item's row, then the
order. Only what the database has committed is told as "yours".
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from community_ops.common import audit, stock
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput
from community_ops.common.nudge import nudge
from conversion import policies, selectors
from conversion.errors import SaleLimitReached, SaleNotOpen, SaleSoldOut
from conversion.models import FlashSale, Order, OrderLine, OrderSource, OrderState, SaleBuyer, SaleItem, StockHold
from conversion.services.settling import WATCH_TASK, expire_orders_of_sale

if TYPE_CHECKING:
    from members.models import Member


def place_order(
    *,
    sale: FlashSale,
    member: "Member",
    quantity: int,
    actor: Actor,
    now: datetime,
    source: str = OrderSource.API,
    request_key: str = "",
) -> Order:
    """Hold `quantity` pieces for a member until `now` + the sale's hold time.

    Raises, in this order: InvalidInput naming `quantity` or `member` (of another community), SaleNotOpen,
    SaleLimitReached, SaleSoldOut (also when fewer are left than asked for). A refusal writes nothing.
    Success writes order, line, hold, limit, stock and one audit row. With a
    `request_key` a second call returns the first order; without one it is a second order.
    """
    policies.refuse_out_of_range(quantity, field="quantity")
    if member.community_id != sale.community_id:
        raise InvalidInput(_("She is a member of another community."), field="member")
    if request_key and (first := _find(sale, member, request_key)) is not None:
        return first
    item = _item(sale)
    _refuse_by_reading(item, member, quantity, now=now)
    order = Order(
        workspace_id=sale.workspace_id,
        community=item.sale.community,
        member=member,
        sale=item.sale,
        state=OrderState.HELD,
        source=source,
        request_key=request_key,
        currency=item.sale.currency,
        total_amount=quantity * item.price_amount,
        placed_at=now,
        expires_at=now + timedelta(seconds=item.sale.hold_seconds),
    )
    try:
        return _write_or_sweep(order, item, quantity, actor=actor, now=now)
    except IntegrityError:
        if (first := _find(sale, member, request_key)) is None:
            raise
        return first


def _write_or_sweep(order: Order, item: SaleItem, quantity: int, *, actor: Actor, now: datetime) -> Order:
    """Try; when it was refused, somebody was faster or what is free is held by orders whose time is over: once more."""
    try:
        return _write(order, item, quantity, actor=actor, now=now, sweep=False)
    except (SaleLimitReached, SaleSoldOut):
        return _write(order, item, quantity, actor=actor, now=now, sweep=True)


@transaction.atomic
def _write(order: Order, item: SaleItem, quantity: int, *, actor: Actor, now: datetime, sweep: bool) -> Order:
    """One attempt. With `sweep`, orders of the sale that are over are closed first."""
    order.pk = None
    buyer = buyer_row(item.sale, order.member)
    if sweep:
        expire_orders_of_sale(sale_id=item.sale_id, now=now, also_lock_buyer_ids=[buyer.pk])
    count_in_limit(buyer, item.sale, quantity, now=now)
    if not stock.take(item, quantity=quantity, now=now):
        raise SaleSoldOut(left=left_now(item))
    _refuse_unless_still_open(item.sale_id, now=now)
    order.save(force_insert=True)
    line = OrderLine.objects.create(
        workspace_id=order.workspace_id,
        order=order,
        variant=item.variant,
        description=str(item.variant),
        quantity=quantity,
        unit_amount=item.price_amount,
    )
    assert order.expires_at is not None, "a held order has an end"
    StockHold.objects.create(
        workspace_id=order.workspace_id, line=line, item=item, quantity=quantity, expires_at=order.expires_at
    )
    after = {"sale": item.sale_id, "member": order.member_id, "quantity": quantity}
    audit.record(actor=actor, verb="order.held", target=order, now=now, after=after)
    nudge(WATCH_TASK)
    return order


def _find(sale: FlashSale, member: "Member", request_key: str) -> Order | None:
    if not request_key:
        return None
    return Order.objects.filter(
        workspace_id=sale.workspace_id, sale=sale, member=member, request_key=request_key
    ).first()


def _item(sale: FlashSale) -> SaleItem:
    """The sale's item as it is now, with sale, community, variant and product."""
    rows = SaleItem.objects.select_related("sale__community", "variant__product")
    return rows.filter(sale_id=sale.pk).order_by("pk")[0]


def _refuse_by_reading(item: SaleItem, member: "Member", quantity: int, *, now: datetime) -> None:
    """Refusals that are true at this moment, in the promised order; writes nothing."""
    _refuse_unless_selling(item.sale, now=now)
    limit = item.sale.limit_per_member
    if limit is not None and quantity > (room := _room_in_limit(item.sale, member, limit, quantity, now=now)):
        raise SaleLimitReached(limit=limit, room=max(0, room))
    if item.left < quantity:
        left = item.left + selectors.overdue_pieces(item.pk, now=now)
        if left < quantity:
            raise SaleSoldOut(left=left)


def _room_in_limit(sale: FlashSale, member: "Member", limit: int, quantity: int, *, now: datetime) -> int:
    rows = SaleBuyer.objects.filter(workspace_id=sale.workspace_id, sale=sale, member=member)
    room = limit - (rows.values_list("quantity", flat=True).first() or 0)
    return room if room >= quantity else room + selectors.overdue_pieces_of(sale.pk, member.pk, now=now)


def buyer_row(sale: FlashSale, member: "Member") -> SaleBuyer:
    """The row that counts what a member has in a sale, made when it is missing."""
    facts = {"workspace_id": sale.workspace_id, "sale": sale, "member": member}
    found = SaleBuyer.objects.filter(**facts).first()
    if found is None:
        SaleBuyer.objects.bulk_create([SaleBuyer(**facts)], ignore_conflicts=True)
        found = SaleBuyer.objects.get(**facts)
    return found


def count_in_limit(buyer: SaleBuyer, sale: FlashSale, quantity: int, *, now: datetime) -> None:
    """Add pieces to what the member has, unless that would be more than the limit: SaleLimitReached."""
    rows = SaleBuyer.objects.filter(pk=buyer.pk)
    if sale.limit_per_member is not None:
        rows = rows.filter(quantity__lte=sale.limit_per_member - quantity)
    if rows.update(quantity=F("quantity") + quantity, updated_at=now) != 1:
        raise SaleLimitReached(limit=sale.limit_per_member)


def _refuse_unless_still_open(sale_id: int, *, now: datetime) -> None:
    """Asked while the stock row is locked: a pause that has returned by now is seen."""
    sale = FlashSale.objects.only("state", "starts_at", "ends_at", "paused_at").get(pk=sale_id)
    _refuse_unless_selling(sale, now=now)


def _refuse_unless_selling(sale: FlashSale, *, now: datetime) -> None:
    moment = policies.sale_moment(sale, left=1, now=now)
    if not policies.sells(moment):
        raise SaleNotOpen(state=str(moment))


def left_now(item: SaleItem) -> int:
    """What the stock row says at this moment."""
    return SaleItem.objects.values_list("left", flat=True).get(pk=item.pk)
