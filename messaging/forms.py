"""Forms of the channel pages: they only read; the service decides."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from community_ops.common.errors import DomainError
from community_ops.common.forms import RefusableForm
from messaging.models import LimitScope, Purpose
from messaging.platforms import registry
from messaging.platforms.settings_reading import Setting, SettingKind


class _Day(forms.DateInput):
    def __init__(self) -> None:
        super().__init__(attrs={"type": "date"}, format="%Y-%m-%d")


class _TimeOfDay(forms.TimeInput):
    def __init__(self) -> None:
        super().__init__(attrs={"type": "time"}, format="%H:%M")


class EndpointForm(RefusableForm):
    """The name everybody sees, and the platform's own settings. `config()` is what its adapter reads.

    With `is_known` the account exists: a secret that is left empty stays as it is, what may be missing goes. With
    `of_chat` only what names one more chat of it is asked.
    """

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("How your team calls this channel."))

    def __init__(self, platform: str, *args: Any, is_known: bool = False, of_chat: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = registry.get(platform).settings
        self._may_go = {one.key for one in known if is_known and not (one.is_required or one.is_secret)}
        for one in known:
            if one.is_on_form and (one.is_of_chat or not of_chat):
                self.fields[one.key] = _field(one, may_stay=is_known and one.is_secret)

    def config(self) -> dict[str, Any]:
        values = {key: value for key, value in self.cleaned_data.items() if key != "name"}
        given = {key: value for key, value in values.items() if value not in ("", None, False)}
        return {key: "" for key in values if key in self._may_go and values[key] in ("", None)} | given


def _field(one: Setting, *, may_stay: bool) -> forms.Field:
    stays = _("Leave it empty to keep the present one. A new one is not shown again.")
    facts: dict[str, Any] = {"label": one.label, "help_text": stays if may_stay else one.help_text}
    facts["required"] = one.is_required and not may_stay
    if one.kind is SettingKind.FLAG:
        return forms.BooleanField(**facts | {"required": False})
    if one.kind is SettingKind.NUMBER:
        return forms.IntegerField(min_value=1, max_value=65_535, initial=one.default, **facts)
    if one.kind is SettingKind.CHOICE:
        return forms.ChoiceField(choices=one.choices, initial=one.default, **facts)
    if one.is_secret and one.kind is SettingKind.TEXT:
        facts |= {"widget": forms.PasswordInput(attrs={"autocomplete": "off"}), "strip": False}
    return forms.CharField(max_length=one.max_length, **facts)


UNITS = (
    (1, pgettext_lazy("unit of time", "seconds")),
    (60, pgettext_lazy("unit of time", "minutes")),
    (3_600, pgettext_lazy("unit of time", "hours")),
    (86_400, pgettext_lazy("unit of time", "days")),
)


class OwnLimitForm(RefusableForm):
    """An own limit, its window as a number of `UNITS`; the service knows the ranges. `facts()` is what it takes."""

    count = forms.IntegerField(label=_("At most"), help_text=_("messages"))
    length = forms.IntegerField(
        label=_("In any"),
        help_text=_(
            "Up to 31 days. It counts what goes out from now on; of what went out before, much may be missing."
        ),
    )
    unit = forms.TypedChoiceField(label=_("Unit"), choices=UNITS, coerce=int, initial=60)
    scope = forms.ChoiceField(label=_("For"), choices=LimitScope.choices)
    note = forms.CharField(
        label=_("Where it comes from"),
        max_length=200,
        required=False,
        help_text=_("A contract, or your own caution. Colleagues see it."),
    )

    def facts(self) -> dict[str, Any]:
        given = dict(self.cleaned_data)
        return given | {"seconds": given.pop("length") * given.pop("unit")}

    def refuse(self, refusal: DomainError) -> None:
        """The seconds are its length here."""
        if refusal.field == "seconds":
            self.add_error("length", refusal.message)
        else:
            super().refuse(refusal)


class SpanForm(RefusableForm):
    """From one day to another, both included."""

    from_on = forms.DateField(label=_("From"), widget=_Day())
    until_on = forms.DateField(
        label=_("Until"), required=False, widget=_Day(), help_text=_("Empty: until it is removed.")
    )


class QuietHoursForm(SpanForm):
    begins = forms.TimeField(label=_("Quiet from"), widget=_TimeOfDay())
    ends = forms.TimeField(
        label=_("Quiet until"), widget=_TimeOfDay(), help_text=_("Earlier than the beginning: over midnight.")
    )
    field_order = ("begins", "ends", "from_on", "until_on")


class HolidayForm(SpanForm):
    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("e.g. National Day"))
    field_order = ("name", "from_on", "until_on")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["until_on"].help_text = _("Empty: one day.")


class FrequencyCapForm(SpanForm):
    purpose = forms.ChoiceField(
        label=_("Purpose"), choices=[("", _("All messages together")), *Purpose.choices], required=False
    )
    count = forms.IntegerField(label=_("At most"), help_text=_("messages to one group"))
    days = forms.IntegerField(
        label=_("Counted over"), initial=1, help_text=_("days, the day itself included; 1: each day by itself")
    )
    field_order = ("purpose", "count", "days", "from_on", "until_on")
