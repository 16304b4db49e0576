"""Announcements and deliveries as other tools see them."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from campaigns import origins, selectors
from campaigns.models import Announcement
from campaigns.policies import DEFAULT_LATENESS, MAX_TEXT_LENGTH
from campaigns.services import extras
from community_ops.common.api.fields import LineField, MomentField, ProseField, VisibleRelatedField
from community_ops.common.assets import files_of, images_of
from messaging.selectors import AttemptOutcome, Card, Purpose, shown_state, text_to_read
from messaging.services import VERDICTS

if TYPE_CHECKING:
    from messaging.models import Delivery

_ID = serializers.IntegerField(allow_null=True)
STATES = ("planned", "due", "sending", "accepted", "waiting", "confirmed", "failed", "expired", "cancelled", "unknown")


class AnnouncementWarningSerializer(serializers.Serializer):
    """Something worth knowing beside success."""

    code = serializers.CharField()
    message = serializers.CharField()


class LinkCardSerializer(serializers.Serializer):
    """A link with a title, a few words and the address of a picture; both addresses are https, open to everybody."""

    title = LineField(max_length=extras.MAX_TITLE)
    url = LineField(max_length=extras.MAX_ADDRESS)
    text = LineField(max_length=extras.MAX_WORDS, required=False, allow_blank=True)
    picture_url = LineField(max_length=extras.MAX_ADDRESS, required=False, allow_blank=True)


class AnnouncementSerializer(serializers.ModelSerializer):
    """`state`: draft, scheduled or cancelled; what became of it in each group are its deliveries.

    `image`, `file`: ids of assets; `card`: a link card or null. `latest_at`: what has not begun by then is `expired`,
    reason `too_late`; null: it goes out however late it is. `paused_at`: since when what has not gone out waits for
    `resume`; its deliveries have the reason `paused`.
    """

    groups = serializers.SerializerMethodField()
    card = serializers.SerializerMethodField()
    due_at = MomentField(read_only=True)
    latest_at = MomentField(read_only=True, allow_null=True)
    scheduled_at = MomentField(read_only=True, allow_null=True)
    cancelled_at = MomentField(read_only=True, allow_null=True)
    paused_at = MomentField(read_only=True, allow_null=True)
    created_at = MomentField(read_only=True)
    warnings = serializers.SerializerMethodField()

    class Meta:
        model = Announcement
        fields: tuple[str, ...] = (
            "id", "groups", "text", "is_markdown", "may_split", "image", "card", "file", "due_at", "latest_at",
            "purpose", "state", "scheduled_at", "cancelled_at", "paused_at", "created_at", "warnings",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.IntegerField()))
    def get_groups(self, announcement: Announcement) -> list[int]:
        return [target.group_id for target in announcement.targets.all()]

    @extend_schema_field(LinkCardSerializer(allow_null=True))
    def get_card(self, announcement: Announcement) -> dict[str, str] | None:
        return announcement.card or None

    @extend_schema_field(AnnouncementWarningSerializer(many=True))
    def get_warnings(self, announcement: Announcement) -> list[Any]:
        return list(self.context.get("warnings", []))


class CopySerializer(serializers.Serializer):
    """To which of its groups a copy goes."""

    groups = serializers.ListField(child=serializers.IntegerField(), required=False)


class ForecastHandSerializer(serializers.Serializer):
    """A colleague's part: cards, places to tick, how many of them after their latest moment, when she is done; whether
    there is a channel to tell her by, and whether she has a way to her list and has ever used it."""

    assignee = serializers.IntegerField()
    name = serializers.CharField()
    card_count = serializers.IntegerField()
    send_count = serializers.IntegerField()
    late_count = serializers.IntegerField()
    until_at = serializers.DateTimeField()
    is_told = serializers.BooleanField()
    has_link = serializers.BooleanField()
    has_opened = serializers.BooleanField()


class ForecastUnreachedSerializer(serializers.Serializer):
    """A group that would not hear; `reason` as of deliveries."""

    group = serializers.IntegerField()
    due_at = serializers.DateTimeField()
    reason = serializers.CharField()
    message = serializers.CharField()


class ForecastAllowanceSerializer(serializers.Serializer):
    """A limit (`count` in `seconds`) of a day or longer and what is wanted of it in its fullest window, which ends
    `until_at`."""

    name = serializers.CharField()
    scope = serializers.CharField()
    count = serializers.IntegerField()
    seconds = serializers.IntegerField()
    used_count = serializers.IntegerField()
    others_count = serializers.IntegerField()
    wanted_count = serializers.IntegerField()
    missing_count = serializers.IntegerField()
    until_at = serializers.DateTimeField()


class ForecastFailingSerializer(serializers.Serializer):
    """A channel whose last message or test failed; `is_for_good`: refused or given up, else in doubt or tried again."""

    endpoint = serializers.IntegerField()
    name = serializers.CharField()
    message = serializers.CharField()
    send_count = serializers.IntegerField()
    is_for_good = serializers.BooleanField()


class ForecastBusySerializer(serializers.Serializer):
    """A platform that says it is busy in the minute in which some sends start, and may refuse them then."""

    platform = serializers.CharField()
    message = serializers.CharField()
    send_count = serializers.IntegerField()


class ForecastGroupSerializer(serializers.Serializer):
    """Who carries it to a group: `way` robot, hand or none; `carrier`: the channel's or the colleague's name."""

    group = serializers.IntegerField()
    name = serializers.CharField()
    way = serializers.ChoiceField(choices=["robot", "hand", "none"])
    carrier = serializers.CharField()
    endpoint = serializers.IntegerField(allow_null=True)
    send_count = serializers.IntegerField()
    missing_count = serializers.IntegerField()
    reasons = serializers.ListField(child=serializers.CharField())
    message = serializers.CharField()


class ForecastSerializer(serializers.Serializer):
    """What it would take: estimates. `is_cut`: so much else is planned that the end comes later than is said."""

    robot_count = serializers.IntegerField()
    hand_count = serializers.IntegerField()
    seconds = serializers.FloatField()
    first_at = serializers.DateTimeField(allow_null=True)
    last_at = serializers.DateTimeField(allow_null=True)
    last_group = serializers.IntegerField(allow_null=True)
    hands = ForecastHandSerializer(many=True)
    unreached = ForecastUnreachedSerializer(many=True)
    allowances = ForecastAllowanceSerializer(many=True)
    failing = ForecastFailingSerializer(many=True)
    busy = ForecastBusySerializer(many=True)
    groups = ForecastGroupSerializer(many=True)
    is_cut = serializers.BooleanField()


class RehearsedAnnouncementSerializer(AnnouncementSerializer):
    """`forecast`: of what has not gone out yet."""

    forecast = serializers.SerializerMethodField()

    class Meta(AnnouncementSerializer.Meta):
        fields = (*AnnouncementSerializer.Meta.fields, "forecast")
        read_only_fields = fields

    @extend_schema_field(ForecastSerializer)
    def get_forecast(self, announcement: Announcement) -> dict[str, Any]:
        forecast: dict[str, Any] = self.context["forecast"]
        return forecast


class NewAnnouncementSerializer(serializers.Serializer):
    """What POST takes. `is_markdown`: the text has marks; `may_split`: it is cut where a platform takes less; `image`:
    the id that `POST assets/` answered, `file` likewise; `card`: a link card; `latest_at`: after `due_at`; left
    out it is two hours after it, null is however late."""

    groups = VisibleRelatedField(selectors.groups_to_choose, many=True, allow_empty=False)
    text = ProseField(max_length=MAX_TEXT_LENGTH)
    is_markdown = serializers.BooleanField(required=False)
    may_split = serializers.BooleanField(required=False)
    image = VisibleRelatedField(images_of, required=False, allow_null=True)
    card = LinkCardSerializer(required=False, allow_null=True)
    file = VisibleRelatedField(files_of, required=False, allow_null=True)
    due_at = MomentField()
    latest_at = MomentField(required=False, allow_null=True)
    purpose = serializers.ChoiceField(choices=Purpose.choices, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {"latest_at": attrs["due_at"] + DEFAULT_LATENESS} | attrs

    def validate_card(self, value: dict[str, str] | None) -> Card | None:
        return Card(**value) if value is not None else None


class MoveSerializer(serializers.Serializer):
    """The new time; a latest moment moves along."""

    due_at = MomentField()


class DeliverySerializer(serializers.Serializer):
    """One text on its way to one target. `announcement` is null for a touch of a playbook: then `run` says which.

    `text`: as it went out; before that as it was written, with the names of what will be filled in. `target_label`:
    what people called the target when it was planned. `next_try_at`: while it is planned and nobody paused it, the
    earliest moment at which it starts; else null. `platform_message_id`: the platform's own id, where it gave one.
    """

    id = serializers.IntegerField()
    announcement = serializers.SerializerMethodField()
    run = serializers.SerializerMethodField()
    group = serializers.SerializerMethodField()
    member = serializers.SerializerMethodField()
    target_label = serializers.CharField()
    endpoint = serializers.IntegerField(source="endpoint_id", allow_null=True)
    text = serializers.SerializerMethodField()
    is_markdown = serializers.BooleanField(source="message.is_markdown")
    state = serializers.SerializerMethodField()
    reason = serializers.CharField()
    due_at = MomentField()
    latest_at = MomentField(allow_null=True)
    next_try_at = serializers.SerializerMethodField()
    accepted_at = MomentField(allow_null=True)
    attempt_count = serializers.IntegerField()
    parts_sent = serializers.SerializerMethodField()
    part_count = serializers.IntegerField()
    platform_code = serializers.CharField()
    platform_text = serializers.CharField()
    platform_message_id = serializers.CharField()
    purpose = serializers.CharField()
    exemption = serializers.CharField()

    @extend_schema_field(_ID)
    def get_announcement(self, delivery: "Delivery") -> int | None:
        return delivery.origin_id if delivery.origin == origins.ANNOUNCEMENT else None

    @extend_schema_field(_ID)
    def get_run(self, delivery: "Delivery") -> int | None:
        return delivery.origin_id if delivery.origin == origins.TOUCH else None

    @extend_schema_field(_ID)
    def get_group(self, delivery: "Delivery") -> int | None:
        return delivery.target_id if delivery.target_kind == origins.GROUP else None

    @extend_schema_field(_ID)
    def get_member(self, delivery: "Delivery") -> int | None:
        return delivery.target_id if delivery.target_kind == "member" else None

    @extend_schema_field(serializers.CharField())
    def get_text(self, delivery: "Delivery") -> str:
        return text_to_read(delivery)

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_try_at(self, delivery: "Delivery") -> str | None:
        is_coming = delivery.state == "planned" and delivery.reason != "paused"
        return MomentField().to_representation(delivery.next_try_at) if is_coming else None

    @extend_schema_field(serializers.IntegerField())
    def get_parts_sent(self, delivery: "Delivery") -> int:
        """Of one that went out all, although the row counts only as long as something is left."""
        return delivery.part_count if delivery.state in ("accepted", "confirmed") else delivery.parts_sent

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, delivery: "Delivery") -> str:
        now: datetime = self.context["now"]
        return shown_state(delivery.state, delivery.due_at, now)


class RequeuedSerializer(serializers.Serializer):
    """How many deliveries were queued again."""

    count = serializers.IntegerField()


class VerdictSerializer(serializers.Serializer):
    """What somebody who looked into the group says: `sent`, `not_sent`, or `again` to have it sent once more."""

    verdict = serializers.ChoiceField(choices=VERDICTS)


class AttemptSerializer(serializers.Serializer):
    """One call of the platform. `latency_ms` is 0 where none was made; `http_status` null where no answer came."""

    number = serializers.IntegerField()
    part = serializers.IntegerField()
    part_count = serializers.IntegerField()
    started_at = MomentField()
    finished_at = MomentField()
    latency_ms = serializers.IntegerField()
    outcome = serializers.ChoiceField(choices=AttemptOutcome.choices)
    http_status = serializers.IntegerField(allow_null=True)
    platform_code = serializers.CharField()
    platform_text = serializers.CharField()
