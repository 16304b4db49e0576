"""Communities and groups as other tools see them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from community_ops.common.api.fields import LineField, MomentField, TimezoneField, VisibleRelatedField
from groups import selectors
from groups.models import (
    DEFAULT_COMFORTABLE_SIZE,
    DEFAULT_MEMBER_CAP,
    ChatGroup,
    Community,
    CommunityKind,
    GroupKind,
)
from groups.services import MAX_MEMBER_CAP
from messaging import selectors as messaging


class GroupWarningSerializer(serializers.Serializer):
    """Something worth knowing beside success."""

    code = serializers.CharField()
    message = serializers.CharField()


class CommunitySerializer(serializers.ModelSerializer):
    archived_at = MomentField(read_only=True)
    created_at = MomentField(read_only=True)

    class Meta:
        model = Community
        fields = (
            "id",
            "name",
            "shared_task",
            "kind",
            "timezone",
            "locale",
            "currency",
            "holiday_region",
            "archived_at",
            "created_at",
        )
        read_only_fields = fields


class NewCommunitySerializer(serializers.Serializer):
    """What POST takes."""

    name = LineField(max_length=100)
    shared_task = LineField(max_length=300)
    kind = serializers.ChoiceField(choices=CommunityKind.choices)
    timezone = TimezoneField()
    locale = serializers.ChoiceField(choices=["zh-hans", "en"], default="zh-hans")
    currency = serializers.CharField(max_length=3, default="CNY")
    holiday_region = LineField(max_length=10, default="CN", allow_blank=True)


class GroupSerializer(serializers.ModelSerializer):
    """`endpoint` may be null; `timezone` is empty where the community's holds."""

    community = serializers.IntegerField(source="community_id", read_only=True)
    endpoint = serializers.IntegerField(source="endpoint_id", read_only=True, allow_null=True)
    archived_at = MomentField(read_only=True)
    created_at = MomentField(read_only=True)
    warnings = serializers.SerializerMethodField()

    class Meta:
        model = ChatGroup
        fields = (
            "id",
            "community",
            "name",
            "kind",
            "purpose",
            "endpoint",
            "comfortable_size",
            "member_cap",
            "timezone",
            "archived_at",
            "created_at",
            "warnings",
        )
        read_only_fields = fields

    @extend_schema_field(GroupWarningSerializer(many=True))
    def get_warnings(self, group: ChatGroup) -> list[Any]:
        return list(self.context.get("warnings", []))


class BindSerializer(serializers.Serializer):
    """Where the group's messages go from now on; null: nowhere."""

    endpoint = VisibleRelatedField(messaging.endpoints_visible_to, allow_null=True)


class NewGroupSerializer(serializers.Serializer):
    """What POST takes."""

    community = VisibleRelatedField(selectors.communities_visible_to)
    name = LineField(max_length=100)
    kind = serializers.ChoiceField(choices=GroupKind.choices)
    endpoint = VisibleRelatedField(messaging.endpoints_visible_to, required=False, allow_null=True, default=None)
    purpose = LineField(max_length=300, default="", allow_blank=True)
    comfortable_size = serializers.IntegerField(min_value=1, max_value=MAX_MEMBER_CAP, default=DEFAULT_COMFORTABLE_SIZE)
    member_cap = serializers.IntegerField(min_value=1, max_value=MAX_MEMBER_CAP, default=DEFAULT_MEMBER_CAP)
    timezone = TimezoneField(required=False)
