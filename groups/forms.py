"""Forms of the group pages: they only read; the service decides."""

import zoneinfo
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from community_ops.common.forms import RefusableForm
from community_ops.common.money import CURRENCIES
from groups.models import DEFAULT_COMFORTABLE_SIZE, DEFAULT_MEMBER_CAP, Community, CommunityKind, GroupKind, StaffRole
from groups.services import MAX_MEMBER_CAP, NewChannel
from messaging.services.handing import is_by_hand

# Zones offered first; every IANA name is accepted.
_COMMON_CURRENCIES = ("CNY", "HKD", "TWD", "USD", "EUR", "GBP", "JPY", "SGD", "MYR")
CURRENCY_HELP = _("Prices and orders are kept in it, so it stays as it was chosen at the start.")
LATER, EXISTING = "", "existing"
PLATFORMS = ("sandbox", "webhook", "wecom_robot")
# By choice of channel: the heading of its fields and their names.
CHANNEL_PARTS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "webhook": (_("For the signed webhook"), ("url", "secret", "drops_repeats")),
    "wecom_robot": (_("For the WeCom group robot"), ("key",)),
    EXISTING: (_("For a channel there is already"), ("endpoint",)),
}


class CommunityForm(RefusableForm):
    name = forms.CharField(label=_("Name"), max_length=100)
    shared_task = forms.CharField(
        label=_("What we do together"),
        max_length=300,
        help_text=_("One sentence: run every day, read 20 pages a day. Groups die when they are not for anything."),
    )
    kind = forms.ChoiceField(
        label=_("Kind of community"), choices=CommunityKind.choices, initial=CommunityKind.INTEREST
    )
    timezone = forms.ChoiceField(
        label=_("Time zone"),
        choices=lambda: [(name, name) for name in sorted(zoneinfo.available_timezones())],
        initial=settings.DEFAULT_COMMUNITY_TIMEZONE,
    )
    currency = forms.ChoiceField(
        label=_("Currency"),
        choices=lambda: [(code, code) for code in (*_COMMON_CURRENCIES, *sorted(CURRENCIES - set(_COMMON_CURRENCIES)))],
        initial="CNY",
        help_text=CURRENCY_HELP,
    )
    locale = forms.ChoiceField(
        label=_("Language of its members"), choices=[("zh-hans", "简体中文"), ("en", "English")], initial="zh-hans"
    )


class CommunityEditForm(CommunityForm):
    """As when it was founded, without the currency (CURRENCY_HELP says why)."""

    currency = None  # type: ignore[assignment]  # Django's way to leave out an inherited field


class ChannelChoiceField(forms.ModelChoiceField):
    """A channel by its name; one that is a colleague says so. The endpoints come with their connections."""

    def label_from_instance(self, obj: Any) -> str:
        label = obj.connection.get_platform_display()
        return f"{label} · {obj.name}" if is_by_hand(obj) else obj.name


