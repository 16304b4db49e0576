"""Conversion in the admin: for looking, and for repair by the same services as every other face."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from community_ops.accounts.repairing import Change, RepairAdmin
from community_ops.common.actors import Actor
from community_ops.common.admin import ReadOnlyAdmin
from conversion import services
from conversion.models import (
    FlashSale,
    Order,
    OrderLine,
    PriceHistory,
    Product,
    RefusalCount,
    SaleBuyer,
    SaleItem,
    StockHold,
    Variant,
)


def _through(service: Callable[..., Any], name: str) -> Change:
    """A change of one row by the service whose argument is called `name`."""

    def change(row: Any, actor: Actor, now: datetime) -> None:
        service(**{name: row}, actor=actor, now=now)

    return change


@admin.register(Product)
class ProductAdmin(ReadOnlyAdmin):
    list_display = ("name", "currency", "archived_at", "created_at")
    search_fields = ("name",)


@admin.register(Variant)
class VariantAdmin(ReadOnlyAdmin):
    list_display = ("product", "name", "price_amount")
    list_select_related = ("product",)


@admin.register(PriceHistory)
class PriceHistoryAdmin(ReadOnlyAdmin):
    list_display = ("variant", "price_amount", "currency", "valid_from_at")
    list_select_related = ("variant__product",)


@admin.register(FlashSale)
class FlashSaleAdmin(RepairAdmin):
    list_display = ("name", "state", "starts_at", "ends_at", "paused_at", "sold_out_at")
    list_filter = ("state", "payment_mode")
    search_fields = ("name", "public_code")
    actions = ("pause", "resume", "cancel", "recount")
    rights: ClassVar[dict[str, str]] = {
        "pause": "sales.manage",
        "resume": "sales.manage",
        "cancel": "sales.manage",
        "recount": "jobs.repair",
    }

    @admin.action(description=_("Pause"))
    def pause(self, request: HttpRequest, queryset: QuerySet[FlashSale]) -> None:
        self.repair(request, queryset, "pause", _through(services.pause_flash_sale, "sale"))

    @admin.action(description=_("Go on after a pause"))
    def resume(self, request: HttpRequest, queryset: QuerySet[FlashSale]) -> None:
        self.repair(request, queryset, "resume", _through(services.resume_flash_sale, "sale"))

    @admin.action(description=_("Cancel"))
    def cancel(self, request: HttpRequest, queryset: QuerySet[FlashSale]) -> None:
        self.repair(request, queryset, "cancel", _through(services.cancel_flash_sale, "sale"))

    @admin.action(description=_("Count stock and limits anew from the orders"))
    def recount(self, request: HttpRequest, queryset: QuerySet[FlashSale]) -> None:
        self.repair(request, queryset, "recount", _through(services.recount_sale, "sale"))


@admin.register(SaleItem)
class SaleItemAdmin(ReadOnlyAdmin):
    list_display = ("sale", "variant", "price_amount", "total", "left")
    list_select_related = ("sale", "variant__product")


@admin.register(SaleBuyer)
class SaleBuyerAdmin(ReadOnlyAdmin):
    list_display = ("sale", "member", "quantity")
    list_select_related = ("sale", "member")


@admin.register(RefusalCount)
class RefusalCountAdmin(ReadOnlyAdmin):
    list_display = ("sale", "reason", "count")
    list_select_related = ("sale",)
    list_filter = ("reason",)


@admin.register(Order)
class OrderAdmin(RepairAdmin):
    list_display = ("id", "member", "sale", "state", "source", "total_amount", "currency", "placed_at", "expires_at")
    list_filter = ("state", "source", "currency")
    list_select_related = ("member", "sale")
    search_fields = ("external_id", "member__display_name")
    actions = ("mark_paid", "accept_late", "mark_delivered", "mark_refunded", "cancel")
    rights: ClassVar[dict[str, str]] = {
        "mark_paid": "orders.manage",
        "accept_late": "orders.manage",
        "mark_delivered": "orders.manage",
        "mark_refunded": "orders.refund",
        "cancel": "orders.manage",
    }

    @admin.action(description=_("Mark as paid"))
    def mark_paid(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self.repair(request, queryset, "mark_paid", _through(services.pay_order, "order"))

    @admin.action(description=_("Accept late payments"))
    def accept_late(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self.repair(request, queryset, "accept_late", _through(services.accept_late_payment, "order"))

    @admin.action(description=_("Mark as delivered"))
    def mark_delivered(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self.repair(request, queryset, "mark_delivered", _through(services.fulfil_order, "order"))

    @admin.action(description=_("Mark as refunded"))
    def mark_refunded(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self.repair(request, queryset, "mark_refunded", _through(services.refund_order, "order"))

    @admin.action(description=_("Cancel"))
    def cancel(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self.repair(request, queryset, "cancel", _through(services.cancel_order, "order"))


@admin.register(OrderLine)
class OrderLineAdmin(ReadOnlyAdmin):
    list_display = ("order", "description", "sku", "quantity", "unit_amount")
    search_fields = ("sku", "description")


@admin.register(StockHold)
class StockHoldAdmin(ReadOnlyAdmin):
    list_display = ("item", "line", "quantity", "state", "expires_at")
    list_filter = ("state",)
    list_select_related = ("item", "line")
