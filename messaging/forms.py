"""Forms of the channel pages: they only read; the service decides."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from community_ops.common.forms import RefusableForm
from messaging.models import LimitScope, Platform, Purpose


class _Day(forms.DateInput):
    def __init__(self) -> None:
        super().__init__(attrs={"type": "date"}, format="%Y-%m-%d")


class _TimeOfDay(forms.TimeInput):
    def __init__(self) -> None:
        super().__init__(attrs={"type": "time"}, format="%H:%M")


class EndpointForm(RefusableForm):
    """Base: the name everybody sees. `config()` is what the platform's adapter reads."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("How your team calls this channel."))

    def config(self) -> dict[str, Any]:
        values = {key: value for key, value in self.cleaned_data.items() if key != "name"}
        return {key: value for key, value in values.items() if value not in ("", None, False)}


class SandboxForm(EndpointForm):
    pass


class WebhookForm(EndpointForm):
    url = forms.CharField(
        label=_("Address"), max_length=2000, help_text=_("Begins with https://. It is kept secret and not shown again.")
    )
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


class WecomRobotForm(EndpointForm):
    key = forms.CharField(
        label=_("Robot key"),
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("What follows key= in the robot's address. It is not shown again."),
    )


class WebhookEditForm(WebhookForm):
    """What is left empty stays as it is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _may_stay(self, "url", _("Leave it empty to keep the present one. A new one is not shown again."))
        _may_stay(self, "secret", _("Leave it empty to keep the present one. A new one is not shown again."))


class WecomRobotEditForm(WecomRobotForm):
    """What is left empty stays as it is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _may_stay(self, "key", _("Leave it empty to keep the present one. A new one is not shown again."))


def _may_stay(form: EndpointForm, name: str, help_text: Any) -> None:
    form.fields[name].required = False
    form.fields[name].help_text = help_text


class OwnLimitForm(RefusableForm):
    """An own limit; the service knows the ranges."""

    count = forms.IntegerField(label=_("At most"), help_text=_("messages"))
    seconds = forms.IntegerField(label=_("In any"), help_text=_("seconds, e.g. 60 or 86400 for a day"))
    scope = forms.ChoiceField(label=_("For"), choices=LimitScope.choices)
    note = forms.CharField(
        label=_("Where it comes from"),
        max_length=200,
        required=False,
        help_text=_("A contract, or your own caution. Colleagues see it."),
    )


class SpanForm(RefusableForm):
    """From one day to another, both included."""

    from_on = forms.DateField(label=_("From"), widget=_Day())
    until_on = forms.DateField(label=_("Until"), required=False, widget=_Day(), help_text=_("Empty: until taken away."))


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
    days = forms.IntegerField(label=_("In"), initial=1, help_text=_("days, today included"))
    field_order = ("purpose", "count", "days", "from_on", "until_on")


FORMS: dict[str, type[EndpointForm]] = {
    Platform.SANDBOX: SandboxForm,
    Platform.WEBHOOK: WebhookForm,
    Platform.WECOM_ROBOT: WecomRobotForm,
}
EDIT_FORMS: dict[str, type[EndpointForm]] = {
    Platform.SANDBOX: SandboxForm,
    Platform.WEBHOOK: WebhookEditForm,
    Platform.WECOM_ROBOT: WecomRobotEditForm,
}
