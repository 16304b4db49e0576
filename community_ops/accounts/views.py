"""Pages: 团队人员, the people of the workspace and what each may do; the front page of the admin."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from community_ops.accounts import selectors, services
from community_ops.accounts.forms import OwnPasswordForm, PersonForm, RoleForm, WorkspaceForm
from community_ops.accounts.models import Role, User, WorkspaceRole
from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.common import clock
from community_ops.common.errors import DomainError, InvalidInput


@page("workspace.manage")
def team(request: WorkspaceRequest) -> HttpResponse:
    """Who works here; adding somebody shows her login and password once."""
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            login = services.add_person(
                workspace=request.workspace, **form.cleaned_data, actor=request.actor, now=clock.now()
            )
        except InvalidInput as refusal:
            form.refuse(refusal)
        else:
            return _show_login(request, login, needs_groups=form.cleaned_data["role"] == Role.HELPER)
    return _show_team(request, form, WorkspaceForm(initial={"name": request.workspace.name}))


@page("workspace.manage")
@require_POST
def team_name(request: WorkspaceRequest) -> HttpResponse:
    """Give the workspace another name; a refusal stands at its field."""
    form = WorkspaceForm(request.POST)
    if form.is_valid():
        try:
            services.rename_workspace(
                workspace=request.workspace, **form.cleaned_data, actor=request.actor, now=clock.now()
            )
        except InvalidInput as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("The changes are saved."))
            return redirect("accounts:team", slug=request.workspace.slug)
    return _show_team(request, PersonForm(), form)


@page("workspace.manage")
@require_POST
def person_role(request: WorkspaceRequest, role_id: int) -> HttpResponse:
    """Give somebody another role."""
    row, form = selectors.get_person(request.actor, role_id), RoleForm(request.POST)
    try:
        if not form.is_valid():
            raise InvalidInput(_("Unknown role."), field="role")
        services.set_role(
            workspace=request.workspace,
            user=row.user,
            role=form.cleaned_data["role"],
            actor=request.actor,
            now=clock.now(),
        )
        messages.success(request, _("The role of %(name)s is changed.") % {"name": row.user.label})
    except DomainError as refusal:
        tell(request, refusal)
    return redirect("accounts:team", slug=request.workspace.slug)


@page("workspace.manage")
@require_POST
def person_password(request: WorkspaceRequest, role_id: int) -> HttpResponse:
    """A new password for somebody who lost hers; it is shown on this answer and never again."""
    row = selectors.get_person(request.actor, role_id)
    try:
        login = services.renew_password(role=row, actor=request.actor, now=clock.now())
    except DomainError as refusal:
        tell(request, refusal)
        return redirect("accounts:team", slug=request.workspace.slug)
    return _show_login(request, login)


@page("workspace.manage")
@require_POST
def person_remove(request: WorkspaceRequest, role_id: int) -> HttpResponse:
    """Take somebody out of the workspace."""
    row = selectors.get_person(request.actor, role_id)
    try:
        services.remove_person(role=row, actor=request.actor, now=clock.now())
        messages.success(request, _("%(name)s has no access any more.") % {"name": row.user.label})
    except DomainError as refusal:
        tell(request, refusal)
    return redirect("accounts:team", slug=request.workspace.slug)


class OwnPassword(PasswordChangeView):
    """A person changes her own password; this session goes on, the others end."""

    template_name = "accounts/password.html"
    form_class = OwnPasswordForm

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        services.change_own_password(user=form.user, password=form.cleaned_data["new_password1"], now=clock.now())
        update_session_auth_hash(self.request, form.user)
        messages.success(self.request, _("Your password is changed. Other sessions are signed out."))
        return redirect("home")

    def form_invalid(self, form: PasswordChangeForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)


def admin_front(request: HttpRequest) -> HttpResponse:
    """The admin's front page; a role that opens none of its tables is told so, not shown an empty shell."""
    if isinstance(request.user, User) and not request.user.workspace_ids_where("admin.view"):
        raise PermissionDenied
    return admin.site.admin_view(admin.site.index)(request)


def _show_team(request: WorkspaceRequest, form: PersonForm, name_form: WorkspaceForm) -> HttpResponse:
    rows = [_row(request, role) for role in selectors.people_of(request.actor)]
    context = {"rows": rows, "form": form, "name_form": name_form}
    is_refused = bool(form.errors or name_form.errors)
    return render(request, "accounts/team.html", context, status=422 if is_refused else 200)


def _show_login(request: WorkspaceRequest, login: services.NewLogin, *, needs_groups: bool = False) -> HttpResponse:
    context = {
        "person": login.user,
        "password": login.password,
        "needs_groups": needs_groups,
        "sign_in_url": request.build_absolute_uri(reverse("accounts:sign_in")),
    }
    response = render(request, "accounts/login_issued.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _row(request: WorkspaceRequest, role: WorkspaceRole) -> dict[str, Any]:
    address, name = [request.workspace.slug, role.pk], role.user.label
    return {
        "role": role,
        "form": RoleForm(initial={"role": role.role}, auto_id=f"role-{role.pk}-%s"),
        "role_url": reverse("accounts:person_role", args=address),
        "password_question": {
            "id": f"password-{role.pk}",
            "title": _("A new password for %(name)s?") % {"name": name},
            "text": _("This person is signed out everywhere. You see the new password once and hand it over."),
            "action": reverse("accounts:person_password", args=address),
            "confirm_label": _("New password"),
        },
        "remove_question": {
            "id": f"remove-{role.pk}",
            "title": _("Take %(name)s out of this workspace?") % {"name": name},
            "text": _("This person can no longer sign in here. What they did stays in the record."),
            "action": reverse("accounts:person_remove", args=address),
            "confirm_label": _("Remove"),
            "is_bad": True,
        },
    }