class ChannelFields(forms.Form):
    """How the group's messages get out: later, a channel there is, or a new one.

    The fields of one kind of channel (`CHANNEL_PARTS`) are required when that kind is chosen and not read otherwise.
    """

    channel = forms.ChoiceField(
        label=_("Delivery channel"),
        required=False,
        widget=forms.RadioSelect,
        choices=[
            ("sandbox", _("New sandbox room: shows the group as its members see it")),
            ("webhook", _("New signed webhook")),
            ("wecom_robot", _("New WeCom group robot")),
            (EXISTING, _("A channel there is already")),
            (LATER, pgettext_lazy("delivery channel", "Later")),
        ],
        initial="sandbox",
    )
    endpoint = ChannelChoiceField(
        label=_("Existing channel"),
        queryset=None,
        empty_label=_("Choose a channel"),
        error_messages={"required": _("Choose a channel.")},
    )
    url = forms.CharField(label=_("Webhook address"), max_length=2000, help_text=_("Begins with https://."))
    secret = forms.CharField(
        label=_("Signing secret"),
        max_length=300,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("The receiver checks the signature with it. It is not shown again."),
    )
    drops_repeats = forms.BooleanField(
        label=_("The receiver ignores a message it has already got"),
        required=False,
        help_text=_("Only then is a message in doubt sent again by itself."),
    )
    key = forms.CharField(
        label=_("Robot key"),
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("What follows key= in the robot's address. It is not shown again."),
    )

    def __init__(self, *args: Any, endpoints: QuerySet[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["endpoint"].queryset = endpoints  # type: ignore[attr-defined]  # a ModelChoiceField

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        for kind, (_heading, names) in CHANNEL_PARTS.items():
            if kind != values.get("channel"):
                for name in names:
                    self.errors.pop(name, None)
                    values[name] = None
        return values

    def channel_parts(self) -> list[dict[str, Any]]:
        """For the page: the fields of each kind under a heading that says for which."""
        return [
            {"kind": kind, "heading": heading, "fields": [self[name] for name in names]}
            for kind, (heading, names) in CHANNEL_PARTS.items()
        ]

    def common_fields(self) -> list[forms.BoundField]:
        """For the page: the fields that are asked whatever the channel."""
        own = {name for _heading, names in CHANNEL_PARTS.values() for name in names}
        return [field for field in self if field.name not in own]

    def new_channel(self) -> NewChannel | None:
        """The channel to make, or None."""
        platform = self.cleaned_data["channel"]
        if platform not in PLATFORMS:
            return None
        _heading, names = CHANNEL_PARTS.get(platform, ("", ()))
        return NewChannel(platform, {name: self.cleaned_data[name] for name in names if self.cleaned_data[name]})


class GroupFacts(RefusableForm):
    """What a group says of itself: asked when it is made and when it is edited."""

    name = forms.CharField(label=_("Name of the group"), max_length=100)
    kind = forms.ChoiceField(label=_("Kind of group"), choices=GroupKind.choices, initial=GroupKind.LONG_TERM)
    purpose = forms.CharField(label=_("Purpose"), max_length=300, required=False)
    comfortable_size = forms.IntegerField(
        label=_("Comfortable size"),
        min_value=1,
        max_value=MAX_MEMBER_CAP,
        initial=DEFAULT_COMFORTABLE_SIZE,
        help_text=_("Above it you get a warning; nothing is refused."),
    )
    member_cap = forms.IntegerField(
        label=_("Member cap"), min_value=1, max_value=MAX_MEMBER_CAP, initial=DEFAULT_MEMBER_CAP
    )


class GroupForm(ChannelFields, GroupFacts):
    community: forms.ModelChoiceField = forms.ModelChoiceField(label=_("Community"), queryset=None, empty_label=None)

    field_order = ("community", "name", "kind", "purpose", "comfortable_size", "member_cap", "channel")

    def __init__(self, *args: Any, communities: QuerySet[Community], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["community"].queryset = communities  # type: ignore[attr-defined]  # a ModelChoiceField

    def values(self) -> dict[str, Any]:
        names = ("community", "name", "kind", "purpose", "comfortable_size", "member_cap", "endpoint")
        return {**{name: self.cleaned_data[name] for name in names}, "channel": self.new_channel()}


class BindForm(RefusableForm):
    """Which channel a group sends through; none is a choice."""

    endpoint = ChannelChoiceField(label=_("Delivery channel"), queryset=None, required=False, empty_label=_("None"))

    def __init__(self, *args: Any, endpoints: QuerySet[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["endpoint"].queryset = endpoints  # type: ignore[attr-defined]  # a ModelChoiceField


class StaffForm(RefusableForm):
    """Who looks after the group, and as what."""

    person: forms.ModelChoiceField = forms.ModelChoiceField(label=_("Person"), queryset=None, empty_label=None)
    role = forms.ChoiceField(label=_("Role in the group"), choices=StaffRole.choices, initial=StaffRole.HELPER)

    def __init__(self, *args: Any, people: QuerySet[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["person"]
        field.queryset = people  # type: ignore[attr-defined]  # a ModelChoiceField
        field.label_from_instance = lambda row: f"{row.user.label} ({row.get_role_display()})"  # type: ignore[attr-defined]
