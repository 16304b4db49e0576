"""排期 and 群SOP: what goes out when, the playbooks and their runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from campaigns import policies, selectors, services, wording
from campaigns.forms import PlanForm
from campaigns.models import Playbook, PlaybookStep, Touch
from community_ops.accounts.pages import WorkspaceRequest, page
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.templatetags.reason_words import condition_words, reason_words
from groups.selectors import get_group

if TYPE_CHECKING:
    from groups.models import ChatGroup

SHOWN_DAYS = 7
MAX_DAYS = 31
SHOWN_A_DAY = 40
RUNS_SHOWN = 50
MAX_COLUMNS = 6  # more groups than this are counted instead of standing side by side


# --- 排期 --------------------------------------------------------------------------------------------


@page("announcements.view")
@require_safe
def calendar(request: WorkspaceRequest) -> HttpResponse:
    """A list by day. `?from=` (a day), `?days=` and `?group=` stand in the address: a view can be shared.

    What was called off is left out and counted; `?cancelled=1` shows it.
    """
    group = _chosen_group(request)
    zone = group.zone.key if group else selectors.home_zone(request.actor)
    now = clock.now()
    first = _first_day(request, now.astimezone(ZoneInfo(zone)).date())
    count = min(max(_number(request, "days") or SHOWN_DAYS, 1), MAX_DAYS)
    since, until = (_midnight(first + timedelta(days=days), zone) for days in (0, count))
    found = selectors.calendar_items(request.actor, since, until, group, now=now)
    shows_called_off = request.GET.get("cancelled") == "1"
    items = [item for item in found if shows_called_off or not item.is_called_off]
    context = {
        "days": _days(items, request, first=first, count=count, zone=zone, now=now),
        "groups": selectors.groups_to_choose(request.actor),
        "group": group,
        "zone": zone,
        "first": first,
        "previous": (first - timedelta(days=count)).isoformat(),
        "next": (first + timedelta(days=count)).isoformat(),
        "may_write": may(request.actor, "announcements.write"),
        "empty": _empty_calendar(request),
        "has_items": bool(items),
        "called_off_count": len(found) - len(items),
        "shows_called_off": shows_called_off,
    }
    return render(request, "campaigns/_calendar.html" if request.htmx else "campaigns/calendar.html", context)


@dataclass
class Day:
    """One day of the list; `hidden_count` more items are on the day's own view."""

    on: date
    at: datetime
    is_today: bool
    lines: list[dict[str, Any]] = field(default_factory=list)
    hidden_count: int = 0


def _days(
    items: Sequence[selectors.CalendarItem],
    request: WorkspaceRequest,
    *,
    first: date,
    count: int,
    zone: str,
    now: datetime,
) -> list[Day]:
    today = now.astimezone(ZoneInfo(zone)).date()
    days = {
        on: Day(on, _midnight(on, zone), on == today)
        for on in (first + timedelta(days=number) for number in range(count))
    }
    limit = SHOWN_A_DAY if count > 1 else len(items)
    for item in items:
        day = days[item.at.astimezone(ZoneInfo(zone)).date()]
        if len(day.lines) < limit:
            day.lines.append(_line(item, request))
        else:
            day.hidden_count += 1
    return list(days.values())


def _line(item: selectors.CalendarItem, request: WorkspaceRequest) -> dict[str, Any]:
    route = {"announcement": "campaigns:announcement", "touch": "campaigns:run"}[item.kind]
    return {
        "item": item,
        "title": _(item.title) if item.kind == "touch" else item.title,
        "url": reverse(route, args=[request.workspace.slug, item.object_id]),
        "condition": condition_words(item.condition) if item.condition else "",
        "names": wording.names([group.group_name for group in item.groups[:3]]),
        "more": max(0, len(item.groups) - 3),
        "badges": wording.badges_of(item.groups),
        "is_skipped": all(group.state in ("skipped", "stopped", "cancelled", "missed") for group in item.groups),
        "is_missed": all(group.state == "missed" for group in item.groups),
    }


def _empty_calendar(request: WorkspaceRequest) -> dict[str, str]:
    empty = {
        "icon": "calendar-days",
        "title": _("Nothing is planned in these days"),
        "text": _("Announcements and the touches of flash sales appear here, each with its state in every group."),
    }
    if may(request.actor, "announcements.write"):
        address = reverse("campaigns:announcement_new", args=[request.workspace.slug])
        empty |= {"action_url": address, "action_label": _("Write an announcement")}
    return empty


def _chosen_group(request: WorkspaceRequest) -> "ChatGroup | None":
    pk = _number(request, "group")
    return get_group(request.actor, pk) if pk else None


def _first_day(request: WorkspaceRequest, today: date) -> date:
    try:
        wanted = date.fromisoformat(request.GET.get("from", ""))
    except ValueError:
        return today
    return wanted if 2000 <= wanted.year <= 2200 else today


def _midnight(on: date, zone: str) -> datetime:
    return policies.wall_time(on, time(0), ZoneInfo(zone))


def _number(request: WorkspaceRequest, name: str) -> int | None:
    value = request.GET.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


# --- 群SOP -------------------------------------------------------------------------------------------


