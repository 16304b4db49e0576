"""Endpoints as other tools see them: never a secret."""

from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from community_ops.common import clock
from community_ops.common.api.fields import LineField, MomentField
from messaging.inbound_models import InboundRoute, InboundWay, RawEvent, RawState
from messaging.models import Connection, Endpoint, FoundChat, LimitScope, Platform, Purpose
from messaging.platforms import registry
from messaging.services import receiving


class EndpointSerializer(serializers.ModelSerializer):
    """`hint` lets people tell endpoints apart: the host of a webhook, the last signs of a robot's key."""

    platform = serializers.ChoiceField(choices=Platform.choices, source="connection.platform", read_only=True)
    hint = serializers.SerializerMethodField()
    created_at = MomentField(read_only=True)

    class Meta:
        model = Endpoint
        fields = ("id", "name", "platform", "connection", "kind", "hint", "drops_repeats", "created_at")
        read_only_fields = fields

    def get_hint(self, endpoint: Endpoint) -> str:
        return str(endpoint.connection.config.get("hint", ""))


class NewEndpointSerializer(serializers.Serializer):
    """What POST takes. `config` is the platform's own: docs/api.md."""

    name = LineField(max_length=100)
    platform = serializers.ChoiceField(
        choices=Platform.choices,
        error_messages={"invalid_choice": format_lazy(_("One of: {names}."), names=", ".join(Platform.values))},
    )
    config = serializers.DictField(default=dict)


class InboundRouteSerializer(serializers.ModelSerializer):
    """How an account receives. `url`: where another tool sends to; empty where it is not for people to use."""

    way = serializers.ChoiceField(choices=[InboundWay.HOOK, InboundWay.POLL], read_only=True)
    url = serializers.SerializerMethodField()
    last_event_at = MomentField(read_only=True, allow_null=True)
    refused_at = MomentField(read_only=True, allow_null=True)
    former_key_until = serializers.SerializerMethodField()

    class Meta:
        model = InboundRoute
        fields = (
            "connection", "way", "is_on", "url", "last_event_at", "refused_at", "refused_reason", "former_key_until",
        )  # fmt: skip
        read_only_fields = fields

    def get_url(self, route: InboundRoute) -> str:
        inbound = receiving.inbound_of(route.connection)
        return "" if inbound.is_polled or inbound.is_registered else receiving.url_of(route)

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_former_key_until(self, route: InboundRoute) -> str | None:
        until = receiving.former_key_until(route, now=clock.now())
        return None if until is None else MomentField().to_representation(until)


class InboundKeySerializer(InboundRouteSerializer):
    """The answers in which the key stands: nobody is told it again."""

    key = serializers.SerializerMethodField()

    class Meta(InboundRouteSerializer.Meta):
        fields: tuple[str, ...] = (*InboundRouteSerializer.Meta.fields, "key")  # type: ignore[assignment]  # one more
        read_only_fields: tuple[str, ...] = fields  # type: ignore[assignment]

    def get_key(self, _route: InboundRoute) -> str:
        return str(self.context["key"])


class RawEventSerializer(serializers.ModelSerializer):
    """Something that came in, without what it says. `event_count`: what was understood of it and told on.

    `said_kind` and `endpoint` are of the first of them: a message, a join or a leave, and the channel it was in.
    """

    way = serializers.ChoiceField(choices=InboundWay.choices, read_only=True)
    state = serializers.ChoiceField(choices=RawState.choices, read_only=True)
    received_at = MomentField(read_only=True)

    class Meta:
        model = RawEvent
        fields = (
            "id", "connection", "way", "external_id", "received_at", "state", "reason", "event_count", "attempt_count",
            "said_kind", "endpoint",
        )  # fmt: skip
        read_only_fields = fields


class ConnectionSerializer(serializers.ModelSerializer):
    """A platform account. `has_many_chats`: it can serve many, each as an endpoint; else it is one by itself."""

    hint = serializers.SerializerMethodField()
    has_many_chats = serializers.SerializerMethodField()
    channel_count = serializers.IntegerField(read_only=True)
    created_at = MomentField(read_only=True)

    class Meta:
        model = Connection
        fields = ("id", "name", "platform", "hint", "has_many_chats", "channel_count", "created_at")
        read_only_fields = fields

    def get_hint(self, connection: Connection) -> str:
        return str(connection.config.get("hint", ""))

    def get_has_many_chats(self, connection: Connection) -> bool:
        return registry.get(connection.platform).capabilities.has_many_chats


