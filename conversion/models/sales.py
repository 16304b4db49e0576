"""FlashSale and what belongs to it. Whether a sale is open is computed from its times (policies.sale_state)."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import pgettext_lazy

from community_ops.common.models import LimitedStock
from community_ops.common.tenancy import TenantModel
from conversion.models.catalog import Variant
from conversion.policies import MAX_HOLD_SECONDS, MIN_HOLD_SECONDS

DEFAULT_HOLD_SECONDS = 900


class SaleState(models.TextChoices):
    """What an operator decided. Open, sold out and ended follow from the times and the stock."""

    DRAFT = "draft", pgettext_lazy("sale", "Draft")
    SCHEDULED = "scheduled", pgettext_lazy("sale", "Scheduled")
    CANCELLED = "cancelled", pgettext_lazy("sale", "Cancelled")


class PaymentMode(models.TextChoices):
    """How money comes in: `manual` = a colleague confirms it; `sandbox` = a button that only pretends."""

    MANUAL = "manual", pgettext_lazy("payment", "Confirmed by a colleague")
    SANDBOX = "sandbox", pgettext_lazy("payment", "Simulated")


class FlashSale(TenantModel):
    """限时抢购: items at a price in a window, with real stock. `limit_per_member` None: no limit.

    `half_sold_at` and `sold_out_at` are when that came true for the first time and was told to the ladder.
    """

    community = models.ForeignKey("groups.Community", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    public_code = models.CharField(max_length=32, unique=True)  # policies.new_public_code
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    hold_seconds = models.PositiveIntegerField(default=DEFAULT_HOLD_SECONDS)
    limit_per_member = models.PositiveIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3)
    payment_mode = models.CharField(max_length=10, choices=PaymentMode, default=PaymentMode.MANUAL)
    allow_registration = models.BooleanField(default=False)
    playbook = models.ForeignKey("campaigns.Playbook", on_delete=models.PROTECT, related_name="+", null=True)
    state = models.CharField(max_length=10, choices=SaleState, default=SaleState.DRAFT)
    scheduled_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    pause_reason = models.CharField(max_length=500, blank=True)
    cancelled_at = models.DateTimeField(null=True)
    half_sold_at = models.DateTimeField(null=True)
    sold_out_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=SaleState.values), name="sale_state_known"),
            models.CheckConstraint(condition=Q(payment_mode__in=PaymentMode.values), name="sale_payment_mode_known"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="sale_ends_after_start"),
            models.CheckConstraint(
                condition=Q(hold_seconds__gte=MIN_HOLD_SECONDS, hold_seconds__lte=MAX_HOLD_SECONDS),
                name="sale_hold_in_range",
            ),
            models.CheckConstraint(
                condition=Q(limit_per_member__isnull=True) | Q(limit_per_member__gt=0), name="sale_limit_positive"
            ),
        ]
        indexes = [
            # lists, newest start first
            models.Index(fields=["workspace", "-starts_at", "-id"], name="sale_newest"),
            # watch_sales: running sales whose conditions are not all told
            models.Index(fields=["starts_at"], condition=Q(state="scheduled", sold_out_at=None), name="sale_watched"),
        ]

    def __str__(self) -> str:
        return self.name


class SaleGroup(TenantModel):
    """A group the sale is for and its ladder speaks to."""

    sale = models.ForeignKey(FlashSale, on_delete=models.CASCADE, related_name="targets")
    group = models.ForeignKey("groups.ChatGroup", on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "sale", "group"], name="sale_group_once")]
        indexes = [models.Index(fields=["group", "sale"], name="sale_of_group")]  # the sales a helper may see

    def __str__(self) -> str:
        return f"{self.sale_id} -> {self.group_id}"


class SaleItem(LimitedStock):
    """A variant in a sale: its price there and how much is left. `left` moves only by `common.stock`."""

    sale = models.ForeignKey(FlashSale, on_delete=models.CASCADE, related_name="items")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+")
    price_amount = models.BigIntegerField()

    class Meta(LimitedStock.Meta):
        constraints = [
            *LimitedStock.Meta.constraints,
            models.UniqueConstraint(fields=["workspace", "sale", "variant"], name="sale_item_once"),
            models.CheckConstraint(condition=Q(price_amount__gt=0), name="sale_item_price_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.variant_id} in {self.sale_id}"


class SaleBuyer(TenantModel):
    """How many pieces a member holds or has paid in a sale: what the limit counts. Moves by conditional update."""

    sale = models.ForeignKey(FlashSale, on_delete=models.CASCADE, related_name="buyers")
    member = models.ForeignKey("members.Member", on_delete=models.PROTECT, related_name="+")
    quantity = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "sale", "member"], name="sale_buyer_once"),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="sale_buyer_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} in {self.sale_id}"


class RefusalReason(models.TextChoices):
    """Why a buyer was turned away, as counted."""

    NOT_OPEN = "not_open", pgettext_lazy("refusal", "Not open")
    LIMIT = "limit", pgettext_lazy("refusal", "Over the limit")
    SOLD_OUT = "sold_out", pgettext_lazy("refusal", "Sold out")
    PAUSED = "paused", pgettext_lazy("refusal", "During a pause")
    FEW_LEFT = "few_left", pgettext_lazy("refusal", "Fewer left than asked for")


class RefusalCount(TenantModel):
    """How often buyers of a sale were turned away for a reason. The refused attempts themselves are not kept."""

    sale = models.ForeignKey(FlashSale, on_delete=models.CASCADE, related_name="refusals")
    reason = models.CharField(max_length=10, choices=RefusalReason)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "sale", "reason"], name="refusal_count_once"),
            models.CheckConstraint(condition=Q(reason__in=RefusalReason.values), name="refusal_reason_known"),
        ]

    def __str__(self) -> str:
        return f"{self.reason}: {self.count}"
