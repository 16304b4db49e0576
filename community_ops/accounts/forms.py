"""Forms of the team page: they only read; the service decides."""

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from community_ops.accounts.models import Role
from community_ops.accounts.services import MAX_USERNAME, MAX_WORKSPACE_NAME
from community_ops.common.forms import RefusableForm


class WorkspaceForm(RefusableForm):
    name = forms.CharField(
        label=_("Team name"),
        max_length=MAX_WORKSPACE_NAME,
        help_text=_("Shown at the top of every page. Addresses of pages stay as they are."),
    )


class PersonForm(RefusableForm):
    display_name = forms.CharField(
        label=pgettext_lazy("of a person", "Name"),
        max_length=100,
        help_text=_("How colleagues see this person, e.g. in the record of changes."),
    )
    username = forms.CharField(
        label=_("Login"),
        max_length=MAX_USERNAME,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.OPERATOR)


class RoleForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)
