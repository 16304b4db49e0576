"""Changes of products and prices."""

from datetime import datetime

from django.db import transaction

from community_ops.common import audit, money, text
from community_ops.common.actors import Actor
from conversion.models import PriceHistory, Product, Variant
from conversion.policies import refuse_bad_price

MAX_NAME = 200


@transaction.atomic
def create_product(
    *, workspace_id: int, name: str, price_amount: int, currency: str, actor: Actor, now: datetime
) -> Product:
    """A product with its one, unnamed variant and the first entry of its price history. Writes one audit row.

    `price_amount`: minor units of `currency` (ISO 4217). Namesakes are allowed. Raises InvalidInput naming the field.
    """
    name = text.clean_line(name, field="name", max_length=MAX_NAME)
    money.exponent(currency)
    refuse_bad_price(price_amount)
    product = Product.objects.create(workspace_id=workspace_id, name=name, currency=currency)
    variant = Variant.objects.create(workspace_id=workspace_id, product=product, price_amount=price_amount)
    _note_price(variant, price_amount, currency, now)
    after = {"name": name, "price_amount": price_amount, "currency": currency}
    audit.record(actor=actor, verb="product.created", target=product, now=now, after=after)
    return product


@transaction.atomic
def change_price(*, variant: Variant, price_amount: int, reason: str = "", actor: Actor, now: datetime) -> Variant:
    """A new regular price from `now` on; the old one stays in the price history. Running sales keep their price.

    The same price again changes nothing. Writes history and one audit row. Raises InvalidInput naming `price_amount`.
    """
    refuse_bad_price(price_amount)
    reason = text.clean_line(reason, field="reason", max_length=500, required=False)
    changed = Variant.objects.filter(pk=variant.pk).exclude(price_amount=price_amount)
    before = variant.price_amount
    if changed.update(price_amount=price_amount, updated_at=now):
        variant.price_amount = price_amount
        product = variant.product
        _note_price(variant, price_amount, product.currency, now)
        audit.record(
            actor=actor,
            verb="product.price_changed",
            target=product,
            now=now,
            before={"price_amount": before},
            after={"price_amount": price_amount},
            reason=reason,
        )
    return variant


@transaction.atomic
def archive_product(*, product: Product, actor: Actor, now: datetime) -> Product:
    """Hide a product from new sales; running sales and orders keep it. A second call changes nothing."""
    if Product.objects.filter(pk=product.pk, archived_at__isnull=True).update(archived_at=now, updated_at=now):
        product.archived_at = now
        audit.record(actor=actor, verb="product.archived", target=product, now=now)
    return product


def _note_price(variant: Variant, price_amount: int, currency: str, now: datetime) -> None:
    PriceHistory.objects.create(
        workspace_id=variant.workspace_id,
        variant=variant,
        price_amount=price_amount,
        currency=currency,
        valid_from_at=now,
    )
