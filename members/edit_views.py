"""Pages on which a member is edited: name, phone numbers."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.common import clock
from community_ops.common.errors import DomainError
from members import selectors, services
from members.forms import PhoneForm, RenameForm
from members.models import Member
from members.wording import refuse


@page("members.manage")
def member_edit(request: WorkspaceRequest, member_id: int) -> HttpResponse:
    """The name in one form, the numbers below it, each with its own button. POST changes the name."""
    member = selectors.get_member(request.actor, member_id)
    form = RenameForm(request.POST or None, initial={"name": member.display_name})
    if request.method == "POST" and form.is_valid():
        try:
            services.rename_member(member=member, **form.cleaned_data, actor=request.actor, now=clock.now())
        except DomainError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("The changes are saved."))
            return redirect("members:member_detail", slug=request.workspace.slug, member_id=member.pk)
    return _show(request, member, form, PhoneForm())


@page("members.manage")
@require_POST
def phone_add(request: WorkspaceRequest, member_id: int) -> HttpResponse:
    """Write one more number down; a refusal stands at its field."""
    member = selectors.get_member(request.actor, member_id)
    form = PhoneForm(request.POST)
    if form.is_valid():
        try:
            services.add_phone(member=member, **form.cleaned_data, actor=request.actor, now=clock.now())
        except DomainError as refusal:
            refuse(form, refusal, actor=request.actor, slug=request.workspace.slug, community_id=member.community_id)
        else:
            messages.success(request, _("The number is written down."))
            return _back(request, member)
    return _show(request, member, RenameForm(initial={"name": member.display_name}), form)


@page("members.manage")
@require_POST
def phone_remove(request: WorkspaceRequest, member_id: int, phone_id: int) -> HttpResponse:
    """Forget one number of the member."""
    member = selectors.get_member(request.actor, member_id)
    phone = selectors.get_phone(member, phone_id)
    try:
        services.remove_phone(phone=phone, actor=request.actor, now=clock.now())
        messages.success(request, _("The number is forgotten."))
    except DomainError as refusal:
        tell(request, refusal)
    return _back(request, member)


def _show(request: WorkspaceRequest, member: Member, form: RenameForm, phone_form: PhoneForm) -> HttpResponse:
    slug = request.workspace.slug
    context = {
        "member": member,
        "form": form,
        "phone_form": phone_form,
        "phones": selectors.phones_of(member),
        "breadcrumbs": [{"label": _("Members"), "url": reverse("members:member_list", args=[slug])}],
    }
    is_refused = bool(form.errors or phone_form.errors)
    return render(request, "members/member_edit.html", context, status=422 if is_refused else 200)


def _back(request: WorkspaceRequest, member: Member) -> HttpResponse:
    return redirect("members:member_edit", slug=request.workspace.slug, member_id=member.pk)
