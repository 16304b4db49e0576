"""What conversion tells upward."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from community_ops.common.events import Event


@dataclass(frozen=True, kw_only=True)
class OrderPaid(Event):
    """An order was paid in time. `amount`: minor units of `currency`; `sale_id` None outside a sale."""

    name: ClassVar[str] = "conversion.OrderPaid"
    order_id: int
    member_id: int
    community_id: int
    sale_id: int | None
    amount: int
    currency: str
    paid_at: datetime

    @property
    def aggregate_id(self) -> str:
        return f"order:{self.order_id}"


@dataclass(frozen=True, kw_only=True)
class OrdersImported(Event):
    """A batch of orders came from a file; `order_ids` are those with new lines."""

    name: ClassVar[str] = "conversion.OrdersImported"
    community_id: int
    order_ids: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class SaleSoldOut(Event):
    """Nothing was left in a sale for the first time."""

    name: ClassVar[str] = "conversion.SaleSoldOut"
    sale_id: int
    at: datetime

    @property
    def aggregate_id(self) -> str:
        return f"flash_sale:{self.sale_id}"
