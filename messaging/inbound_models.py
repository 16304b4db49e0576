"""InboundRoute, ChatCursor, RawEvent: how what happens in chats comes in, kept as it came (ADR-0011)."""

from django.db import models
from django.db.models import Q
from django.utils.translation import pgettext_lazy

from community_ops.common.fields import EncryptedJSONField
from community_ops.common.tenancy import TenantModel


class InboundWay(models.TextChoices):
    """How an event came here."""

    HOOK = "hook", pgettext_lazy("way of an event", "Told by the platform or a tool")
    POLL = "poll", pgettext_lazy("way of an event", "Fetched from the platform")
    PASTE = "paste", pgettext_lazy("way of an event", "Pasted by a person")
    ROOM = "room", pgettext_lazy("way of an event", "Said in the sandbox room")


class InboundRoute(TenantModel):
    """What a connection receives by: the address `/hooks/<code>/` and its keys, or asking every few seconds."""

    connection = models.OneToOneField("messaging.Connection", on_delete=models.PROTECT, related_name="inbound_route")
    way = models.CharField(max_length=10, choices=InboundWay)
    code = models.CharField(max_length=43, unique=True)  # 128 bits; says who is meant, the key proves who speaks
    secret = EncryptedJSONField(default=dict)  # {"keys": [{"key", "until"}]}, the present key first
    is_on = models.BooleanField(default=False)
    busy_until = models.DateTimeField(null=True)  # somebody switches it at the platform; database time
    last_event_at = models.DateTimeField(null=True)
    refused_at = models.DateTimeField(null=True)  # the last call that was turned away, noted at most every 10 s
    refused_reason = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(way__in=(InboundWay.HOOK, InboundWay.POLL)), name="inbound_route_way_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.connection_id} by {self.way}"


class ChatCursor(TenantModel):
    """How far a chat that is asked for has been read."""

    endpoint = models.OneToOneField("messaging.Endpoint", on_delete=models.CASCADE, related_name="cursor")
    last_id = models.CharField(max_length=40, blank=True)  # the newest message that was read; empty: not begun
    next_poll_at = models.DateTimeField()
    failing_since = models.DateTimeField(null=True)
    failure = models.CharField(max_length=200, blank=True)  # the platform's words

    class Meta:
        indexes = [models.Index(fields=["next_poll_at", "id"], name="cursor_due")]  # whom to ask next

    def __str__(self) -> str:
        return f"{self.endpoint_id} after {self.last_id or 'nothing'}"


class RawState(models.TextChoices):
    PENDING = "pending", pgettext_lazy("inbound event", "Not yet read")
    READ = "read", pgettext_lazy("inbound event", "Read")
    IGNORED = "ignored", pgettext_lazy("inbound event", "Nothing for us")
    FAILED = "failed", pgettext_lazy("inbound event", "Could not be read")


class RawEvent(TenantModel):
    """Something that came in, stored once and as it came before anybody reads it. The row is the queue."""

    connection = models.ForeignKey("messaging.Connection", on_delete=models.PROTECT, related_name="+", null=True)
    way = models.CharField(max_length=10, choices=InboundWay)
    external_id = models.CharField(max_length=200)  # the sender's; once for each connection, for paste once in all
    body = models.TextField(blank=True)  # JSON as it came; emptied a week after it was read
    body_digest = models.CharField(max_length=64)  # SHA-256: the same id with another body is no redelivery
    received_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=RawState, default=RawState.PENDING)
    reason = models.CharField(max_length=40, blank=True)  # code of why it is ignored: `inbound_policies.REASONS`
    event_count = models.PositiveSmallIntegerField(default=0)  # what was understood of it
    # The log's line, of the first thing it says: what kind (`platforms.inbound.Said`), who, in which channel.
    said_kind = models.CharField(max_length=10, blank=True)
    person_name = models.CharField(max_length=100, blank=True)  # goes with the body
    endpoint = models.ForeignKey(
        "messaging.Endpoint", on_delete=models.SET_NULL, related_name="+", null=True, db_index=False
    )  # never searched by
    attempt_count = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "connection", "external_id"], name="raw_event_once"),
            models.UniqueConstraint(
                fields=["workspace", "external_id"], condition=Q(connection__isnull=True), name="raw_paste_once"
            ),
            models.CheckConstraint(condition=Q(way__in=InboundWay.values), name="raw_event_way_known"),
            models.CheckConstraint(condition=Q(state__in=RawState.values), name="raw_event_state_known"),
            models.CheckConstraint(
                condition=Q(said_kind__in=("", "message", "join", "leave")), name="raw_event_said_known"
            ),
        ]
        indexes = [
            # what is to be read, oldest first
            models.Index(fields=["next_try_at", "id"], condition=Q(state="pending"), name="raw_event_due"),
            # the log of a connection, newest first
            models.Index(fields=["connection", "-id"], name="raw_event_of_connection"),
            # what may be forgotten
            models.Index(fields=["received_at"], name="raw_event_age"),
        ]

    def __str__(self) -> str:
        return self.external_id
