"""Order, OrderLine, StockHold. Amounts are minor units of the order's currency."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import pgettext_lazy

from community_ops.common.models import Hold
from community_ops.common.tenancy import TenantModel
from conversion.models.catalog import Variant
from conversion.models.sales import FlashSale, SaleItem


class OrderState(models.TextChoices):
    """Where an order stands; the allowed changes are policies.ORDER_CHANGES."""

    HELD = "held", pgettext_lazy("order", "Waiting for payment")
    PAID = "paid", pgettext_lazy("order", "Paid")
    FULFILLED = "fulfilled", pgettext_lazy("order", "Delivered")
    REFUNDED = "refunded", pgettext_lazy("order", "Refunded")
    EXPIRED = "expired", pgettext_lazy("order", "Closed, not paid in time")
    CANCELLED = "cancelled", pgettext_lazy("order", "Cancelled")
    PAID_LATE = "paid_late", pgettext_lazy("order", "Paid late, to be decided")


class OrderSource(models.TextChoices):
    """How the order came: the member herself on the sale's page, another tool or a colleague, an imported file."""

    PAGE = "page", pgettext_lazy("order source", "Sale page")
    API = "api", pgettext_lazy("order source", "Another tool")
    STAFF = "staff", pgettext_lazy("order source", "A colleague")
    IMPORT = "import", pgettext_lazy("order source", "Import")


class Order(TenantModel):
    """What one member ordered. `external_id` is the number in the file it was imported from.

    `request_key` makes a form that was sent twice one order. `expires_at`: until when a held order keeps its stock.
    """

    community = models.ForeignKey("groups.Community", on_delete=models.PROTECT, related_name="+")
    member = models.ForeignKey("members.Member", on_delete=models.PROTECT, related_name="+")
    sale = models.ForeignKey(FlashSale, on_delete=models.PROTECT, related_name="orders", null=True)
    state = models.CharField(max_length=10, choices=OrderState)
    source = models.CharField(max_length=10, choices=OrderSource)
    external_id = models.CharField(max_length=100, blank=True)
    request_key = models.CharField(max_length=64, blank=True)
    currency = models.CharField(max_length=3)
    total_amount = models.BigIntegerField()
    placed_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)  # expired or cancelled

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=OrderState.values), name="order_state_known"),
            models.CheckConstraint(condition=Q(source__in=OrderSource.values), name="order_source_known"),
            models.CheckConstraint(condition=Q(total_amount__gte=0), name="order_total_not_negative"),
            models.CheckConstraint(
                condition=~Q(state="held") | Q(expires_at__isnull=False, sale__isnull=False), name="held_order_expires"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["paid", "paid_late", "fulfilled", "refunded"]) | Q(paid_at__isnull=False),
                name="paid_order_has_time",
            ),
            models.UniqueConstraint(
                fields=["workspace", "community", "external_id"], condition=~Q(external_id=""), name="order_import_once"
            ),
            models.UniqueConstraint(
                fields=["workspace", "sale", "member", "request_key"],
                condition=~Q(request_key=""),
                name="order_request_once",
            ),
        ]
        indexes = [
            # REST list, oldest first; page of orders, newest first
            models.Index(fields=["workspace", "-id"], name="order_newest"),
            # orders of a sale: control room, limits
            models.Index(fields=["sale", "-id"], name="order_of_sale"),
            # orders of a member: her page, her profile
            models.Index(fields=["member", "-id"], name="order_of_member"),
            # sweep: held orders past their time
            models.Index(fields=["expires_at", "id"], condition=Q(state="held"), name="order_due"),
            # revenue of a workspace between two moments
            models.Index(fields=["workspace", "paid_at"], condition=Q(paid_at__isnull=False), name="order_by_payment"),
        ]

    def __str__(self) -> str:
        return f"order {self.pk}"

    def state_at(self, now: datetime) -> OrderState:
        """The state by comparing times: a held order past its time is expired, swept or not."""
        state = OrderState(self.state)
        if state is OrderState.HELD and self.expires_at is not None and self.expires_at <= now:
            return OrderState.EXPIRED
        return state


class OrderLine(TenantModel):
    """One position. Imported lines have no variant but their own `sku` and `description`."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+", null=True)
    sku = models.CharField(max_length=60, blank=True)
    description = models.CharField(max_length=300)
    quantity = models.PositiveIntegerField()
    unit_amount = models.BigIntegerField()
    external_key = models.CharField(max_length=64, blank=True)  # importing.line_key

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="order_line_quantity_positive"),
            models.CheckConstraint(condition=Q(unit_amount__gt=0), name="order_line_amount_positive"),
            models.UniqueConstraint(
                fields=["workspace", "order", "external_key"],
                condition=~Q(external_key=""),
                name="order_line_import_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.description}"

    @property
    def line_amount(self) -> int:
        return self.quantity * self.unit_amount


class StockHold(Hold):
    """The pieces of a sale's stock that an order line keeps: held, then kept (paid) or given back.

    After that it moves only when a person decides so: a late payment that is accepted keeps its pieces after all, a
    refund before delivery gives them back.
    """

    line = models.OneToOneField(OrderLine, on_delete=models.CASCADE, related_name="hold")
    item = models.ForeignKey(SaleItem, on_delete=models.PROTECT, related_name="holds")

    class Meta(Hold.Meta):
        indexes = [
            *Hold.Meta.indexes,
            # sold and held pieces of an item
            models.Index(fields=["item", "state"], name="hold_of_item"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.item_id}: {self.state}"
