"""Forms of what people bring in by hand; the services decide."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from community_ops.common.forms import RefusableForm
from messaging.inbound_policies import MAX_PASTED, PASTED
from messaging.platforms.inbound import MAX_NAME


class PasteForm(RefusableForm):
    """A text from a group, on the phone."""

    kind = forms.ChoiceField(label=_("What is it?"), widget=forms.RadioSelect)
    group = forms.ChoiceField(label=_("Which group?"))
    author = forms.CharField(
        label=_("Who wrote it?"), max_length=MAX_NAME, help_text=_("Her name as the group shows it.")
    )
    words = forms.CharField(
        label=pgettext_lazy("pasted text", "Text"), max_length=MAX_PASTED, widget=forms.Textarea(attrs={"rows": 6})
    )

    def __init__(self, groups: Mapping[int, str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = list(PASTED.items())  # type: ignore[attr-defined]
        self.fields["kind"].initial = "introduction"
        self.fields["group"].choices = [(str(pk), name) for pk, name in groups.items()]  # type: ignore[attr-defined]


class RoomForm(RefusableForm):
    """A word in the sandbox room, as one of its members."""

    author = forms.CharField(label=pgettext_lazy("sandbox room", "As"), max_length=MAX_NAME)
    words = forms.CharField(
        label=pgettext_lazy("sandbox room", "Says"), max_length=MAX_PASTED, widget=forms.Textarea(attrs={"rows": 2})
    )
