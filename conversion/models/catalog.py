"""Product, Variant, PriceHistory. Amounts are minor units of the product's currency."""

from django.db import models
from django.db.models import Q

from community_ops.common.tenancy import TenantModel


class Product(TenantModel):
    """Something that is sold. What is bought is always one of its variants; a simple product has one, unnamed."""

    name = models.CharField(max_length=200)
    currency = models.CharField(max_length=3)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "id"], name="product_list")]  # lists, oldest first

    def __str__(self) -> str:
        return self.name


class Variant(TenantModel):
    """One kind of a product (size, colour) with its regular price. `name` is empty for the only one."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="variants")
    name = models.CharField(max_length=100, blank=True)
    price_amount = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "product", "name"], name="variant_name_once"),
            models.CheckConstraint(condition=Q(price_amount__gt=0), name="variant_price_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.product} {self.name}".strip()


class PriceHistory(TenantModel):
    """The regular price of a variant from `valid_from_at` on. Append-only: what a "was" price is checked against."""

    variant = models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="prices")
    price_amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    valid_from_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "price history"
        constraints = [models.CheckConstraint(condition=Q(price_amount__gt=0), name="price_history_positive")]
        indexes = [
            # the prices of a variant, newest first
            models.Index(fields=["variant", "-valid_from_at"], name="price_of_variant"),
        ]

    def __str__(self) -> str:
        return f"{self.variant_id}: {self.price_amount} {self.currency}"
