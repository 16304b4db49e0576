"""JSON of products, sales and orders. Amounts are decimal strings in major units."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from campaigns.selectors import playbooks_visible_to
from community_ops.common import clock
from community_ops.common.api.fields import AmountField, LineField, MomentField, StrictIntegerField, VisibleRelatedField
from community_ops.common.money import to_major
from conversion import guards, policies, selectors
from conversion.models import FlashSale, Order, OrderState, PaymentMode, Product, SaleItem
from groups.selectors import groups_visible_to
from members.selectors import members_visible_to


class NewProductSerializer(serializers.Serializer):
    name = LineField(max_length=200)
    price_amount = AmountField()
    currency = serializers.CharField(min_length=3, max_length=3)


class ProductSerializer(serializers.ModelSerializer):
    price_amount = serializers.SerializerMethodField()
    variants = serializers.SerializerMethodField()

    class Meta:
        model = Product
        fields = ["id", "name", "price_amount", "currency", "variants", "archived_at", "created_at"]

    def get_price_amount(self, product: Product) -> str:
        return to_major(product.variants.all()[0].price_amount, product.currency)

    @extend_schema_field({"type": "array", "items": {"type": "object"}})
    def get_variants(self, product: Product) -> list[dict[str, Any]]:
        return [
            {"id": one.pk, "name": one.name, "price_amount": to_major(one.price_amount, product.currency)}
            for one in product.variants.all()
        ]


class NewFlashSaleSerializer(serializers.Serializer):
    """`playbook`: left out = the built-in ladder, null = no ladder."""

    product = VisibleRelatedField(selectors.products_visible_to)
    groups = VisibleRelatedField(groups_visible_to, many=True, allow_empty=False)
    starts_at = MomentField()
    ends_at = MomentField()
    stock = StrictIntegerField(min_value=1, max_value=policies.MAX_PIECES)
    limit_per_member = StrictIntegerField(min_value=1, max_value=policies.MAX_PIECES, allow_null=True, default=None)
    price_amount = AmountField()
    currency = serializers.CharField(min_length=3, max_length=3)
    hold_seconds = StrictIntegerField(
        min_value=policies.MIN_HOLD_SECONDS, max_value=policies.MAX_HOLD_SECONDS, default=900
    )
    name = LineField(max_length=200, required=False, allow_blank=True, default="")
    allow_registration = serializers.BooleanField(default=False)
    payment_mode = serializers.ChoiceField(choices=PaymentMode.choices, default=PaymentMode.MANUAL)
    playbook = VisibleRelatedField(playbooks_visible_to, required=False, allow_null=True)


class FlashSaleSerializer(serializers.ModelSerializer):
    """`state`, `held_count` and `left_count` are those of the moment of the request."""

    product = serializers.SerializerMethodField()
    groups = serializers.SerializerMethodField()
    state = serializers.SerializerMethodField()
    stock = serializers.IntegerField(read_only=True)
    sold_count = serializers.IntegerField(read_only=True)
    held_count = serializers.IntegerField(read_only=True)
    left_count = serializers.IntegerField(read_only=True)
    price_amount = serializers.SerializerMethodField()
    starts_at = MomentField(read_only=True)
    ends_at = MomentField(read_only=True)
    url = serializers.SerializerMethodField()

    class Meta:
        model = FlashSale
        fields = [
            "id", "name", "community", "product", "groups", "state", "starts_at", "ends_at",
            "stock", "sold_count", "held_count", "left_count", "limit_per_member", "price_amount", "currency",
            "hold_seconds", "allow_registration", "payment_mode", "playbook", "paused_at", "pause_reason", "url",
        ]  # fmt: skip
        read_only_fields = fields

    def get_product(self, sale: FlashSale) -> int:
        return _item(sale).variant.product_id

    def get_groups(self, sale: FlashSale) -> list[int]:
        return [target.group_id for target in sale.targets.all()]

    def get_state(self, sale: FlashSale) -> str:
        return str(selectors.moment_of(sale, now=self.context["now"]))

    def get_price_amount(self, sale: FlashSale) -> str:
        return to_major(_item(sale).price_amount, sale.currency)

    def get_url(self, sale: FlashSale) -> str:
        return guards.sale_link(sale)


class RehearsedSaleSerializer(FlashSaleSerializer):
    """`forecast`: what its messages would take (docs/api.md); null where it has no ladder."""

    warnings = serializers.ListField(child=serializers.DictField(child=serializers.CharField()), read_only=True)
    forecast = serializers.DictField(allow_null=True, read_only=True)

    class Meta(FlashSaleSerializer.Meta):
        fields = [*FlashSaleSerializer.Meta.fields, "warnings", "forecast"]
        read_only_fields = fields


class WindowSerializer(serializers.Serializer):
    starts_at = MomentField()
    ends_at = MomentField()


class ReasonSerializer(serializers.Serializer):
    reason = LineField(max_length=500, required=False, allow_blank=True, default="")


class NewOrderSerializer(serializers.Serializer):
    member = VisibleRelatedField(members_visible_to)
    quantity = StrictIntegerField(min_value=1, max_value=policies.MAX_PIECES)


class OrderSerializer(serializers.ModelSerializer):
    """`state` by comparing times: a held order past `expires_at` is expired, swept or not."""

    flash_sale = serializers.IntegerField(source="sale_id", read_only=True, allow_null=True)
    state = serializers.SerializerMethodField()
    quantity = serializers.SerializerMethodField()
    total_amount = serializers.SerializerMethodField()
    lines = serializers.SerializerMethodField()
    placed_at = MomentField(read_only=True)
    expires_at = MomentField(read_only=True)
    paid_at = MomentField(read_only=True)
    closed_at = MomentField(read_only=True)

    class Meta:
        model = Order
        fields = [
            "id", "flash_sale", "community", "member", "state", "quantity", "total_amount", "currency", "source",
            "external_id", "placed_at", "expires_at", "paid_at", "closed_at", "lines",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=OrderState.choices))
    def get_state(self, order: Order) -> str:
        return str(order.state_at(clock.now()))

    def get_quantity(self, order: Order) -> int:
        return sum(line.quantity for line in order.lines.all())

    def get_total_amount(self, order: Order) -> str:
        return to_major(order.total_amount, order.currency)

    @extend_schema_field({"type": "array", "items": {"type": "object"}})
    def get_lines(self, order: Order) -> list[dict[str, Any]]:
        return [
            {
                "variant": line.variant_id,
                "sku": line.sku,
                "description": line.description,
                "quantity": line.quantity,
                "unit_amount": to_major(line.unit_amount, order.currency),
            }
            for line in order.lines.all()
        ]


def _item(sale: FlashSale) -> SaleItem:
    return sale.items.all()[0]
