"""Pages of 导入: upload, mapping and preview, confirm, progress, result."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_POST, require_safe

from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.common import clock
from community_ops.common.errors import DomainError, InvalidInput, NotFound
from community_ops.common.paging import newest_first
from groups import selectors as groups
from members import selectors, services
from members.forms import MappingForm, UploadForm
from members.importing.samples import columns_of, sample_table
from members.models import ImportRun, ImportState
from members.ports import Importer, Preview, importers

SHOWN_PROBLEMS = 100  # and as many notices
ZONE = settings.DEFAULT_COMMUNITY_TIMEZONE
_OPEN = (ImportState.QUEUED, ImportState.RUNNING)


@page("members.import")
@require_safe
def import_list(request: WorkspaceRequest) -> HttpResponse:
    """What can be brought in, and what was."""
    shown, pager = newest_first(selectors.import_runs_visible_to(request.actor), request.GET)
    context = {
        "rows": [_row(run) for run in shown],
        "pager": pager,
        "kinds": [{"kind": kind, "label": _label(kind)} for kind in _kinds()],
        "zone": ZONE,
        "empty": {
            "icon": "arrow-down-tray",
            "title": _("Nothing was imported yet"),
            "text": _("Choose above what your file holds."),
        },
    }
    return render(request, "members/import_list.html", context)


def _row(run: ImportRun) -> dict[str, Any]:
    """One line of the list; each importer counts what is new and what is left out under its own names."""
    counts = run.counts
    return {
        "run": run,
        "label": _label(run.kind),
        "new_count": counts.get("accepted", counts.get("imported_lines")),
        "left_out_count": counts.get("rejected", counts.get("skipped_lines")),
    }


def _kinds() -> list[str]:
    """Members first: most people begin with them."""
    return sorted(importers.keys(), key=lambda kind: (kind != "members", kind))


def _label(kind: str) -> str:
    return str(importers.get(kind).label) if kind in _kinds() else kind


@page("members.import")
def import_new(request: WorkspaceRequest, kind: str) -> HttpResponse:
    """Upload one file of a kind; its preview is the next page."""
    importer = _importer(kind)
    if (empty := _nowhere(request, importer)) is not None:
        return render(request, "members/import_form.html", {"empty": empty, "label": importer.label})
    form = UploadForm(
        request.POST or None,
        request.FILES or None,
        needs=importer.needs,
        communities=groups.communities_visible_to(request.actor),
        groups=groups.groups_visible_to(request.actor),
    )
    if request.method == "POST" and form.is_valid() and (run := _prepare(request, kind, form)):
        return redirect("members:import_detail", slug=request.workspace.slug, run_id=run.pk)
    context = {"form": form, "label": importer.label, "kind": kind, "columns": columns_of(kind)}
    return render(request, "members/import_form.html", context, status=422 if form.errors else 200)


def _importer(kind: str) -> Importer:
    if kind not in _kinds():
        raise NotFound(_("Nobody imports this kind of file."))
    return importers.get(kind)


def _nowhere(request: WorkspaceRequest, importer: Importer) -> dict[str, Any] | None:
    """What is missing before such a file can go anywhere, or None."""
    slug = request.workspace.slug
    if not groups.communities_visible_to(request.actor).exists():
        route, title, action = "groups:community_new", _("Found a community first"), _("Found a community")
    elif "group" in importer.needs and not groups.groups_visible_to(request.actor).exists():
        route, title, action = "groups:group_new", _("Add a group first"), _("New group")
    else:
        return None
    return {
        "icon": "arrow-down-tray",
        "title": title,
        "text": _("What the file holds has to go somewhere."),
        "action_url": reverse(route, args=[slug]),
        "action_label": action,
    }


@page("members.import")
@require_safe
def import_template(request: WorkspaceRequest, kind: str) -> HttpResponse:
    """A small table of a kind to begin with: the header and one example row."""
    _importer(kind)
    answer = HttpResponse(sample_table(kind), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{kind}.csv"'
    return answer


def _prepare(request: WorkspaceRequest, kind: str, form: UploadForm) -> ImportRun | None:
    try:
        return services.prepare_import(
            workspace_id=request.workspace.pk,
            kind=kind,
            file=form.cleaned_data["file"],
            options=form.options(),
            actor=request.actor,
            now=clock.now(),
        )
    except InvalidInput as refusal:
        form.refuse(refusal)
        return None


@page("members.import")
@require_safe
def import_detail(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    """Preview while it waits, progress while it runs (asked again every 2 s), result when it has ended."""
    run = selectors.get_import_run(request.actor, run_id)
    context = {"run": run, "label": _label(run.kind), "zone": ZONE, **_links(request, run)}
    if run.state == ImportState.PREVIEW:
        joins = bool(run.options.get("group")) and "group_optional" in _needs(run.kind)
        context |= {"destination": _destination(request, run), "joins_a_group": joins, **_preview(run)}
        return render(request, "members/import_preview.html", context)
    context |= {"is_open": run.state in _OPEN, "progress": _progress(request, run)}
    context |= {"counts": _counts(run), "problems": run.problems[:SHOWN_PROBLEMS], "problem_total": len(run.problems)}
    context |= {"notices": run.notices[:SHOWN_PROBLEMS], "notice_total": len(run.notices)}
    return render(request, "members/_import_state.html" if request.htmx else "members/import_detail.html", context)


def _links(request: WorkspaceRequest, run: ImportRun) -> dict[str, Any]:
    slug = request.workspace.slug
    return {"breadcrumbs": [{"label": _("Import"), "url": reverse("members:import_list", args=[slug])}]}


def _destination(request: WorkspaceRequest, run: ImportRun) -> list[tuple[str, str]]:
    """Where the file goes: its community, and its group where such a file may have one."""
    group_id, community_id = run.options.get("group"), run.options.get("community")
    group = groups.groups_visible_to(request.actor, with_archived=True).filter(pk=group_id).first()
    rows = groups.communities_visible_to(request.actor, with_archived=True)
    community = rows.filter(pk=group.community_id if group else community_id).first()
    said = [(_("Community"), community.name)] if community else []
    if group is None and "group_optional" not in _needs(run.kind):
        return said
    return [*said, (_("Group"), group.name if group else pgettext("to join", "None"))]


def _needs(kind: str) -> tuple[str, ...]:
    return importers.get(kind).needs if kind in _kinds() else ()


def _preview(run: ImportRun) -> dict[str, Any]:
    try:
        preview: Preview = services.preview_import(run=run)
    except DomainError as refusal:
        return {"problem": refusal.message}
    form = MappingForm(prefix="map", fields=preview.fields, columns=preview.file_columns) if preview.fields else None
    rows = [{"row": row, "cells": list(zip(preview.columns, row.cells, strict=False))} for row in preview.rows]
    return {"preview": preview, "preview_rows": rows, "form": form}


def _progress(request: WorkspaceRequest, run: ImportRun) -> dict[str, Any]:
    done = run.counts.get("rows", 0)
    return {
        "label": run.file_name,
        "done": done,
        "total": done if run.state == ImportState.DONE else max(run.row_count, done),
        "state": run.state,
        "unit": _("rows"),
        "cancel_url": reverse("members:import_cancel", args=[request.workspace.slug, run.pk]),
    }


def _counts(run: ImportRun) -> list[tuple[str, Any]]:
    """The importer's figures with their words, in the importer's order."""
    words = {
        "rows": _("Rows"),
        "accepted": _("New"),
        "joined": _("Members who joined the group"),
        "duplicates": _("Already there"),
        "rejected": _("Left out"),
        "authors": _("Authors"),
        "first_at": _("First"),
        "last_at": _("Last"),
        "imported_lines": _("Lines imported"),
        "skipped_lines": _("Lines left out"),
        "orders": _("Orders"),
        "customers": _("Customers"),
        "revenue_amount": _("Revenue"),
        "currency": _("Currency"),
    }
    return [(words.get(name, name), value) for name, value in _told(run).items() if value is not None]


def _told(run: ImportRun) -> dict[str, Any]:
    """The figures; who joined the group is told before and apart from what was there already."""
    counts = dict(run.counts)
    if "joined" not in counts:
        return counts
    joined = counts.pop("joined")
    duplicates = counts.pop("duplicates") - joined
    first = {name: counts.pop(name) for name in ("rows", "accepted")}
    return {**first, "joined": joined, "duplicates": duplicates, **counts}


@page("members.import")
@require_POST
def import_map(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    """Another mapping of columns; the preview shows what it does."""
    run = selectors.get_import_run(request.actor, run_id)
    mapping = {name.removeprefix("map-"): value for name, value in request.POST.items() if name.startswith("map-")}
    try:
        services.change_options(run=run, options={"mapping": mapping}, now=clock.now())
    except DomainError as refusal:
        tell(request, refusal)
    return _to(request, run)


@page("members.import")
@require_POST
def import_confirm(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    """Bring it in."""
    run = selectors.get_import_run(request.actor, run_id)
    try:
        services.confirm_import(run=run, actor=request.actor, now=clock.now())
    except DomainError as refusal:
        tell(request, refusal)
    return _to(request, run)


@page("members.import")
@require_POST
def import_cancel(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    """Stop after the current batch."""
    run = selectors.get_import_run(request.actor, run_id)
    try:
        services.cancel_import(run=run, actor=request.actor, now=clock.now())
        messages.success(request, _("The import is stopped. What came in before stays."))
    except DomainError as refusal:
        tell(request, refusal)
    return _to(request, run)


@page("members.import")
@require_POST
def import_retry(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    """Start a failed or cancelled import again."""
    run = selectors.get_import_run(request.actor, run_id)
    try:
        services.retry_import(run=run, actor=request.actor, now=clock.now())
    except DomainError as refusal:
        tell(request, refusal)
    return _to(request, run)


def _to(request: WorkspaceRequest, run: ImportRun) -> HttpResponse:
    return redirect("members:import_detail", slug=request.workspace.slug, run_id=run.pk)
