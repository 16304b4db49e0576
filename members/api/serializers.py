"""Members, memberships and events as other tools see them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from community_ops.common.api.fields import LineField, MomentField, VisibleRelatedField
from groups import selectors as groups
from members import selectors
from members.models import Member, Membership


class MembershipWarningSerializer(serializers.Serializer):
    """Something worth knowing beside success."""

    code = serializers.CharField()
    message = serializers.CharField()


class MemberSerializer(serializers.ModelSerializer):
    """`source` says where she comes from: platform, import or manual."""

    community = serializers.IntegerField(source="community_id", read_only=True)
    person = serializers.IntegerField(source="person_id", read_only=True)
    name = serializers.CharField(source="display_name", read_only=True)
    created_at = MomentField(read_only=True)

    class Meta:
        model = Member
        fields = ("id", "community", "person", "name", "source", "is_staff", "created_at")
        read_only_fields = fields


class NewMemberSerializer(serializers.Serializer):
    """What POST takes. `phone` is optional and never comes back."""

    community = VisibleRelatedField(groups.communities_visible_to)
    name = LineField(max_length=100)
    phone = LineField(max_length=60, default="", allow_blank=True)


class MembershipSerializer(serializers.ModelSerializer):
    """`left_at` null: she is in the group now."""

    member = serializers.IntegerField(source="member_id", read_only=True)
    group = serializers.IntegerField(source="group_id", read_only=True)
    joined_at = MomentField(read_only=True)
    left_at = MomentField(read_only=True)
    is_current = serializers.BooleanField(read_only=True)
    warnings = serializers.SerializerMethodField()

    class Meta:
        model = Membership
        fields = ("id", "member", "group", "joined_at", "left_at", "is_current", "warnings")
        read_only_fields = fields

    @extend_schema_field(MembershipWarningSerializer(many=True))
    def get_warnings(self, membership: Membership) -> list[Any]:
        return list(self.context.get("warnings", []))


class NewMembershipSerializer(serializers.Serializer):
    """What POST takes."""

    member = VisibleRelatedField(selectors.members_visible_to)
    group = VisibleRelatedField(groups.groups_visible_to)


class EventSerializer(serializers.Serializer):
    """One event as it is sent; for the schema only: events are checked by hand, row by row."""

    event_id = serializers.CharField(max_length=200)
    kind = serializers.ChoiceField(choices=["message", "reaction", "join", "leave"])
    occurred_at = serializers.DateTimeField()
    group = serializers.IntegerField()
    author = serializers.CharField(max_length=200)
    text = serializers.CharField(max_length=10_000, required=False, allow_blank=True)


class EventsSerializer(serializers.Serializer):
    events = EventSerializer(many=True)


class RejectedSerializer(serializers.Serializer):
    index = serializers.IntegerField()
    code = serializers.CharField()
    message = serializers.CharField()
    field = serializers.CharField()  # the column the row was refused for


class OutcomeSerializer(serializers.Serializer):
    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    rejected = RejectedSerializer(many=True)
