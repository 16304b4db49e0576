"""Conversion in the admin: for looking, and for repair by the same services as every other face."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from community_ops.accounts.pages import admin_actor
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.admin import ReadOnlyAdmin, workspace_ids
from community_ops.common.errors import DomainError
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

Change = Callable[..., Any]


class RepairAdmin(ReadOnlyAdmin):
    """Actions that call one service per row, for those whose role allows it in the row's workspace."""

    def may(self, request: HttpRequest, action: str) -> bool:
        """Whether she may in any of her workspaces: then the action is offered."""
        actors = (admin_actor(request, workspace_id=pk) for pk in workspace_ids(request))
        return any(may(actor, action) for actor in actors)

    def repair(self, request: HttpRequest, rows: QuerySet[Any], action: str, name: str, change: Change) -> None:
        """Call `change(<name>=row, actor, now)` for each row and say how many were done and refused."""
        done, refused = 0, 0
        for row in rows:
            actor = admin_actor(request, workspace_id=row.workspace_id)
            try:
                if may(actor, action):
                    change(**{name: row}, actor=actor, now=clock.now())
                    done += 1
            except DomainError:
                refused += 1
        self.message_user(request, f"{done} done, {refused} refused")


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

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "sales.manage")

    def has_repair_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "jobs.repair")

    @admin.action(description="Pause", permissions=["manage"])
    def pause(self, request: HttpRequest, queryset: QuerySet[FlashSale]) -> None:
        self.repair(request, queryset, "sales.manage", "sale", services.pause_flash_sale)

    @admin.action(description="Go on after a pause", permissions=["manage"])
    def resume(self, request: HttpRequest, queryset: QuerySet[FlashSale]) -> None:
        self.repair(request, queryset, "sales.manage", "sale", services.resume_flash_sale)

    @admin.action(description="Cancel", permissions=["manage"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[FlashSale]) -> None:
        self.repair(request, queryset, "sales.manage", "sale", services.cancel_flash_sale)

    @admin.action(description="Count stock and limits anew from the orders", permissions=["repair"])
    def recount(self, request: HttpRequest, queryset: QuerySet[FlashSale]) -> None:
        self.repair(request, queryset, "jobs.repair", "sale", services.recount_sale)


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
    actions = ("mark_paid", "cancel")

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "orders.manage")

    @admin.action(description="Mark as paid", permissions=["manage"])
    def mark_paid(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self.repair(request, queryset, "orders.manage", "order", services.pay_order)

    @admin.action(description="Cancel", permissions=["manage"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self.repair(request, queryset, "orders.manage", "order", services.cancel_order)


@admin.register(OrderLine)
class OrderLineAdmin(ReadOnlyAdmin):
    list_display = ("order", "description", "sku", "quantity", "unit_amount")
    search_fields = ("sku", "description")


@admin.register(StockHold)
class StockHoldAdmin(ReadOnlyAdmin):
    list_display = ("item", "line", "quantity", "state", "expires_at")
    list_filter = ("state",)
    list_select_related = ("item", "line")
