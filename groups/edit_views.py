"""Pages on which a community and a group are edited."""

from django.contrib import messages
from django.forms import model_to_dict
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from community_ops.accounts.pages import WorkspaceRequest, page
from community_ops.common import clock
from community_ops.common.errors import DomainError
from groups import selectors, services
from groups.forms import CommunityEditForm, GroupFacts
from groups.models import ChatGroup, Community


@page("communities.manage")
def community_edit(request: WorkspaceRequest, community_id: int) -> HttpResponse:
    """Change a community; the list of its groups is next."""
    community = selectors.get_community(request.actor, community_id)
    url = f"{reverse('groups:group_list', args=[request.workspace.slug])}?community={community.pk}"
    form = CommunityEditForm(request.POST or None, initial=model_to_dict(community))
    if request.method == "POST" and form.is_valid() and _change_community(request, community, form):
        return redirect(url)
    context = {"form": form, "community": community, "back_url": url}
    return render(request, "groups/community_edit.html", context, status=422 if form.errors else 200)


def _change_community(request: WorkspaceRequest, community: Community, form: CommunityEditForm) -> bool:
    try:
        services.update_community(community=community, **form.cleaned_data, actor=request.actor, now=clock.now())
    except DomainError as refusal:
        form.refuse(refusal)
        return False
    messages.success(request, _("The changes are saved."))
    return True


@page("groups.manage")
def group_edit(request: WorkspaceRequest, group_id: int) -> HttpResponse:
    """Change a group; its page is next."""
    group = selectors.get_group(request.actor, group_id)
    form = GroupFacts(request.POST or None, initial=model_to_dict(group))
    if request.method == "POST" and form.is_valid() and _change_group(request, group, form):
        return redirect("groups:group_detail", slug=request.workspace.slug, group_id=group.pk)
    list_url = reverse("groups:group_list", args=[request.workspace.slug])
    context = {"form": form, "group": group, "breadcrumbs": [{"label": _("Groups"), "url": list_url}]}
    return render(request, "groups/group_edit.html", context, status=422 if form.errors else 200)


def _change_group(request: WorkspaceRequest, group: ChatGroup, form: GroupFacts) -> bool:
    try:
        services.update_group(group=group, **form.cleaned_data, actor=request.actor, now=clock.now())
    except DomainError as refusal:
        form.refuse(refusal)
        return False
    messages.success(request, _("The changes are saved."))
    return True
