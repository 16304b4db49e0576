"""Connection, Endpoint, OutboundMessage, Delivery, Attempt, SandboxPost, InboundEvent.

Nothing here points upward: `origin`, `subject` and `target` are a kind and an id that only the
higher app can read. `target` is the group or member a text is for.
"""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from community_ops.common.fields import EncryptedJSONField
from community_ops.common.tenancy import TenantModel
from messaging.limit_models import LONGEST_WINDOW_SECONDS, Identity, LimitScope, SendBudget, SendLimit
from messaging.task_models import Assignee, HumanTask, TaskItem, TaskKind, TaskState

__all__ = [  # of modules of their own: work for people, and what is counted
    "LONGEST_WINDOW_SECONDS",
    "Assignee",
    "HumanTask",
    "Identity",
    "LimitScope",
    "SendBudget",
    "SendLimit",
    "TaskItem",
    "TaskKind",
    "TaskState",
]
from messaging import inbound_models as inbound_models  # tables of this app that live elsewhere
from messaging import webhook_models as webhook_models


class Platform(models.TextChoices):
    SANDBOX = "sandbox", _("Sandbox room")
    WEBHOOK = "webhook", _("Signed webhook")
    WECOM_ROBOT = "wecom_robot", _("WeCom group robot")
    DINGTALK_ROBOT = "dingtalk_robot", _("DingTalk group robot")
    FEISHU_ROBOT = "feishu_robot", _("Feishu / Lark group robot")
    TELEGRAM = "telegram", _("Telegram bot")
    DISCORD = "discord", _("Discord bot")
    SLACK = "slack", _("Slack app")
    EMAIL = "email", _("E-mail")
    APPRISE = "apprise", _("Other service (apprise)")
    ASSISTED = "assisted", _("Sent by hand")


class Connection(TenantModel):
    """An account on a platform: what it takes to speak as somebody there."""

    platform = models.CharField(max_length=20, choices=Platform)
    name = models.CharField(max_length=100)
    config = models.JSONField(default=dict)  # nothing secret: shown to people (host, base_url, hint)
    secret = EncryptedJSONField(default=dict)  # never shown, never logged
    # who it is there: its calls count together with those of every other row of the same one
    identity = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="connections")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(platform__in=Platform.values), name="connection_platform_known")
        ]

    def __str__(self) -> str:
        return self.name


class EndpointKind(models.TextChoices):
    CHAT = "chat", pgettext_lazy("endpoint kind", "Group chat")
    PERSON = "person", pgettext_lazy("endpoint kind", "Person")


class Endpoint(TenantModel):
    """One chat, or one person's address, reached through a connection."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="endpoints")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=EndpointKind, default=EndpointKind.CHAT)
    address = models.JSONField(default=dict)  # which chat of the connection; empty where it has only one
    identity = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="endpoints")  # of the chat, likewise
    # The receiver promises to ignore a webhook-id it has seen: only then is a send in doubt repeated by itself.
    drops_repeats = models.BooleanField(default=False)
    chat_changed_at = models.DateTimeField(null=True)  # what was called before went to another chat than what follows
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(kind__in=EndpointKind.values), name="endpoint_kind_known")]
        indexes = [
            # the list of live endpoints of a workspace
            models.Index(fields=["workspace", "id"], condition=Q(archived_at__isnull=True), name="endpoint_live"),
        ]

    def __str__(self) -> str:
        return self.name


class FoundChat(TenantModel):
    """A chat that an account was seen in, and that may become an endpoint: so nobody has to look up its id."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="found_chats")
    chat = models.CharField(max_length=128)  # what `Endpoint.address["chat"]` takes
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=EndpointKind, default=EndpointKind.CHAT)
    seen_at = models.DateTimeField()  # the last time
    endpoint = models.ForeignKey(Endpoint, on_delete=models.SET_NULL, related_name="+", null=True)  # bound to it

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "connection", "chat"], name="found_chat_once"),
            models.CheckConstraint(condition=Q(kind__in=EndpointKind.values), name="found_chat_kind_known"),
        ]

    def __str__(self) -> str:
        return self.title


