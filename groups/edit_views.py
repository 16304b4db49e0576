"""Pages on which a community and a group are edited."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.forms import model_to_dict
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from community_ops.accounts.pages import WorkspaceRequest, page
from community_ops.common import clock
from community_ops.common.errors import DomainError
from community_ops.common.forms import RefusableForm
from groups import selectors, services
from groups.forms import CURRENCY_HELP, CommunityEditForm, GroupFacts


@page("communities.manage")
def community_edit(request: WorkspaceRequest, community_id: int) -> HttpResponse:
    """Change a community; the list of its groups is next."""
    community = selectors.get_community(request.actor, community_id)
    url = f"{reverse('groups:group_list', args=[request.workspace.slug])}?community={community.pk}"
    form = CommunityEditForm(request.POST or None, initial=model_to_dict(community))
    if _is_saved(request, form, partial(services.update_community, community=community)):
        return redirect(url)
    context = {"form": form, "community": community, "back_url": url, "currency_help": CURRENCY_HELP}
    context["breadcrumbs"] = [{"label": _("Groups"), "url": url}]
    return render(request, "groups/community_edit.html", context, status=422 if form.errors else 200)


@page("groups.manage")
def group_edit(request: WorkspaceRequest, group_id: int) -> HttpResponse:
    """Change a group; its page is next."""
    group = selectors.get_group(request.actor, group_id)
    form = GroupFacts(request.POST or None, initial=model_to_dict(group))
    if _is_saved(request, form, partial(services.update_group, group=group)):
        return redirect("groups:group_detail", slug=request.workspace.slug, group_id=group.pk)
    list_url = reverse("groups:group_list", args=[request.workspace.slug])
    context = {"form": form, "group": group, "breadcrumbs": [{"label": _("Groups"), "url": list_url}]}
    return render(request, "groups/group_edit.html", context, status=422 if form.errors else 200)


def _is_saved(request: WorkspaceRequest, form: RefusableForm, update: Callable[..., Any]) -> bool:
    """Hand a posted form's values to the service and say so; a refusal stands at its field."""
    if request.method != "POST" or not form.is_valid():
        return False
    try:
        update(**form.cleaned_data, actor=request.actor, now=clock.now())
    except DomainError as refusal:
        form.refuse(refusal)
        return False
    messages.success(request, _("The changes are saved."))
    return True
