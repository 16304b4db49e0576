"""Changes of conversion, by topic; this is what other apps call."""

from conversion.services.catalog import archive_product, change_price, create_product
from conversion.services.deciding import accept_late_payment, fulfil_order, refund_order
from conversion.services.ordering import place_order
from conversion.services.rehearsing import (
    forecast_sale,
    forecast_terms,
    held_back,
    planned_touches,
    rehearse_flash_sale,
)
from conversion.services.repair import recount_sale
from conversion.services.sales import (
    SaleTerms,
    cancel_flash_sale,
    create_flash_sale,
    default_playbook,
    held_order_count,
    held_warnings,
    pause_flash_sale,
    price_warnings,
    refuse_bad_sale,
    reschedule_flash_sale,
    resume_flash_sale,
    schedule_flash_sale,
    set_registration,
    terms_of,
    terms_warnings,
    update_flash_sale_draft,
)
from conversion.services.settling import cancel_order, expire_due_orders, pay_order
from conversion.services.telling import count_refusal, tell_conditions

__all__ = [
    "SaleTerms",
    "accept_late_payment",
    "archive_product",
    "cancel_flash_sale",
    "cancel_order",
    "change_price",
    "count_refusal",
    "create_flash_sale",
    "create_product",
    "default_playbook",
    "expire_due_orders",
    "forecast_sale",
    "forecast_terms",
    "fulfil_order",
    "held_back",
    "held_order_count",
    "held_warnings",
    "pause_flash_sale",
    "pay_order",
    "place_order",
    "planned_touches",
    "price_warnings",
    "recount_sale",
    "refund_order",
    "refuse_bad_sale",
    "rehearse_flash_sale",
    "reschedule_flash_sale",
    "resume_flash_sale",
    "schedule_flash_sale",
    "set_registration",
    "tell_conditions",
    "terms_of",
    "terms_warnings",
    "update_flash_sale_draft",
]