@page("playbooks.view")
@require_safe
def playbook_list(request: WorkspaceRequest) -> HttpResponse:
    """The playbooks there are, and the runs, nearest first."""
    now = clock.now()
    runs = selectors.runs_visible_to(request.actor)[:RUNS_SHOWN]
    context = {
        "playbooks": [
            {"playbook": playbook, "name": _(playbook.name), "description": _description(playbook)}
            for playbook in selectors.playbooks_visible_to(request.actor)
        ],
        "runs": [
            {"run": run, "playbook_name": _(run.playbook.name), "badge": wording.run_badge(run.state_at(now))}
            for run in runs
        ],
        "zone": selectors.home_zone(request.actor),
        "empty": {
            "icon": "clock",
            "title": _("The playbooks are being prepared"),
            "text": _("This takes a few seconds after a workspace was made. Please reload the page."),
        },
        "empty_runs": {
            "icon": "play",
            "title": _("No playbook is running"),
            "text": _("A flash sale starts its ladder when it is scheduled."),
        },
    }
    return render(request, "campaigns/playbook_list.html", context)


@page("playbooks.view")
@require_safe
def playbook_detail(request: WorkspaceRequest, playbook_id: int) -> HttpResponse:
    """The steps with their words; with `?starts_at=…&ends_at=…&groups=…` also what a run would do."""
    playbook = selectors.get_playbook(request.actor, playbook_id)
    zone = selectors.home_zone(request.actor)
    form = PlanForm(request.GET if "starts_at" in request.GET else None, actor=request.actor, zone=zone)
    context = {
        "playbook": playbook,
        "name": _(playbook.name),
        "description": _description(playbook),
        "steps": [_step(step) for step in playbook.steps.all()],
        "form": form,
        "plan": _plan(playbook, form) if form.is_bound and form.is_valid() else None,
        "zone": zone,
        "breadcrumbs": _crumbs(request),
    }
    return render(request, "campaigns/playbook_detail.html", context)


def _description(playbook: Playbook) -> str:
    return _(playbook.description) if playbook.description else ""


def _step(step: PlaybookStep) -> dict[str, Any]:
    return {
        "step": step,
        "name": _(step.name),
        "timing": wording.step_timing(step),
        "needs": _(step.needs) if step.needs else "",
        "texts": [
            {"language": get_language_info(code)["name_local"], "text": text} for code, text in step.texts.items()
        ],
    }


def _plan(playbook: Playbook, form: PlanForm) -> list[dict[str, Any]]:
    """The lines of `services.preview_run`, each with words for people."""
    touches = services.preview_run(
        playbook=playbook,
        starts_at=form.moment("starts_at"),
        ends_at=form.moment("ends_at"),
        groups=list(form.cleaned_data["groups"]),
        now=clock.now(),
    )
    return [plan_line(touch) for touch in touches]


def plan_line(touch: services.PlannedTouch) -> dict[str, Any]:
    return {
        "touch": touch,
        "name": _(touch.step.name),
        "timing": wording.step_timing(touch.step),
        "zone": touch.group.zone.key,
        "reason": reason_words(touch.skipped_reason) if touch.skipped_reason else "",
        "needs": _(touch.step.needs) if touch.step.needs else "",
    }


# --- one run -----------------------------------------------------------------------------------------


@page("playbooks.view")
@require_safe
def run_detail(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    """Each touch in each group with its state and why; htmx asks again while the run lives."""
    run = selectors.get_run(request.actor, run_id)
    now = clock.now()
    states = selectors.states_of_run(run, request.actor, now=now)
    groups = sorted({touch.group_id: touch.group for touch, _state in states}.values(), key=lambda group: group.pk)
    state = run.state_at(now)
    context = {
        "run": run,
        "playbook_name": _(run.playbook.name),
        "badge": wording.run_badge(state),
        "is_live": state in ("planned", "running"),
        "stop_reason": reason_words(run.stop_reason) if run.stop_reason else "",
        "groups": groups,
        "is_wide": len(groups) > MAX_COLUMNS,
        "rows": _run_rows(states),
        "zone": groups[0].zone.key if groups else selectors.home_zone(request.actor),
        "breadcrumbs": _crumbs(request),
    }
    return render(request, "campaigns/_run_table.html" if request.htmx else "campaigns/run_detail.html", context)


def _run_rows(states: Sequence[tuple[Touch, selectors.GroupState]]) -> list[dict[str, Any]]:
    """One row per step, in the order of time; condition steps without a time last."""
    rows = []
    for _step_id, of_step in groupby(states, key=lambda pair: pair[0].step_id):
        pairs = list(of_step)
        step = pairs[0][0].step
        due = [touch.due_at for touch, _state in pairs if touch.due_at is not None]
        rows.append(
            {
                "step": step,
                "name": _(step.name),
                "timing": wording.step_timing(step),
                "needs": _(step.needs) if step.needs else "",
                "due_at": min(due, default=None),
                "cells": [
                    {"state": state, "badge": wording.badge_of(state), "note": wording.note_of(state)}
                    for _touch, state in pairs
                ],
                "badges": wording.badges_of(state for _touch, state in pairs),
            }
        )
    return sorted(rows, key=lambda row: (row["due_at"] is None, row["due_at"] or 0, row["step"].position))


def _crumbs(request: WorkspaceRequest) -> list[dict[str, str]]:
    return [{"label": _("Playbooks"), "url": reverse("campaigns:playbooks", args=[request.workspace.slug])}]
