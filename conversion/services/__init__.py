"""Changes of conversion, by topic; this is what other apps call."""

from conversion.services.catalog import archive_product, change_price, create_product
from conversion.services.ordering import place_order
from conversion.services.repair import recount_sale
from conversion.services.sales import (
    SaleTerms,
    cancel_flash_sale,
    create_flash_sale,
    default_playbook,
    held_order_count,
    pause_flash_sale,
    reschedule_flash_sale,
    resume_flash_sale,
    schedule_flash_sale,
)
from conversion.services.settling import cancel_order, expire_due_orders, pay_order
from conversion.services.telling import count_refusal, tell_conditions

__all__ = [
    "SaleTerms",
    "archive_product",
    "cancel_flash_sale",
    "cancel_order",
    "change_price",
    "count_refusal",
    "create_flash_sale",
    "create_product",
    "default_playbook",
    "expire_due_orders",
    "held_order_count",
    "pause_flash_sale",
    "pay_order",
    "place_order",
    "recount_sale",
    "reschedule_flash_sale",
    "resume_flash_sale",
    "schedule_flash_sale",
    "tell_conditions",
]
