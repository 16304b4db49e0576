"""Outgoing webhooks as other tools see them: of the address only the host, and never a secret but once."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from community_ops.common.api.fields import LineField, MomentField
from messaging.webhook_models import WebhookCall, WebhookSubscription, WebhookTry


class WebhookSerializer(serializers.ModelSerializer):
    """`off_reason` is `by_hand`, `gone` or `failing` while `is_on` is false."""

    created_at = MomentField(read_only=True)
    switched_off_at = MomentField(read_only=True, allow_null=True)
    failing_since = MomentField(read_only=True, allow_null=True)
    events = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = WebhookSubscription
        fields: tuple[str, ...] = (
            "id",
            "name",
            "host",
            "events",
            "is_on",
            "off_reason",
            "switched_off_at",
            "failing_since",
            "created_by",
            "created_at",
        )
        read_only_fields: tuple[str, ...] = fields


class NewWebhookSerializer(serializers.Serializer):
    """What POST takes. `events`: public names, or "*" for all."""

    name = LineField(max_length=100)
    url = serializers.CharField(max_length=2000)
    events = serializers.ListField(child=serializers.CharField(max_length=80), max_length=200)


class WebhookChangeSerializer(NewWebhookSerializer):
    """What is left out stays as it is."""

    name = LineField(max_length=100, required=False)
    url = serializers.CharField(max_length=2000, required=False)
    events = serializers.ListField(child=serializers.CharField(max_length=80), max_length=200, required=False)


class WebhookSecretSerializer(WebhookSerializer):
    """With the signing secret, which is told in this answer only."""

    secret = serializers.SerializerMethodField()

    class Meta(WebhookSerializer.Meta):
        fields: tuple[str, ...] = (*WebhookSerializer.Meta.fields, "secret")
        read_only_fields: tuple[str, ...] = fields

    def get_secret(self, subscription: WebhookSubscription) -> str:
        return str(self.context["key"])


class WebhookCallSerializer(serializers.ModelSerializer):
    """`webhook` is the subscription, `webhook_id` the header that stays the same on every try."""

    webhook = serializers.IntegerField(source="subscription_id", read_only=True)
    created_at = MomentField(read_only=True)
    next_try_at = serializers.SerializerMethodField()
    done_at = MomentField(read_only=True, allow_null=True)

    class Meta:
        model = WebhookCall
        fields: tuple[str, ...] = (
            "id",
            "webhook",
            "event",
            "webhook_id",
            "state",
            "attempt_count",
            "created_at",
            "next_try_at",
            "done_at",
        )
        read_only_fields: tuple[str, ...] = fields

    def get_next_try_at(self, call: WebhookCall) -> str | None:
        return MomentField().to_representation(call.next_try_at) if call.state == "pending" else None


class WebhookTrySerializer(serializers.ModelSerializer):
    at = MomentField(read_only=True)

    class Meta:
        model = WebhookTry
        fields = ("number", "at", "latency_ms", "http_status", "outcome", "text")
        read_only_fields: tuple[str, ...] = fields


class WebhookCallDetailSerializer(WebhookCallSerializer):
    """With what was sent, and every try."""

    tries = serializers.SerializerMethodField()

    class Meta(WebhookCallSerializer.Meta):
        fields: tuple[str, ...] = (*WebhookCallSerializer.Meta.fields, "body", "tries")
        read_only_fields: tuple[str, ...] = fields

    @extend_schema_field(WebhookTrySerializer(many=True))
    def get_tries(self, call: WebhookCall) -> list[dict[str, object]]:
        return list(WebhookTrySerializer(call.tries.order_by("number"), many=True).data)
