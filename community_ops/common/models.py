"""Tables of the kernel: audit, outbox, idempotency, assets, clock shift, job pulses."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import pgettext_lazy

from community_ops.common.fields import EncryptedJSONField
from community_ops.common.tenancy import TENANT_MODEL, TenantModel, TimeStamped


class AuditEntry(models.Model):
    """Who changed what: written in the transaction of the change, never changed afterwards."""

    workspace = models.ForeignKey(TENANT_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=10)
    actor_id = models.BigIntegerField(null=True)
    actor_label = models.CharField(max_length=150)
    verb = models.CharField(max_length=80)  # e.g. announcement.scheduled
    target_kind = models.CharField(max_length=60)  # app_label.model
    target_id = models.CharField(max_length=40)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.CharField(max_length=500, blank=True)
    request_id = models.CharField(max_length=40, blank=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            # history of one object, newest first
            models.Index(fields=["workspace", "target_kind", "target_id", "-id"], name="audit_of_target"),
            # the workspace's log, newest first
            models.Index(fields=["workspace", "-id"], name="audit_of_workspace"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.verb} {self.target_kind}:{self.target_id}"


class OutboxEvent(models.Model):
    """A fact told upward, written in the transaction that made it true. Kept 30 days after dispatch."""

    workspace = models.ForeignKey(TENANT_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    name = models.CharField(max_length=80)  # e.g. members.MemberJoined
    aggregate_id = models.CharField(max_length=80)  # order is promised per aggregate only
    payload = models.JSONField()
    published_at = models.DateTimeField()
    dispatched_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # drain: events without receipts yet, oldest first
            models.Index(fields=["id"], condition=Q(dispatched_at__isnull=True), name="outbox_undispatched"),
            # tidy: dispatched events past their keeping time
            models.Index(fields=["dispatched_at"], name="outbox_dispatched"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.aggregate_id}"


class ReceiptState(models.TextChoices):
    PENDING = "pending", pgettext_lazy("event receipt", "Waiting")
    DONE = "done", pgettext_lazy("event receipt", "Done")
    PARKED = "parked", pgettext_lazy("event receipt", "Parked")


class EventReceipt(models.Model):
    """One event for one handler; `done` is written in the transaction of the handler's effect."""

    event = models.ForeignKey(OutboxEvent, on_delete=models.CASCADE, related_name="receipts")
    handler = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=ReceiptState, default=ReceiptState.PENDING)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    last_error = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "handler"], name="receipt_once_per_handler"),
            models.CheckConstraint(condition=Q(state__in=ReceiptState.values), name="receipt_state_known"),
        ]
        indexes = [
            # drain: receipts to work on
            models.Index(fields=["next_try_at", "id"], condition=Q(state="pending"), name="receipt_due"),
            # Today: parked receipts
            models.Index(fields=["id"], condition=Q(state="parked"), name="receipt_parked"),
        ]

    def __str__(self) -> str:
        return f"{self.handler} <- {self.event_id}"


class IdempotencyRecord(TimeStamped):
    """The stored answer to one key of one client; written in the transaction of the effect."""

    scope = models.CharField(max_length=80)  # the token (or user) that sent the key
    key = models.CharField(max_length=255)
    body_digest = models.CharField(max_length=64)  # sha256 over method, path and body
    status = models.PositiveSmallIntegerField(default=0)
    answer = models.BinaryField(default=b"")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="idempotency_key_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_by_age")]  # tidy after 24 h

    def __str__(self) -> str:
        return f"{self.scope}:{self.key}"


class Asset(TenantModel):
    """A stored file of a workspace, once per content. Served by a view that asks for permission."""

    sha256 = models.CharField(max_length=64)
    content_type = models.CharField(max_length=80)  # sniffed, never taken from the name
    size_bytes = models.PositiveIntegerField()
    file_name = models.CharField(max_length=200)
    path = models.CharField(max_length=300)  # inside the configured storage
    delete_after = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "sha256"], name="asset_once_per_content")]

    def __str__(self) -> str:
        return self.file_name


class ClockShift(models.Model):
    """The one row of `manage.py clock --advance` (development only)."""

    seconds = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="clock_shift_one_row")]

    def __str__(self) -> str:
        return f"{self.seconds} s"

    @classmethod
    def current_seconds(cls) -> int:
        return cls.objects.values_list("seconds", flat=True).filter(pk=1).first() or 0


class JobPulse(models.Model):
    """The last time a periodic job ran to its end: proof that workers consume, not only that they live."""

    name = models.CharField(max_length=80, unique=True)
    last_ok_at = models.DateTimeField(null=True)
    last_error_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True)
    grace_seconds = models.PositiveIntegerField()

    def __str__(self) -> str:
        return self.name


class KeyCanary(models.Model):
    """A secret that says nothing: reading it proves that the configured key fits the stored data."""

    value = EncryptedJSONField()

    def __str__(self) -> str:
        return "canary"


class LimitedStock(TenantModel):
    """Base of everything limited: seats, prizes, stock. `left` only moves by `common.stock`."""

    total = models.PositiveIntegerField()
    left = models.IntegerField()

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(condition=Q(left__gte=0), name="%(app_label)s_%(class)s_left_not_negative"),
            models.CheckConstraint(condition=Q(left__lte=F("total")), name="%(app_label)s_%(class)s_left_within_total"),
        ]


class HoldState(models.TextChoices):
    HELD = "held", pgettext_lazy("hold", "Held")
    KEPT = "kept", pgettext_lazy("hold", "Kept")  # became final: paid, joined, collected
    GIVEN_BACK = "given_back", pgettext_lazy("hold", "Given back")


class Hold(TenantModel):
    """Base of what is kept for somebody for a while: `quantity` pieces of a LimitedStock until `expires_at`.

    Moves once, from held to kept or to given back, by `common.stock`.
    """

    quantity = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=HoldState, default=HoldState.HELD)
    expires_at = models.DateTimeField()

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="%(app_label)s_%(class)s_quantity_positive"),
            models.CheckConstraint(
                condition=Q(state__in=HoldState.values), name="%(app_label)s_%(class)s_hold_state_known"
            ),
        ]
        indexes = [
            # sweep: holds past their time
            models.Index(fields=["expires_at"], condition=Q(state="held"), name="%(app_label)s_%(class)s_due"),
        ]


class LedgerEntry(TenantModel):
    """Base of append-only ledgers: balance = sum of `amount`; a mistake is a counter-entry.

    Written only by `common.ledger.append`; updates and deletes are refused.
    """

    source_key = models.CharField(max_length=160)
    amount = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["workspace", "source_key"], name="%(app_label)s_%(class)s_source_once")
        ]
