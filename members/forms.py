"""Forms of the member pages: they only read; the service decides."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from community_ops.common.forms import RefusableForm
from community_ops.common.money import CURRENCIES
from members.ports import PreviewField


class GroupChoice(forms.ModelChoiceField):
    """A group, said with its community: two communities may each have a group 1."""

    def label_from_instance(self, group: Any) -> str:
        return f"{group.community.name} · {group.name}"


class MemberForm(RefusableForm):
    community: forms.ModelChoiceField = forms.ModelChoiceField(label=_("Community"), queryset=None, empty_label=None)
    name = forms.CharField(label=pgettext_lazy("of a person", "Name"), max_length=100)
    phone = forms.CharField(
        label=_("Phone"), max_length=60, required=False, help_text=_("Kept encrypted; people see it as 138****1234.")
    )

    group = GroupChoice(
        label=_("Group to join at once"), queryset=None, required=False, empty_label=pgettext_lazy("to join", "None")
    )

    def __init__(self, *args: Any, communities: QuerySet[Any], groups: QuerySet[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["community"].queryset = communities  # type: ignore[attr-defined]  # a ModelChoiceField
        self.fields["group"].queryset = groups  # type: ignore[attr-defined]  # likewise


class RenameForm(RefusableForm):
    name = forms.CharField(label=pgettext_lazy("of a person", "Name"), max_length=100)


class PhoneForm(RefusableForm):
    """One more number of a member."""

    phone = forms.CharField(
        label=_("Phone"), max_length=60, help_text=_("Kept encrypted; people see it as 138****1234.")
    )


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
        if "group" in self.fields and len(found := list(groups[:2])) == 1:
            self.initial = {"group": found[0], "community": found[0].community_id, **self.initial}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        community, group = values.get("community"), values.get("group")
        if community and group and group.community_id != community.pk:
            self.add_error("group", _("There is no such group in this community."))
        return values

    def options(self) -> dict[str, Any]:
        """JSON scalars for the importer."""
        given = {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}
        return {name: getattr(value, "pk", value) for name, value in given.items() if name != "file"}


def _option_field(need: str, communities: QuerySet[Any], groups: QuerySet[Any]) -> forms.Field:
    if need == "community":
        return forms.ModelChoiceField(label=_("Community"), queryset=communities, empty_label=None)
    if need == "group":
        return GroupChoice(label=_("Group"), queryset=groups, empty_label=None)
    if need == "group_optional":
        help_text, none = (
            _("Everybody in the file joins it, also who is a member already."),
            pgettext_lazy("to join", "None"),
        )
        return GroupChoice(label=_("Group"), queryset=groups, required=False, help_text=help_text, empty_label=none)
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
