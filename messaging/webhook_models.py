"""WebhookSubscription, WebhookCall, WebhookTry: telling other tools what happened here (ADR-0010)."""

from django.db import models
from django.db.models import Q
from django.utils.translation import pgettext_lazy

from community_ops.common.fields import EncryptedJSONField
from community_ops.common.tenancy import TenantModel


class OffReason(models.TextChoices):
    """Why a subscription is off; empty while it is on."""

    BY_HAND = "by_hand", pgettext_lazy("webhook is off", "Switched off by a person")
    GONE = "gone", pgettext_lazy("webhook is off", "The receiver said it is gone (410)")
    FAILING = "failing", pgettext_lazy("webhook is off", "Nothing got through for three days")


class WebhookSubscription(TenantModel):
    """An address of another tool, and the events it wants to hear of."""

    name = models.CharField(max_length=100)
    host = models.CharField(max_length=255)  # of the address: all of it that people see
    secret = EncryptedJSONField(default=dict)  # {"url", "keys": [{"key", "until"}]}, the present key first
    events = models.JSONField(default=list)  # public names, or "*"
    created_by = models.CharField(max_length=150)
    is_on = models.BooleanField(default=True)
    switched_off_at = models.DateTimeField(null=True)
    off_reason = models.CharField(max_length=10, choices=OffReason, blank=True)
    failing_since = models.DateTimeField(null=True)  # the first try in vain after the last one that got through
    archived_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(is_on=True, switched_off_at__isnull=True, off_reason="")
                | Q(is_on=False, switched_off_at__isnull=False, off_reason__in=OffReason.values),
                name="webhook_off_with_reason",
            ),
        ]
        indexes = [
            # the list, and whom to tell of an event
            models.Index(fields=["workspace", "id"], condition=Q(archived_at__isnull=True), name="webhook_live"),
        ]

    def __str__(self) -> str:
        return self.name


class CallState(models.TextChoices):
    PENDING = "pending", pgettext_lazy("webhook call", "Not yet arrived")
    DONE = "done", pgettext_lazy("webhook call", "Arrived")
    GIVEN_UP = "given_up", pgettext_lazy("webhook call", "Given up")


class WebhookCall(TenantModel):
    """One event for one subscription. The row is the queue, as with deliveries; kept 30 days."""

    subscription = models.ForeignKey(WebhookSubscription, on_delete=models.PROTECT, related_name="calls")
    event_id = models.BigIntegerField(null=True)  # of the outbox, whose rows are pruned; a test has none
    event = models.CharField(max_length=80)  # public name
    webhook_id = models.CharField(max_length=80)  # the same on every try
    body = models.TextField()  # exactly what is signed and sent
    state = models.CharField(max_length=10, choices=CallState, default=CallState.PENDING)
    attempt_count = models.PositiveIntegerField(default=0)
    earlier_count = models.PositiveIntegerField(default=0)  # tries before a person asked for it once more
    next_try_at = models.DateTimeField()
    first_try_at = models.DateTimeField(null=True)  # three days are counted from it
    started_at = models.DateTimeField(null=True)  # the last try
    lease_owner = models.CharField(max_length=80, blank=True)  # not empty: a call is running, or its worker died
    lease_until = models.DateTimeField(null=True)  # database time
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "subscription", "event_id"], name="webhook_call_once"),
            models.CheckConstraint(condition=Q(state__in=CallState.values), name="webhook_call_state_known"),
        ]
        indexes = [
            # the tick: is there anything to call?
            models.Index(fields=["next_try_at"], condition=Q(state="pending"), name="webhook_call_due"),
            # what one subscription waits for, and what runs for it
            models.Index(
                fields=["subscription", "next_try_at"], condition=Q(state="pending"), name="webhook_call_waiting"
            ),
            # calls that run, and those whose worker died
            models.Index(
                fields=["lease_until"],
                condition=Q(state="pending", lease_until__isnull=False),
                name="webhook_call_running",
            ),
            # the log of a subscription, newest first
            models.Index(fields=["subscription", "-id"], name="webhook_call_log"),
            # tidy after 30 days
            models.Index(fields=["created_at"], name="webhook_call_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.webhook_id}"


class TryOutcome(models.TextChoices):
    DONE = "done", pgettext_lazy("webhook try", "Arrived")
    REFUSED = "refused", pgettext_lazy("webhook try", "The receiver did not take it")
    GONE = "gone", pgettext_lazy("webhook try", "The receiver said it is gone (410)")
    NOT_SENT = "not_sent", pgettext_lazy("webhook try", "No connection")
    NO_ANSWER = "no_answer", pgettext_lazy("webhook try", "No answer in time")
    ADDRESS_REFUSED = "address", pgettext_lazy("webhook try", "The address is not public and is not called")
    LOST = "lost", pgettext_lazy("webhook try", "The program ended before the answer was written down")
    NOT_CALLED = "not_called", pgettext_lazy("webhook try", "Failed before the call")


class WebhookTry(TenantModel):
    """One try of a call. Holds neither the address nor what the receiver wrote."""

    call = models.ForeignKey(WebhookCall, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    latency_ms = models.PositiveIntegerField(default=0)
    http_status = models.PositiveSmallIntegerField(null=True)
    outcome = models.CharField(max_length=10, choices=TryOutcome)
    text = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = "webhook tries"
        constraints = [
            models.UniqueConstraint(fields=["workspace", "call", "number"], name="webhook_try_once"),
            models.CheckConstraint(condition=Q(outcome__in=TryOutcome.values), name="webhook_try_outcome_known"),
        ]

    def __str__(self) -> str:
        return f"{self.call_id} no. {self.number}: {self.outcome}"
