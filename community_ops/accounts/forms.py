"""Forms of the team page: they only read; the service decides."""

from typing import Any

from django import forms
from django.contrib.auth.forms import PasswordChangeForm
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


class OwnPasswordForm(PasswordChangeForm):
    """Django's, in our words."""

    error_messages = {
        **PasswordChangeForm.error_messages,
        "password_incorrect": _("This is not the password you have now."),
        "password_mismatch": _("The two new passwords differ."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].label = _("Password you have now")
        self.fields["new_password1"].label = pgettext_lazy("field", "New password")
        self.fields["new_password1"].help_text = _("At least 10 characters; not your login, not a common one.")
        self.fields["new_password2"].label = _("New password again")
        self.fields["new_password2"].help_text = ""


class RoleForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)