class Purpose(models.TextChoices):
    """What a message is for. Frequency caps count by it."""

    NOTICE = "notice", pgettext_lazy("purpose of a message", "Notice")
    CONTENT = "content", pgettext_lazy("purpose of a message", "Content")
    ACTIVITY = "activity", pgettext_lazy("purpose of a message", "Activity")
    SELLING = "selling", pgettext_lazy("purpose of a message", "Selling")
    CARE = "care", pgettext_lazy("purpose of a message", "Care")


class SendRule(TenantModel):
    """Base of the rules that hold messages back: from one day to another (both included) in the target's zone."""

    from_on = models.DateField()
    until_on = models.DateField(null=True)  # none: until it is taken away
    archived_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class QuietHours(SendRule):
    """免打扰时段: nothing goes out between two wall times of the target; over midnight when `ends` is earlier."""

    begins = models.TimeField()
    ends = models.TimeField()

    class Meta:
        verbose_name_plural = "quiet hours"
        constraints = [
            models.CheckConstraint(condition=~Q(begins=F("ends")), name="quiet_hours_not_empty"),
            models.CheckConstraint(
                condition=Q(until_on__isnull=True) | Q(until_on__gte=F("from_on")), name="quiet_hours_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.begins:%H:%M}-{self.ends:%H:%M}"


class Holiday(SendRule):
    """节假日: days of the target's zone on which nothing goes out."""

    name = models.CharField(max_length=100)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(until_on__gte=F("from_on")), name="holiday_in_order"),
        ]

    def __str__(self) -> str:
        return self.name


