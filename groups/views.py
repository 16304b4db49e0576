"""Pages: 群 (list and detail), a new community, a new group."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from community_ops.accounts.pages import WorkspaceRequest, page, tell, unassigned
from community_ops.accounts.policies import may
from community_ops.accounts.selectors import people_of
from community_ops.common import clock
from community_ops.common.errors import DomainError, InvalidInput
from community_ops.common.paging import id_in, newest_first
from groups import selectors, services
from groups.forms import BindForm, CommunityForm, GroupForm, StaffForm
from groups.models import ChatGroup, Community, GroupKind
from groups.ports import Panel, group_figures, group_panels
from messaging import selectors as messaging

TIMELINE_LENGTH = 20


@page("groups.view")
@require_safe
def group_list(request: WorkspaceRequest) -> HttpResponse:
    """Live groups, newest first. `?community=`, `?kind=` and `?cursor=` stand in the address: it can be shared."""
    rows = selectors.groups_visible_to(request.actor)
    community_id, kind = id_in(request.GET, "community"), request.GET.get("kind", "")
    if community_id is not None:
        rows = rows.filter(community_id=community_id)
    if kind in GroupKind.values:
        rows = rows.filter(kind=kind)
    shown, pager = newest_first(rows.select_related("endpoint__connection"), request.GET)
    communities = list(selectors.communities_visible_to(request.actor))
    context = {
        "rows": _with_figures(request, shown, clock.now()),
        "pager": pager,
        "communities": communities,
        "named_community": _named(communities, community_id),
        "community_id": community_id,
        "kinds": GroupKind.choices,
        "kind": kind,
        "may_manage": may(request.actor, "groups.manage"),
        "empty": unassigned(request.actor) or _no_groups(request),
        "may_found": may(request.actor, "communities.manage"),
    }
    return render(request, "groups/_group_table.html" if request.htmx else "groups/group_list.html", context)


def _named(communities: Sequence[Community], community_id: int | None) -> Community | None:
    """The community the list is about: the chosen one, or the only one there is."""
    if community_id is None:
        return communities[0] if len(communities) == 1 else None
    return next((one for one in communities if one.pk == community_id), None)


def _no_groups(request: WorkspaceRequest) -> dict[str, Any]:
    if not may(request.actor, "groups.manage"):
        return {"icon": "chat-bubble-left-right", "title": _("No group here yet")}
    return {
        "icon": "chat-bubble-left-right",
        "title": _("No group here yet"),
        "text": _("Found a community for one thing you do together, then add its first group."),
        "action_url": reverse("groups:group_new", args=[request.workspace.slug]),
        "action_label": _("New group"),
    }


def _with_figures(request: WorkspaceRequest, shown: Sequence[ChatGroup], now: datetime) -> list[dict[str, Any]]:
    ids = [group.pk for group in shown]
    figures: dict[int, dict[str, Any]] = {pk: {} for pk in ids}
    for key in sorted(group_figures.keys()) if ids else ():
        found = group_figures.get(key).figures(actor=request.actor, group_ids=ids, now=now)
        for pk, values in found.items():
            figures[pk].update(values)
    return [{"group": group, **figures[group.pk]} for group in shown]


@page("groups.view")
@require_safe
def group_detail(request: WorkspaceRequest, group_id: int) -> HttpResponse:
    """What the group is, how its messages get out, what happened; the panels come from the apps above."""
    group = selectors.get_group(request.actor, group_id)
    now = clock.now()
    deliveries = messaging.deliveries_visible_to(request.actor)
    mine = deliveries.filter(target_kind="group", target_id=group.pk)
    panels = _panels(request, group, now)
    context = {
        "group": group,
        "timeline": [_happening(delivery, now, request) for delivery in _latest(mine)],
        "main_panels": [panel for panel in panels if not panel.is_aside],
        "record_url": reverse("messaging:deliveries", args=[request.workspace.slug]),
        "breadcrumbs": [{"label": _("Groups"), "url": reverse("groups:group_list", args=[request.workspace.slug])}],
        "side_panels": [panel for panel in panels if panel.is_aside],
        "staff": selectors.staff_of(group),
        "endpoint": group.endpoint,
        "zone": group.zone.key,
        **_manage(request, group),
        **_next_steps(request, group),
    }
    return render(request, "groups/group_detail.html", context)


def _latest(deliveries: QuerySet[Any]) -> QuerySet[Any]:
    """The newest by the moment the page shows for each: when the platform took it, else when it is due."""
    return deliveries.order_by(Coalesce("accepted_at", "due_at").desc(), "-id")[:TIMELINE_LENGTH]


def _next_steps(request: WorkspaceRequest, group: ChatGroup) -> dict[str, Any]:
    """What can be done for this group elsewhere in the house, each with the group chosen beforehand."""
    if group.archived_at is not None:
        return {}
    slug, chosen = request.workspace.slug, f"?group={group.pk}"
    steps = {
        "announce_url": ("announcements.write", "campaigns:announcement_new"),
        "add_member_url": ("members.manage", "members:member_new"),
    }
    return {
        name: reverse(route, args=[slug]) + chosen
        for name, (action, route) in steps.items()
        if may(request.actor, action)
    }


def _panels(request: WorkspaceRequest, group: ChatGroup, now: datetime) -> list[Panel]:
    makers = [group_panels.get(key) for key in sorted(group_panels.keys())]
    made = [maker.panel(actor=request.actor, group=group, slug=request.workspace.slug, now=now) for maker in makers]
    return sorted((panel for panel in made if panel is not None), key=lambda panel: panel.order)


def _happening(delivery: Any, now: datetime, request: WorkspaceRequest) -> dict[str, Any]:
    return {
        "at": delivery.accepted_at or delivery.due_at,
        "title": messaging.words_to_read(delivery)[:120],
        "state": messaging.badge_state(delivery, now=now),
        "kind": "delivery",
        "url": reverse("messaging:delivery", args=[request.workspace.slug, delivery.pk]),
    }


def _manage(request: WorkspaceRequest, group: ChatGroup) -> Mapping[str, Any]:
    if not may(request.actor, "groups.manage") or group.archived_at is not None:
        return {"may_manage": False}
    endpoints = messaging.endpoints_visible_to(request.actor)
    dialog = {
        "id": "archive",
        "title": _("Archive this group?"),
        "text": _("It is hidden and what is planned for it does not go out. Its history stays."),
        "action": reverse("groups:group_archive", args=[request.workspace.slug, group.pk]),
        "confirm_label": _("Archive"),
        "is_bad": True,
        "needs_reason": True,
    }
    bind_form = BindForm(initial={"endpoint": group.endpoint_id}, endpoints=endpoints)
    staff_form = StaffForm(people=people_of(request.actor), auto_id="staff-%s")
    return {
        "may_manage": True,
        "may_found": may(request.actor, "communities.manage"),
        "has_channels": endpoints.exists(),
        "may_assign": may(request.actor, "tasks.manage"),
        "bind_form": bind_form,
        "staff_form": staff_form,
        "dialog": dialog,
    }


@page("communities.manage")
def community_new(request: WorkspaceRequest) -> HttpResponse:
    """Found a community; the next step is its first group."""
    form = CommunityForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            community = services.create_community(
                workspace_id=request.workspace.pk, **form.cleaned_data, actor=request.actor, now=clock.now()
            )
        except InvalidInput as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("“%(name)s” is founded. Now add its first group.") % {"name": community.name})
            url = reverse("groups:group_new", args=[request.workspace.slug])
            return redirect(f"{url}?community={community.pk}")
    return render(request, "groups/community_form.html", {"form": form}, status=422 if form.errors else 200)


@page("groups.manage")
def group_new(request: WorkspaceRequest) -> HttpResponse:
    """Add a group with its delivery channel. `?community=` chooses one beforehand."""
    communities = selectors.communities_visible_to(request.actor)
    if not communities.exists():
        messages.info(request, _("Found a community first: every group belongs to one."))
        return redirect("groups:community_new", slug=request.workspace.slug)
    form = GroupForm(
        request.POST or None,
        initial={"community": id_in(request.GET, "community")},
        communities=communities,
        endpoints=messaging.endpoints_visible_to(request.actor),
    )
    if request.method == "POST" and form.is_valid() and (group := _create_group(request, form)):
        return redirect("groups:group_detail", slug=request.workspace.slug, group_id=group.pk)
    context = {"form": form, "may_assign": may(request.actor, "tasks.manage")}
    return render(request, "groups/group_form.html", context, status=422 if form.errors else 200)


def _create_group(request: WorkspaceRequest, form: GroupForm) -> ChatGroup | None:
    try:
        group, warnings = services.create_group(**form.values(), actor=request.actor, now=clock.now())
    except InvalidInput as refusal:
        form.refuse(refusal)
        return None
    messages.success(request, _("“%(name)s” is created.") % {"name": group.name})
    for warning in warnings:
        messages.warning(request, warning["message"])
    return group


@page("groups.manage")
@require_POST
def group_bind(request: WorkspaceRequest, group_id: int) -> HttpResponse:
    """Choose the channel of a group."""
    group = selectors.get_group(request.actor, group_id)
    form = BindForm(request.POST, endpoints=messaging.endpoints_visible_to(request.actor))
    try:
        if not form.is_valid():
            raise InvalidInput(_("Choose a channel."), field="endpoint")
        endpoint = form.cleaned_data["endpoint"]
        for warning in services.bind_endpoint(group=group, endpoint=endpoint, actor=request.actor, now=clock.now()):
            messages.warning(request, warning["message"])
        messages.success(request, _("The delivery channel is changed."))
    except DomainError as refusal:
        tell(request, refusal)
    return redirect("groups:group_detail", slug=request.workspace.slug, group_id=group.pk)


@page("groups.manage")
@require_POST
def group_staff(request: WorkspaceRequest, group_id: int) -> HttpResponse:
    """Let somebody of the workspace look after the group."""
    group = selectors.get_group(request.actor, group_id)
    form = StaffForm(request.POST, people=people_of(request.actor))
    try:
        if not form.is_valid():
            raise InvalidInput(_("Choose a person."), field="person")
        person = form.cleaned_data["person"].user
        role = form.cleaned_data["role"]
        services.assign_staff(group=group, user=person, role=role, actor=request.actor, now=clock.now())
        messages.success(request, _("%(name)s looks after this group now.") % {"name": person.label})
    except DomainError as refusal:
        tell(request, refusal)
    return redirect("groups:group_detail", slug=request.workspace.slug, group_id=group.pk)


@page("groups.manage")
@require_POST
def group_unstaff(request: WorkspaceRequest, group_id: int, user_id: int) -> HttpResponse:
    """Let somebody no longer look after the group."""
    group = selectors.get_group(request.actor, group_id)
    services.unassign_staff(group=group, user_id=user_id, actor=request.actor, now=clock.now())
    messages.success(request, _("Done. This person no longer looks after the group."))
    return redirect("groups:group_detail", slug=request.workspace.slug, group_id=group.pk)


@page("groups.manage")
@require_POST
def group_archive(request: WorkspaceRequest, group_id: int) -> HttpResponse:
    """Archive a group, with a reason."""
    group = selectors.get_group(request.actor, group_id)
    try:
        reason = request.POST.get("reason", "")
        services.archive_group(group=group, reason=reason, actor=request.actor, now=clock.now())
    except InvalidInput as refusal:
        tell(request, refusal)
        return redirect("groups:group_detail", slug=request.workspace.slug, group_id=group.pk)
    messages.success(request, _("“%(name)s” is archived.") % {"name": group.name})
    return redirect("groups:group_list", slug=request.workspace.slug)
