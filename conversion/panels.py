"""What conversion adds to a member's pages: her orders, and the sales of her groups."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.urls import reverse

from community_ops.accounts.policies import may
from community_ops.common.actors import Actor
from conversion import selectors
from conversion.models import FlashSale, Order
from conversion.wording import sale_told_to_member, told_to_member
from groups.ports import Panel

if TYPE_CHECKING:
    from members.models import Member

SHOWN = 10
SOON = timedelta(days=7)


class MemberOrders:
    """Her ten newest orders on the dashboard's member page, as far as the person may see them."""

    def panel(self, *, actor: Actor, member: "Member", slug: str, now: datetime) -> Panel | None:
        if not may(actor, "orders.view"):
            return None
        rows = _rows(list(selectors.orders_of_member(actor, member)[:SHOWN]), now)
        url = f"{reverse('conversion:order_list', args=[slug])}?member={member.pk}"
        context = {"rows": rows, "url": url, "zone": member.community.timezone}
        return Panel("conversion/_member_orders.html", context, order=40)


class OwnOrders:
    """Her ten newest orders on her own page."""

    def panel(self, *, member: "Member", now: datetime) -> Panel | None:
        orders = list(selectors.own_orders(member)[:SHOWN])
        if not orders:
            return None
        return Panel(
            "public/_own_orders.html", {"rows": _rows(orders, now), "zone": member.community.timezone}, order=40
        )


class OwnSales:
    """On her own page: the way to the sales of her groups that are on or begin within a week."""

    def panel(self, *, member: "Member", now: datetime) -> Panel | None:
        sales = selectors.own_sales(member, now=now, until=now + SOON)[:SHOWN]
        rows = [{"sale": sale, "item": sale.items.all()[0], "told": _told(sale, now)} for sale in sales]
        return Panel("public/_own_sales.html", {"rows": rows}, order=30) if rows else None


def _told(sale: FlashSale, now: datetime) -> str:
    return sale_told_to_member(sale, selectors.moment_of(sale, now=now), held=selectors.counts_of(sale).held)


def _rows(orders: list[Order], now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "order": order,
            "state": str(state := order.state_at(now)),
            "told": told_to_member(state),
            "what": order.sale.name if order.sale else order.external_id,
            "quantity": sum(line.quantity for line in order.lines.all()),
        }
        for order in orders
    ]
