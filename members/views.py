"""Pages: 成员 (list and detail), a new member, passes and memberships by hand."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from community_ops.accounts.pages import WorkspaceRequest, page, tell, unassigned
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.errors import DomainError, NotFound
from community_ops.common.paging import id_in, newest_first
from groups import selectors as groups
from groups.ports import Panel
from members import selectors, services
from members.forms import JoinForm, MemberForm
from members.models import Member
from members.ports import member_panels
from members.wording import refuse
from messaging import selectors as messaging

RECENT_MESSAGES = 20


@page("members.view")
@require_safe
def member_list(request: WorkspaceRequest) -> HttpResponse:
    """Newest first. `?q=` (part of a name, a phone number or its last four), `?group=`, `?community=`, `?cursor=`."""
    rows = _filtered(selectors.members_visible_to(request.actor), request.GET)
    shown, pager = newest_first(rows.select_related("community", "facts"), request.GET)
    query = request.GET.get("q", "").strip()
    context = {
        "rows": shown,
        "pager": pager,
        "total": selectors.capped_count(rows),
        "query": query,
        "group_id": id_in(request.GET, "group"),
        "groups": groups.groups_visible_to(request.actor),
        "empty": unassigned(request.actor) or _nobody(request, is_filtered=bool(request.GET)),
        "may_manage": may(request.actor, "members.manage"),
        "may_import": may(request.actor, "members.import"),
    }
    return render(request, "members/_member_table.html" if request.htmx else "members/member_list.html", context)


def _filtered(rows: QuerySet[Member], query: QueryDict) -> QuerySet[Member]:
    if (group_id := id_in(query, "group")) is not None:
        rows = selectors.in_group(rows, group_id)
    if (community_id := id_in(query, "community")) is not None:
        rows = rows.filter(community_id=community_id)
    return selectors.matching(rows, query.get("q", "").strip())


def _nobody(request: WorkspaceRequest, *, is_filtered: bool) -> dict[str, Any]:
    if is_filtered:
        return {
            "icon": "magnifying-glass",
            "title": _("Nobody fits"),
            "text": _("Try a shorter name or another group."),
        }
    empty: dict[str, Any] = {"icon": "users", "title": _("No members yet")}
    if may(request.actor, "members.import"):
        empty |= {
            "text": _("Bring them in from a table or a chat export, or let events over REST bring them."),
            "action_url": reverse("members:import_list", args=[request.workspace.slug]),
            "action_label": _("Import"),
        }
    return empty


@page("members.view")
@require_safe
def member_detail(request: WorkspaceRequest, member_id: int) -> HttpResponse:
    """Who she is and where each fact comes from; further panels come from the apps above."""
    member = selectors.get_member(request.actor, member_id)
    panels = _panels(request, member, clock.now())
    context = {
        "member": member,
        "facts": getattr(member, "facts", None),
        "fact_sources": selectors.fact_sources(member),
        "identities": selectors.identities_of(member),
        "phones": selectors.phones_of(member),
        "spells": selectors.spells_of(member),
        "memberships": _memberships(request, member),
        "recent": _recent_messages(request, member),
        "passes": selectors.passes_of(member),
        "main_panels": [panel for panel in panels if not panel.is_aside],
        "side_panels": [panel for panel in panels if panel.is_aside],
        "zone": member.community.timezone,
        "breadcrumbs": [{"label": _("Members"), "url": reverse("members:member_list", args=[request.workspace.slug])}],
        **_manage(request, member),
    }
    return render(request, "members/member_detail.html", context)


def _panels(request: WorkspaceRequest, member: Member, now: datetime) -> list[Panel]:
    makers = [member_panels.get(key) for key in sorted(member_panels.keys())]
    made = [maker.panel(actor=request.actor, member=member, slug=request.workspace.slug, now=now) for maker in makers]
    return sorted((panel for panel in made if panel is not None), key=lambda panel: panel.order)


def _memberships(request: WorkspaceRequest, member: Member) -> list[Any]:
    return list(selectors.memberships_visible_to(request.actor).filter(member=member).order_by("-id"))


def _recent_messages(request: WorkspaceRequest, member: Member) -> list[dict[str, Any]]:
    """Her latest messages in groups the person may see."""
    visible = groups.groups_visible_to(request.actor, with_archived=True).filter(community_id=member.community_id)
    names = dict(visible.values_list("pk", "name"))
    events = messaging.inbound_events(workspace_id=member.workspace_id, target_ids=list(names))
    mine = events.filter(author_id=member.pk, kind="message").order_by("-occurred_at", "-id")[:RECENT_MESSAGES]
    return [
        {"at": one.occurred_at, "text": one.text, "group": names[one.target_id], "source": one.source} for one in mine
    ]


def _manage(request: WorkspaceRequest, member: Member) -> dict[str, Any]:
    if not may(request.actor, "members.manage"):
        return {"may_manage": False}
    joinable = groups.groups_visible_to(request.actor).filter(community_id=member.community_id)
    return {"may_manage": True, "join_form": JoinForm(groups=joinable)}


@page("members.manage")
def member_new(request: WorkspaceRequest) -> HttpResponse:
    """Add one member by hand. `?group=` chooses a group to join at once, and with it the community."""
    communities = groups.communities_visible_to(request.actor)
    if not communities.exists():
        return render(request, "members/member_form.html", {"empty": _no_community(request)})
    joinable = groups.groups_visible_to(request.actor)
    chosen = joinable.filter(pk=id_in(request.GET, "group") or 0).first()
    initial = {"group": chosen, "community": chosen.community_id} if chosen else {}
    form = MemberForm(request.POST or None, initial=initial, communities=communities, groups=joinable)
    if request.method == "POST" and form.is_valid() and (member := _create_member(request, form)):
        return redirect("members:member_detail", slug=request.workspace.slug, member_id=member.pk)
    return render(request, "members/member_form.html", {"form": form}, status=422 if form.errors else 200)


def _create_member(request: WorkspaceRequest, form: MemberForm) -> Member | None:
    values = form.cleaned_data
    try:
        member = services.create_member(**values, actor=request.actor, now=clock.now())
    except DomainError as refusal:
        slug, community_id = request.workspace.slug, values["community"].pk
        refuse(form, refusal, actor=request.actor, slug=slug, community_id=community_id)
        return None
    messages.success(request, _("“%(name)s” is a member now.") % {"name": member.display_name})
    for warning in services.size_warnings(values["group"]) if values["group"] else ():
        messages.warning(request, warning["message"])
    return member


def _no_community(request: WorkspaceRequest) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "icon": "users",
        "title": _("Found a community first"),
        "text": _("Every member belongs to a community."),
    }
    if may(request.actor, "communities.manage"):
        url = reverse("groups:community_new", args=[request.workspace.slug])
        empty |= {"action_url": url, "action_label": _("Found a community")}
    return empty


@page("members.manage")
@require_POST
def pass_issue(request: WorkspaceRequest, member_id: int) -> HttpResponse:
    """Make a personal link; it is shown on this answer and never again."""
    member = selectors.get_member(request.actor, member_id)
    code = services.issue_pass(member=member, actor=request.actor, now=clock.now())
    context = {"member": member, "link": selectors.pass_link(code)}
    response = render(request, "members/pass_issued.html", context)
    response["Cache-Control"] = "no-store"
    return response


@page("members.manage")
@require_POST
def pass_revoke(request: WorkspaceRequest, member_id: int, pass_id: int) -> HttpResponse:
    """End a personal link and the cookies made from it."""
    member = selectors.get_member(request.actor, member_id)
    member_pass = selectors.passes_of(member).filter(pk=pass_id).first()
    if member_pass is None:
        raise NotFound
    services.revoke_pass(member_pass=member_pass, actor=request.actor, now=clock.now())
    messages.success(request, _("The link is no longer good."))
    return _back(request, member)


@page("members.manage")
@require_POST
def member_join(request: WorkspaceRequest, member_id: int) -> HttpResponse:
    """Put the member into a group."""
    member = selectors.get_member(request.actor, member_id)
    form = JoinForm(request.POST, groups=groups.groups_visible_to(request.actor))
    if not form.is_valid():
        messages.error(request, _("Choose a group."))
        return _back(request, member)
    try:
        _membership, warnings = services.add_membership(
            member=member, group=form.cleaned_data["group"], actor=request.actor, now=clock.now()
        )
        for warning in warnings:
            messages.warning(request, warning["message"])
    except DomainError as refusal:
        tell(request, refusal)
    return _back(request, member)


@page("members.manage")
@require_POST
def member_leave(request: WorkspaceRequest, member_id: int, membership_id: int) -> HttpResponse:
    """End a membership."""
    member = selectors.get_member(request.actor, member_id)
    rows = selectors.memberships_visible_to(request.actor).filter(member=member)
    membership = rows.filter(pk=membership_id).first()
    if membership is None:
        raise NotFound
    services.leave(membership=membership, actor=request.actor, now=clock.now())
    return _back(request, member)


def _back(request: WorkspaceRequest, member: Member) -> HttpResponse:
    return redirect("members:member_detail", slug=request.workspace.slug, member_id=member.pk)
