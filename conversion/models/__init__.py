"""Tables of conversion: catalog, flash sales, orders."""

from conversion.models.catalog import PriceHistory, Product, Variant
from conversion.models.orders import Order, OrderLine, OrderSource, OrderState, StockHold
from conversion.models.sales import (
    FlashSale,
    PaymentMode,
    RefusalCount,
    RefusalReason,
    SaleBuyer,
    SaleGroup,
    SaleItem,
    SaleState,
)

__all__ = [
    "FlashSale",
    "Order",
    "OrderLine",
    "OrderSource",
    "OrderState",
    "PaymentMode",
    "PriceHistory",
    "Product",
    "RefusalCount",
    "RefusalReason",
    "SaleBuyer",
    "SaleGroup",
    "SaleItem",
    "SaleState",
    "StockHold",
    "Variant",
]
