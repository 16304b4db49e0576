"""Forms of the member pages: they only read; the service decides."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from community_ops.common.forms import RefusableForm
from community_ops.common.money import CURRENCIES
from members.ports import PreviewField


class MemberForm(RefusableForm):
    community: forms.ModelChoiceField = forms.ModelChoiceField(label=_("Community"), queryset=None, empty_label=None)
    name = forms.CharField(label=pgettext_lazy("of a person", "Name"), max_length=100)
    phone = forms.CharField(
        label=_("Phone"), max_length=60, required=False, help_text=_("Kept encrypted; people see the last four digits.")
    )

    def __init__(self, *args: Any, communities: QuerySet[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["community"].queryset = communities  # type: ignore[attr-defined]  # a ModelChoiceField


class JoinForm(forms.Form):
    """Which group a member joins."""

    group: forms.ModelChoiceField = forms.ModelChoiceField(label=_("Group"), queryset=None)

    def __init__(self, *args: Any, groups: QuerySet[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["group"].queryset = groups  # type: ignore[attr-defined]  # a ModelChoiceField


class UploadForm(RefusableForm):
    """A file and what its importer needs to know (`needs` of members.ports.Importer)."""

    file = forms.FileField(label=_("File"), help_text=_("CSV or JSON lines, UTF-8 or GB18030, up to 50 MB."))

    def __init__(
        self, *args: Any, needs: tuple[str, ...], communities: QuerySet[Any], groups: QuerySet[Any], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        for need in needs:
            self.fields[need.removesuffix("_optional")] = _option_field(need, communities, groups)

    def options(self) -> dict[str, Any]:
        """JSON scalars for the importer."""
        given = {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}
        return {name: getattr(value, "pk", value) for name, value in given.items() if name != "file"}


def _option_field(need: str, communities: QuerySet[Any], groups: QuerySet[Any]) -> forms.Field:
    if need == "community":
        return forms.ModelChoiceField(label=_("Community"), queryset=communities, empty_label=None)
    if need == "group":
        return forms.ModelChoiceField(label=_("Group"), queryset=groups, empty_label=None)
    if need == "group_optional":
        help_text, none = _("New members join it."), _("None")
        return forms.ModelChoiceField(
            label=_("Group"), queryset=groups, required=False, help_text=help_text, empty_label=none
        )
    if need == "timezone":
        help_text = _("Of times without an offset, e.g. Europe/London. Empty: the group's or community's own.")
        return forms.CharField(label=_("Time zone"), max_length=64, required=False, help_text=help_text)
    if need == "currency":
        choices = [("", _("The community's")), *((code, code) for code in sorted(CURRENCIES))]
        return forms.ChoiceField(label=_("Currency"), required=False, choices=choices)
    raise ValueError(f"no field for {need!r}")


class MappingForm(forms.Form):
    """Which column of the file is what."""

    def __init__(self, *args: Any, fields: list[PreviewField], columns: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("not in the file")), *((column, column) for column in columns)]
        for one in fields:
            self.fields[one.name] = forms.ChoiceField(
                label=one.label, required=False, choices=choices, initial=one.column
            )
