"""Endpoints as other tools see them: never a secret."""

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from community_ops.common.api.fields import LineField, MomentField
from messaging.models import Endpoint, Platform


class EndpointSerializer(serializers.ModelSerializer):
    """`hint` lets people tell endpoints apart: the host of a webhook, the last signs of a robot's key."""

    platform = serializers.ChoiceField(choices=Platform.choices, source="connection.platform", read_only=True)
    hint = serializers.SerializerMethodField()
    created_at = MomentField(read_only=True)

    class Meta:
        model = Endpoint
        fields = ("id", "name", "platform", "kind", "hint", "drops_repeats", "created_at")
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
