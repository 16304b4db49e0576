"""Forms of what people bring in by hand; the services decide."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from community_ops.common.forms import RefusableForm
from messaging.inbound_policies import MAX_PASTED, PASTED
from messaging.pasted_text import MOST, Pasted, several
from messaging.platforms.inbound import MAX_NAME


class PasteForm(RefusableForm):
    """A text from a group, on the phone: one message of the named author, or several with their names in it."""

    kind = forms.ChoiceField(label=_("What is it?"), widget=forms.RadioSelect)
    group = forms.ChoiceField(label=_("Which group?"))
    author = forms.CharField(
        label=_("Who wrote it?"),
        max_length=MAX_NAME,
        required=False,
        help_text=_("Her name as the group shows it. Leave it empty for several messages with the names in the text."),
    )
    words = forms.CharField(
        label=pgettext_lazy("pasted text", "Text"), max_length=MAX_PASTED, widget=forms.Textarea(attrs={"rows": 6})
    )

    def __init__(self, groups: Mapping[int, str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = list(PASTED.items())  # type: ignore[attr-defined]
        self.fields["kind"].initial = "introduction"
        self.fields["group"].choices = [(str(pk), name) for pk, name in groups.items()]  # type: ignore[attr-defined]

    def messages(self) -> list[Pasted]:
        """What a valid form holds: one message of the author, else those of the text."""
        author, words = self.cleaned_data["author"], self.cleaned_data["words"]
        return [Pasted(author, words)] if author else several(words)

    def clean(self) -> dict[str, Any]:
        """Without an author the text has to say who wrote what."""
        data: dict[str, Any] = super().clean() or {}
        if data.get("author") == "" and "words" in data:
            count = len(several(data["words"]))
            if not count:
                words = _("Say who wrote it, or paste messages that each begin with a name, like “Name: words”.")
                self.add_error("author", words)
            elif count > MOST:
                self.add_error("words", _("At most %(count)d messages at once.") % {"count": MOST})
        return data


class RoomForm(RefusableForm):
    """A word in the sandbox room, as one of its members."""

    author = forms.CharField(
        label=pgettext_lazy("sandbox room", "As"),
        max_length=MAX_NAME,
        error_messages={"required": _("Give the name of the member who does this.")},
    )
    words = forms.CharField(
        label=pgettext_lazy("sandbox room", "Says"),
        max_length=MAX_PASTED,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Write what she says.")},
    )