class FoundChatSerializer(serializers.ModelSerializer):
    """A chat that an account was seen in. `endpoint`: its live channel, or null."""

    endpoint = serializers.SerializerMethodField()
    seen_at = MomentField(read_only=True)

    class Meta:
        model = FoundChat
        fields = ("id", "connection", "chat", "title", "kind", "seen_at", "endpoint")
        read_only_fields = fields

    def get_endpoint(self, found_chat: FoundChat) -> int | None:
        """By what the context knows of the account (`selectors.channels_of_chats`)."""
        channel = self.context["channels"].get(found_chat.chat)
        return channel.pk if channel is not None else None


class NewChannelSerializer(serializers.Serializer):
    """What POST takes for one more chat of an account; `config` is what names it: docs/platforms."""

    name = LineField(max_length=100)
    config = serializers.DictField()


class BindChatSerializer(serializers.Serializer):
    """`name` of the channel; left out, the platform's title of the chat."""

    name = LineField(max_length=100, required=False)


class LookedSerializer(serializers.Serializer):
    count = serializers.IntegerField(help_text="Chats that are known now.")


class LimitSerializer(serializers.Serializer):
    """What a channel's calls count against: at most `count` in any `seconds`, and how many are used at this moment.

    `is_above_platform`: an own limit that is higher than the platform's of the same scope and window.
    """

    scope = serializers.ChoiceField(choices=LimitScope.choices, source="limit.scope")
    seconds = serializers.IntegerField(source="limit.seconds")
    count = serializers.IntegerField(source="limit.count")
    used_count = serializers.IntegerField()
    is_own = serializers.BooleanField()
    is_above_platform = serializers.BooleanField()
    note = serializers.CharField()


class OwnLimitSerializer(serializers.Serializer):
    """What POST takes; `count` null takes an own limit back. `seconds` up to 2,678,400 (31 days); it counts what is
    called from then on. The service knows the ranges."""

    scope = serializers.ChoiceField(choices=LimitScope.choices)
    seconds = serializers.IntegerField()
    count = serializers.IntegerField(allow_null=True)
    note = LineField(max_length=200, required=False, allow_blank=True)


class RuleWarningSerializer(serializers.Serializer):
    """Something worth knowing beside success."""

    code = serializers.CharField()
    message = serializers.CharField()


class _SpanSerializer(serializers.Serializer):
    """From one day to another of the target's zone, both included; no `until_on`: until it is archived. `warnings` of
    a new one say how much of what is planned already it holds back (`holds_planned`), and for how many groups it lets
    nobody copy what waits on cards (`holds_cards`)."""

    id = serializers.IntegerField(read_only=True)
    from_on = serializers.DateField()
    until_on = serializers.DateField(required=False, allow_null=True, default=None)
    archived_at = MomentField(read_only=True, allow_null=True)
    warnings = serializers.SerializerMethodField()

    @extend_schema_field(RuleWarningSerializer(many=True))
    def get_warnings(self, rule: Any) -> list[Any]:
        return list(self.context.get("warnings", []))


class QuietHoursSerializer(_SpanSerializer):
    """Nothing goes out between two wall times of the target; over midnight when `ends` is earlier."""

    begins = serializers.TimeField()
    ends = serializers.TimeField()


class HolidaySerializer(_SpanSerializer):
    """Days on which nothing goes out; without `until_on` one day."""

    name = LineField(max_length=100)


class FrequencyCapSerializer(_SpanSerializer):
    """At most `count` messages of `purpose` ("" for all together) to one target in `days` of its days."""

    purpose = serializers.ChoiceField(choices=Purpose.choices, required=False, allow_blank=True, default="")
    count = serializers.IntegerField()
    days = serializers.IntegerField(required=False, default=1)


class ExemptionSerializer(serializers.Serializer):
    """`code` stands in `exemption` of deliveries."""

    code = serializers.CharField()
    why = serializers.CharField()
