"""Products and their prices."""

from datetime import timedelta

import pytest

from community_ops.common.errors import InvalidInput
from community_ops.common.models import AuditEntry
from conversion import services
from conversion.models import PriceHistory, Product, Variant
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db


def test_a_product_has_one_variant_and_its_first_price(product) -> None:
    variant = product.variants.get()
    assert (variant.name, variant.price_amount) == ("", 39900)
    history = PriceHistory.objects.get(variant=variant)
    assert (history.price_amount, history.currency, history.valid_from_at) == (39900, "CNY", NOON)
    assert AuditEntry.objects.filter(verb="product.created", target_id=str(product.pk)).count() == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"price_amount": 0}, "price_amount"),
        ({"price_amount": -1}, "price_amount"),
        ({"currency": "XXX"}, "currency"),
    ],
)
def test_nothing_is_written_when_a_product_cannot_be(workspace, changes, field) -> None:
    wanted = {"name": "围巾", "price_amount": 9900, "currency": "CNY"} | changes
    with pytest.raises(InvalidInput) as refused:
        services.create_product(workspace_id=workspace.pk, **wanted, actor=SYSTEM, now=NOON)
    assert refused.value.field == field
    assert not Product.objects.exists()
    assert not Variant.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_new_price_keeps_the_old_one_in_the_history(product) -> None:
    variant, later = product.variants.get(), NOON + timedelta(days=1)
    for _ in range(2):
        services.change_price(variant=variant, price_amount=35900, reason="换季", actor=SYSTEM, now=later)
    prices = PriceHistory.objects.filter(variant=variant).order_by("id")
    assert [(row.price_amount, row.valid_from_at) for row in prices] == [(39900, NOON), (35900, later)]
    assert AuditEntry.objects.get(verb="product.price_changed").reason == "换季"


def test_the_price_stays_when_the_new_one_is_none(product) -> None:
    variant = product.variants.get()
    with pytest.raises(InvalidInput):
        services.change_price(variant=variant, price_amount=0, actor=SYSTEM, now=NOON)
    variant.refresh_from_db()
    assert variant.price_amount == 39900
    assert PriceHistory.objects.count() == 1


def test_archiving_twice_is_once(product) -> None:
    for _ in range(2):
        services.archive_product(product=product, actor=SYSTEM, now=NOON)
    assert product.archived_at == NOON
    assert AuditEntry.objects.filter(verb="product.archived").count() == 1
