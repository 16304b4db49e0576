"""What a channel's platform can do, what came of a test, and its month, as other tools see them."""

from datetime import date

from rest_framework import serializers

from community_ops.common.api.fields import LineField
from messaging.models import LimitScope
from messaging.platforms.base import Evidence, ImageWay, Outcome, Unit, Welcome


def _one_of(values: type[Unit | ImageWay | Welcome | Evidence | Outcome]) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=[one.value for one in values])


class EndpointChangeSerializer(serializers.Serializer):
    """What is left out stays as it is, each setting of `config` and each secret too."""

    name = LineField(max_length=100, required=False)
    config = serializers.DictField(required=False)


class TestOutcomeSerializer(serializers.Serializer):
    """What the platform said to the test message, in its own words where it has some."""

    outcome = _one_of(Outcome)
    code = serializers.CharField()
    text = serializers.CharField()
    http_status = serializers.IntegerField(allow_null=True)


class _SizeSerializer(serializers.Serializer):
    limit = serializers.IntegerField()
    unit = _one_of(Unit)


class _ImageRuleSerializer(serializers.Serializer):
    """A larger image is made smaller. `max_side` in pixels; beyond `max_ratio` (to one) it goes as a file."""

    max_bytes = serializers.IntegerField()
    content_types = serializers.ListField(child=serializers.CharField())
    max_side = serializers.IntegerField(allow_null=True)
    max_ratio = serializers.IntegerField(allow_null=True)
    way = _one_of(ImageWay)


class _FileRuleSerializer(serializers.Serializer):
    """A file that is none of it is refused."""

    max_bytes = serializers.IntegerField()
    min_bytes = serializers.IntegerField()


class _CardRuleSerializer(serializers.Serializer):
    """Of a link card's words; longer ones are refused."""

    title = _SizeSerializer()
    text = _SizeSerializer()


class _PlatformLimitSerializer(serializers.Serializer):
    scope = serializers.ChoiceField(choices=LimitScope.choices)
    seconds = serializers.IntegerField()
    count = serializers.IntegerField()


class CapabilitiesSerializer(serializers.Serializer):
    """What the platform can do, as its documentation says (`source`, `checked_on`). `limits` are the platform's own.

    Null `markdown`: marks arrive as plain words; null `image`: the text goes out without it; null `file`: refused;
    `can_read`, `can_kick`, `can_mute`, `can_recall`: the platform can with this kind of account; `does_…`: this system
    does it. Null `card`: a link card goes out as words below the text.
    """

    text = _SizeSerializer()
    markdown = _SizeSerializer(allow_null=True)
    image = _ImageRuleSerializer(allow_null=True)
    file = _FileRuleSerializer(allow_null=True)
    card = _CardRuleSerializer(allow_null=True)
    can_card = serializers.BooleanField()
    can_post = serializers.BooleanField()
    can_mention = serializers.BooleanField()
    can_mention_all = serializers.BooleanField()
    can_read = serializers.BooleanField()
    can_kick = serializers.BooleanField()
    can_mute = serializers.BooleanField()
    can_recall = serializers.BooleanField()
    does_read = serializers.BooleanField()
    does_kick = serializers.BooleanField()
    does_mute = serializers.BooleanField()
    does_recall = serializers.BooleanField()
    can_list_chats = serializers.BooleanField()
    has_many_chats = serializers.BooleanField()
    welcome = _one_of(Welcome)
    evidence = _one_of(Evidence)
    limits = _PlatformLimitSerializer(many=True)
    source = serializers.CharField()  # type: ignore[assignment]  # a field of that name
    checked_on = serializers.DateField(allow_null=True)


class MonthSerializer(serializers.Serializer):
    """Which month, e.g. `2026-10`; this one where it is left out."""

    month = serializers.RegexField(r"^20\d\d-(0[1-9]|1[0-2])$", required=False)

    def validate_month(self, value: str) -> date:
        return date.fromisoformat(f"{value}-01")


class ChannelDaySerializer(serializers.Serializer):
    """Deliveries that were due on a day, by how they ended; what is still to come counts nowhere.

    `accepted_count`: by the platform; `confirmed_count`: a person says that it stands in the group."""

    day = serializers.DateField()
    accepted_count = serializers.IntegerField()
    confirmed_count = serializers.IntegerField()
    unsent_count = serializers.IntegerField()
    doubt_count = serializers.IntegerField()
