"""What other tools may hear of from conversion: docs/api.md, "Events"."""

from django.utils.translation import gettext_lazy as _

from conversion.events import OrderPaid, OrdersImported, SaleSoldOut
from messaging.services.webhook_events import offer


def offer_events() -> None:
    """Called once when the apps are ready."""
    offer(
        OrderPaid,
        "order.paid",
        {"order": "order_id", "member": "member_id", "sale": "sale_id", "paid_at": "paid_at"},
        label=_("An order was paid in time"),
    )
    offer(OrdersImported, "orders.imported", {"community": "community_id"}, label=_("Orders were imported"))
    offer(
        SaleSoldOut,
        "sale.sold_out",
        {"sale": "sale_id", "sold_out_at": "at"},
        label=_("A sale was sold out for the first time"),
    )
