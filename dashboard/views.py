"""Pages that read across stages."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from community_ops.accounts import selectors as accounts
from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.common import clock, outbox
from community_ops.common.errors import DomainError
from dashboard import today as reading


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Lead a signed-in person to Today of her first workspace."""
    workspace = accounts.workspaces_of(request.user).first()  # type: ignore[arg-type]  # never anonymous here
    if workspace is None:
        return render(request, "dashboard/no_workspace.html", status=403)
    return redirect("dashboard:today", slug=workspace.slug)


@page("workspace.view")
@require_safe
def workspace(request: WorkspaceRequest) -> HttpResponse:
    """What somebody types who shortens an address."""
    return redirect("dashboard:today", request.workspace.slug)


@page("workspace.view")
def today(request: WorkspaceRequest) -> HttpResponse:
    """今日"""
    days = request.GET.get("days", "")
    context = reading.context(request.actor, request.workspace.slug, days=days, now=clock.now())
    return render(request, "dashboard/today.html", context)


@page("workspace.view")
def today_live(request: WorkspaceRequest) -> HttpResponse:
    """The part of Today that is read again every few seconds."""
    context = reading.live(request.actor, request.workspace.slug, now=clock.now())
    return render(request, "dashboard/_live.html", {**context, "zone": reading.zone_of(request.actor).key})


@page("workspace.view")
@require_safe
def needs(request: WorkspaceRequest) -> HttpResponse:
    """待我处理, all of it: where Today has no room for more lines."""
    context = reading.everything(request.actor, request.workspace.slug, now=clock.now())
    crumbs = [{"label": _("Today"), "url": reverse("dashboard:today", args=[request.workspace.slug])}]
    return render(request, "dashboard/needs.html", context | {"breadcrumbs": crumbs})


@page("jobs.repair")
def parked(request: WorkspaceRequest) -> HttpResponse:
    """Events that gave up after eight tries, with their last error; POST gives one its tries again."""
    rows = outbox.parked_receipts(request.workspace.pk)
    if request.method == "POST":
        receipt = get_object_or_404(rows, pk=_number(request.POST.get("receipt", "")))
        try:
            outbox.retry_parked(receipt=receipt, actor=request.actor, now=clock.now())
            messages.success(request, _("It is being tried again."))
        except DomainError as error:
            tell(request, error)
        return redirect("dashboard:parked", slug=request.workspace.slug)
    empty = {"icon": "check-circle", "title": _("Nothing is parked"), "text": _("Every event reached its handlers.")}
    zone = reading.zone_of(request.actor)
    return render(request, "dashboard/parked.html", {"rows": rows[:100], "empty": empty, "zone": zone.key})


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else 0