class FrequencyCap(SendRule):
    """每日上限: at most `count` messages of a purpose (none: of all together) to one target in `days` of its days."""

    purpose = models.CharField(max_length=10, choices=Purpose, blank=True)
    count = models.PositiveSmallIntegerField()
    days = models.PositiveSmallIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(count__gt=0, days__gt=0, days__lte=31), name="cap_in_range"),
            models.CheckConstraint(condition=Q(purpose="") | Q(purpose__in=Purpose.values), name="cap_purpose_known"),
            models.CheckConstraint(
                condition=Q(until_on__isnull=True) | Q(until_on__gte=F("from_on")), name="cap_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} of {self.purpose or 'all'} in {self.days} days"


class OutboundMessage(TenantModel):
    """A text for one target. With a subject it is a template whose placeholders are filled when it fires."""

    origin = models.CharField(max_length=20)  # who asked: "announcement", "touch"
    origin_id = models.BigIntegerField()
    subject_kind = models.CharField(max_length=20, blank=True)  # what it is about: "flash_sale", or nothing
    subject_id = models.BigIntegerField(null=True)
    target_kind = models.CharField(max_length=10)  # "group", "member", or "staff": who is told of work
    target_id = models.BigIntegerField()
    text = models.TextField()
    is_markdown = models.BooleanField(default=False)  # `messaging.markup`
    may_split = models.BooleanField(default=False)  # cut where it is longer than the platform takes
    image = models.ForeignKey("common.Asset", on_delete=models.PROTECT, related_name="+", null=True)
    card = models.JSONField(default=dict, blank=True)  # fields of `platforms.base.Card`, or nothing
    file = models.ForeignKey("common.Asset", on_delete=models.PROTECT, related_name="+", null=True)

    def __str__(self) -> str:
        return f"{self.origin}:{self.origin_id} for {self.target_kind}:{self.target_id}"


class DeliveryState(models.TextChoices):
    """Stored states. "due" is not stored: it is `planned` with `due_at` in the past (`policies.shown_state`)."""

    PLANNED = "planned", pgettext_lazy("delivery", "Planned")
    SENDING = "sending", pgettext_lazy("delivery", "Sending")
    ACCEPTED = "accepted", pgettext_lazy("delivery", "Accepted by the platform")
    WAITING = "waiting", pgettext_lazy("delivery", "Waiting for a person to send")
    CONFIRMED = "confirmed", pgettext_lazy("delivery", "Confirmed in the group")
    FAILED = "failed", pgettext_lazy("delivery", "Failed")
    EXPIRED = "expired", pgettext_lazy("delivery", "Too late, not sent")
    CANCELLED = "cancelled", pgettext_lazy("delivery", "Cancelled")
    UNKNOWN = "unknown", pgettext_lazy("delivery", "To be checked")


class Delivery(TenantModel):
    """The way of one message to one endpoint. The row is the queue: see docs/architecture.md, "Delivery"."""

    message = models.ForeignKey(OutboundMessage, on_delete=models.PROTECT, related_name="deliveries")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="deliveries", null=True)
    source_key = models.CharField(max_length=160)  # kind:object:occurrence:target
    origin = models.CharField(max_length=20)
    origin_id = models.BigIntegerField()
    subject_kind = models.CharField(max_length=20, blank=True)
    subject_id = models.BigIntegerField(null=True)
    target_kind = models.CharField(max_length=10)
    target_id = models.BigIntegerField()
    target_label = models.CharField(max_length=200, blank=True)  # what people called the target when it was planned
    purpose = models.CharField(max_length=10, choices=Purpose, default=Purpose.NOTICE)
    zone = models.CharField(max_length=64, default="UTC")  # the target's time zone when it was planned
    exemption = models.CharField(max_length=20, blank=True)  # why send rules do not hold it: `policies.EXEMPTIONS`

    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.PLANNED)
    reason = models.CharField(max_length=60, blank=True)  # code of why it is in this state; `policies.REASONS`
    due_at = models.DateTimeField()
    latest_at = models.DateTimeField(null=True)  # not started after this moment
    next_try_at = models.DateTimeField()  # due_at, or later after a refusal that may pass
    attempt_count = models.PositiveSmallIntegerField(default=0)
    attempt_limit = models.PositiveSmallIntegerField()
    too_fast_since = models.DateTimeField(null=True)  # first of the "too fast" answers since it was planned (again)

    lease_owner = models.CharField(max_length=80, blank=True)  # the run of the worker that has it in hand
    lease_until = models.DateTimeField(null=True)  # database time
    sending_at = models.DateTimeField(null=True)  # start of the last call
    # A call of the part that is next was in doubt, and neither the platform nor a person has answered since.
    may_have_arrived = models.BooleanField(default=False)

    accepted_at = models.DateTimeField(null=True)
    platform_code = models.CharField(max_length=40, blank=True)
    platform_text = models.CharField(max_length=500, blank=True)
    platform_message_id = models.CharField(max_length=100, blank=True)
    sent_text = models.TextField(blank=True)  # as it went out, placeholders filled
    # A message that takes several calls: parts of it that went out, of how many.
    parts_sent = models.PositiveSmallIntegerField(default=0)
    part_count = models.PositiveSmallIntegerField(default=1)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["workspace", "source_key"], name="delivery_once_per_source"),
            models.CheckConstraint(condition=Q(state__in=DeliveryState.values), name="delivery_state_known"),
            models.CheckConstraint(condition=Q(purpose__in=Purpose.values), name="delivery_purpose_known"),
        ]
        indexes = [
            # engine: rows to start soon, oldest first
            models.Index(fields=["next_try_at", "id"], condition=Q(state="planned"), name="delivery_due"),
            # Today: what is being retried, up to a day ahead
            models.Index(
                fields=["workspace"], condition=Q(state="planned", reason="retrying"), name="delivery_retried"
            ),
            # reaper: calls whose worker went silent; by the key, for a lease in an index would touch all of them
            models.Index(fields=["id"], condition=Q(state="sending"), name="delivery_stuck"),
            # deliveries of one announcement or touch
            models.Index(fields=["workspace", "origin", "origin_id"], name="delivery_of_origin"),
            # a group's or member's history, newest first
            models.Index(fields=["workspace", "target_kind", "target_id", "-id"], name="delivery_of_target"),
            # what a target got or will get on a day: frequency caps
            models.Index(fields=["workspace", "target_kind", "target_id", "due_at"], name="delivery_of_target_day"),
            # the record list by state, newest first; Today's counts
            models.Index(fields=["workspace", "state", "-id"], name="delivery_by_state"),
        ]

    def __str__(self) -> str:
        return self.source_key


class SendSlot(TenantModel):
    """One call that counts against a budget, from its start until it has been over for the window (ADR-0007)."""

    budget = models.ForeignKey(SendBudget, on_delete=models.CASCADE, related_name="slots")
    # a test message has none
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="+", null=True)
    started_at = models.DateTimeField()  # database time, as ended_at
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # the newest calls of a budget
            models.Index(fields=["budget", "-ended_at"], name="slot_of_budget"),
            # the open slot of a delivery whose call ends
            models.Index(fields=["delivery"], condition=Q(ended_at__isnull=True), name="slot_open"),
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id} in {self.budget_id}"


