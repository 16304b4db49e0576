"""Pages: who works by hand, how she is told, and her personal link."""

from typing import Any

import segno
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.errors import DomainError
from community_ops.common.once import once_per_form
from messaging import services, task_selectors
from messaging.assignee_links import link_of
from messaging.models import Assignee
from messaging.task_forms import AssigneeForm, initial_of
from messaging.task_views import ZONE, tabs


@page("tasks.view")
@require_safe
def assignee_list(request: WorkspaceRequest) -> HttpResponse:
    """Who works by hand, with what is missing for her to be told."""
    may_manage = may(request.actor, "tasks.manage")
    people = task_selectors.assignees_visible_to(request.actor)
    empty = {
        "icon": "users",
        "title": _("Nobody works by hand yet"),
        "text": _(
            "Add whoever posts in groups without a robot. A personal link on her phone is enough, no account is needed."
        ),
    }
    if may_manage:
        empty |= {
            "action_url": reverse("messaging:assignee_new", args=[request.workspace.slug]),
            "action_label": _("Add a colleague"),
        }
    context = {
        "people": [{"assignee": one, "can_be_told": services.can_be_told(one)} for one in people],
        "tabs": tabs(request, "assignees"),
        "may_manage": may_manage,
        "empty": empty,
        "zone": ZONE,
    }
    return render(request, "messaging/assignee_list.html", context)


@page("tasks.manage")
def assignee_new(request: WorkspaceRequest) -> HttpResponse:
    """Add a colleague; her link is the next step."""
    form = AssigneeForm(request.POST or None, actor=request.actor)
    if request.method == "POST" and form.is_valid():
        try:
            made = _made(request, form)
            messages.success(request, _("%(name)s is added. Next: her personal link.") % {"name": made.name})
            return redirect("messaging:assignee_edit", slug=request.workspace.slug, assignee_id=made.pk)
        except DomainError as refusal:
            form.refuse(refusal)
    return render(
        request, "messaging/assignee_form.html", _form_page(request, form), status=422 if form.errors else 200
    )


def _made(request: WorkspaceRequest, form: AssigneeForm) -> Assignee:
    facts = {"workspace_id": request.workspace.pk, **form.cleaned_data, "actor": request.actor, "now": clock.now()}
    made_id = once_per_form(request, actor=request.actor, run=lambda: services.create_assignee(**facts).pk)
    return task_selectors.get_assignee(request.actor, made_id)


def _form_page(request: WorkspaceRequest, form: AssigneeForm, assignee: Assignee | None = None) -> dict[str, Any]:
    return {
        "form": form,
        "assignee": assignee,
        "question": _question(request, assignee) if assignee else None,
        "breadcrumbs": [
            {"label": _("Colleagues"), "url": reverse("messaging:assignees", args=[request.workspace.slug])}
        ],
        "zone": ZONE,
    }


def _question(request: WorkspaceRequest, assignee: Assignee) -> dict[str, Any]:
    return {
        "id": "archive-assignee",
        "title": _("Archive %(name)s?") % {"name": assignee.name},
        "text": _("Her link ends at once. What she has done stays in the record."),
        "action": reverse("messaging:assignee_archive", args=[request.workspace.slug, assignee.pk]),
        "confirm_label": _("Archive"),
        "is_bad": True,
    }


@page("tasks.manage")
def assignee_edit(request: WorkspaceRequest, assignee_id: int) -> HttpResponse:
    """What is known of her, her link, and the way out."""
    assignee = task_selectors.get_assignee(request.actor, assignee_id)
    form = AssigneeForm(request.POST or None, actor=request.actor, assignee=assignee, initial=initial_of(assignee))
    if request.method == "POST" and form.is_valid():
        try:
            facts = form.cleaned_data
            services.update_assignee(assignee=assignee, **facts, actor=request.actor, now=clock.now())
            messages.success(request, _("Saved."))
            return redirect("messaging:assignees", slug=request.workspace.slug)
        except DomainError as refusal:
            form.refuse(refusal)
    context = _form_page(request, form, assignee)
    return render(request, "messaging/assignee_form.html", context, status=422 if form.errors else 200)


@page("tasks.manage")
@never_cache
@require_POST
def link_issue(request: WorkspaceRequest, assignee_id: int) -> HttpResponse:
    """Make her personal link; it is shown on this page and never again."""
    assignee = task_selectors.get_assignee(request.actor, assignee_id)
    code = services.issue_link(assignee=assignee, actor=request.actor, now=clock.now())
    link = link_of(code)
    context = {
        "assignee": assignee,
        "link": link,
        "qr": segno.make(link, error="m").svg_data_uri(scale=5, border=3, light="#fff"),
        "breadcrumbs": [
            {"label": _("Colleagues"), "url": reverse("messaging:assignees", args=[request.workspace.slug])}
        ],
    }
    return render(request, "messaging/assignee_link.html", context)


@page("tasks.manage")
@require_POST
def link_revoke(request: WorkspaceRequest, assignee_id: int) -> HttpResponse:
    """End her link on every phone it was opened on."""
    assignee = task_selectors.get_assignee(request.actor, assignee_id)
    if services.revoke_link(assignee=assignee, actor=request.actor, now=clock.now()):
        messages.success(request, _("The link no longer works."))
    else:
        messages.info(request, _("There is no link."))
    return redirect("messaging:assignee_edit", slug=request.workspace.slug, assignee_id=assignee.pk)


@page("tasks.manage")
@require_POST
def assignee_archive(request: WorkspaceRequest, assignee_id: int) -> HttpResponse:
    """Let her work by hand no longer; refused while cards of hers are open."""
    assignee = task_selectors.get_assignee(request.actor, assignee_id)
    try:
        services.archive_assignee(assignee=assignee, actor=request.actor, now=clock.now())
        messages.success(request, _("“%(name)s” was archived.") % {"name": assignee.name})
    except DomainError as refusal:
        tell(request, refusal)
        return redirect("messaging:assignee_edit", slug=request.workspace.slug, assignee_id=assignee.pk)
    return redirect("messaging:assignees", slug=request.workspace.slug)
