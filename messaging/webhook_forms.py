"""The form of a webhook: it only reads; the service decides."""

from itertools import groupby
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from community_ops.common.forms import RefusableForm
from messaging.services.webhook_events import offered
from messaging.webhook_policies import EVERYTHING


class WebhookForm(RefusableForm):
    """With `is_known` the address exists: left empty it stays as it is."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("How your team calls the tool that listens."))
    url = forms.CharField(
        label=_("Address"),
        max_length=2000,
        help_text=_("Begins with https://. It is kept secret; only its host is shown."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "url", "spellcheck": "false"}),
    )
    everything = forms.BooleanField(label=_("All events, also those that are added later"), required=False)
    events = forms.MultipleChoiceField(label=_("Or only these"), required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, is_known: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_known = is_known
        self.fields["events"].choices = _choices()  # type: ignore[attr-defined]  # of a choice field
        if is_known:
            self.fields["url"].required = False
            self.fields["url"].help_text = _("Leave it empty to keep the present one.")

    def facts(self) -> dict[str, Any]:
        """What the services take."""
        chosen = [EVERYTHING] if self.cleaned_data["everything"] else self.cleaned_data["events"]
        facts = {"name": self.cleaned_data["name"], "events": chosen}
        return facts if self.is_known and not self.cleaned_data["url"] else facts | {"url": self.cleaned_data["url"]}


def initial_of(name: str, events: list[str]) -> dict[str, Any]:
    """What the form of an existing webhook shows."""
    return {"name": name, "everything": EVERYTHING in events, "events": events}


def _choices() -> list[tuple[str, list[tuple[str, Any]]]]:
    """Events by app, each with the words of what happened."""
    return [(app, [(one.name, one.label) for one in its]) for app, its in groupby(offered(), lambda one: one.app_label)]