class AttemptOutcome(models.TextChoices):
    ACCEPTED = "accepted", pgettext_lazy("outcome of a try", "Accepted")
    RETRY = "retry", pgettext_lazy("outcome of a try", "Refused for now")
    REFUSED = "refused", pgettext_lazy("outcome of a try", "Refused for good")
    IN_DOUBT = "in_doubt", pgettext_lazy("outcome of a try", "No clear answer")
    LOST = "lost", pgettext_lazy("outcome of a try", "The program ended before the answer was written down")
    NOT_CALLED = "not_called", pgettext_lazy("outcome of a try", "Failed before the call")


class Attempt(TenantModel):
    """One call of the platform for a delivery; written when it is over."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    # Which of the message's calls it made, from 1, of how many were known then. 1 of 1 where it takes only one.
    part = models.PositiveSmallIntegerField(default=1)
    part_count = models.PositiveSmallIntegerField(default=1)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    latency_ms = models.PositiveIntegerField(default=0)
    outcome = models.CharField(max_length=10, choices=AttemptOutcome)
    http_status = models.PositiveSmallIntegerField(null=True)
    platform_code = models.CharField(max_length=40, blank=True)
    platform_text = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "delivery", "number"], name="attempt_number_once"),
            models.CheckConstraint(condition=Q(outcome__in=AttemptOutcome.values), name="attempt_outcome_known"),
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id} no. {self.number}: {self.outcome}"


class SandboxPost(TenantModel):
    """A message in a sandbox room, as its members see it."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="posts")
    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="+", null=True)
    part = models.PositiveSmallIntegerField(default=0)
    author = models.CharField(max_length=100, blank=True)  # empty: our own robot
    text = models.TextField(blank=True)
    is_markdown = models.BooleanField(default=False)
    image = models.ForeignKey("common.Asset", on_delete=models.PROTECT, related_name="+", null=True)
    card = models.JSONField(default=dict, blank=True)  # as in OutboundMessage
    file = models.ForeignKey("common.Asset", on_delete=models.PROTECT, related_name="+", null=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "delivery", "part"], name="sandbox_post_once")]
        indexes = [
            # the room, newest last
            models.Index(fields=["endpoint", "id"], name="sandbox_post_of_room"),
        ]

    def __str__(self) -> str:
        return f"{self.author}: {self.text[:40]}"


class EventSource(models.TextChoices):
    API = "api", pgettext_lazy("source of an event", "Another tool")
    IMPORT = "import", pgettext_lazy("source of an event", "Import")
    SANDBOX = "sandbox", pgettext_lazy("source of an event", "Sandbox room")
    PLATFORM = "platform", pgettext_lazy("source of an event", "Platform")
    PASTE = "paste", pgettext_lazy("source of an event", "Pasted by a person")


class EventKind(models.TextChoices):
    MESSAGE = "message", pgettext_lazy("group event", "Message")
    REACTION = "reaction", pgettext_lazy("group event", "Reaction")
    JOIN = "join", pgettext_lazy("group event", "Joined")
    LEAVE = "leave", pgettext_lazy("group event", "Left")


class InboundEvent(TenantModel):
    """Something that happened in a group, stored once per external id."""

    batch = models.UUIDField()
    source = models.CharField(max_length=10, choices=EventSource)
    target_kind = models.CharField(max_length=10)
    target_id = models.BigIntegerField()
    external_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=EventKind)
    occurred_at = models.DateTimeField()
    author_external_id = models.CharField(max_length=200)
    author_id = models.BigIntegerField(null=True)  # the member, known to a higher app
    text = models.TextField(blank=True)
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "target_kind", "target_id", "external_id"], name="inbound_event_once"
            ),
            models.CheckConstraint(condition=Q(source__in=EventSource.values), name="inbound_source_known"),
            models.CheckConstraint(condition=Q(kind__in=EventKind.values), name="inbound_kind_known"),
        ]
        indexes = [
            # which rows of a batch were new
            models.Index(fields=["batch"], name="inbound_of_batch"),
            # one group's events in time order
            models.Index(fields=["target_kind", "target_id", "occurred_at", "id"], name="inbound_of_target"),
            # one author's events in time order
            models.Index(fields=["workspace", "author_id", "occurred_at"], name="inbound_of_author"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.external_id}"
