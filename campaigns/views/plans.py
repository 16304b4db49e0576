"""群SOP: the playbooks and their runs."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language_info, pgettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from campaigns import origins, policies, selectors, services, wording
from campaigns.forms import PlanForm
from campaigns.models import Playbook, PlaybookRun, PlaybookStep, Touch
from campaigns.views.acting import PAUSABLE, PAUSED_STATES, SHOWN_NAMES, WAITING, copied_facts, pause_words, still_to_go
from campaigns.views.requeueing import requeue_url
from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.errors import DomainError
from community_ops.common.templatetags.reason_words import reason_words
from messaging import selectors as messaging

RUNS_SHOWN = 50
MAX_COLUMNS = 6  # more groups than this are counted instead of standing side by side


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
        "zone": zone,
        "breadcrumbs": _crumbs(request),
    }
    if form.is_bound and form.is_valid():
        context |= _plan(playbook, form, zone)
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
            {
                "language": get_language_info(code)["name_local"],
                "text": messaging.with_names(text, policies.RUN_SUBJECT),
            }
            for code, text in step.texts.items()
        ],
    }


def _plan(playbook: Playbook, form: PlanForm, zone: str) -> dict[str, Any]:
    """The lines of `services.preview_run`, what rules would hold back of them, and what they take, in words."""
    now, window = clock.now(), {"starts_at": form.moment("starts_at"), "ends_at": form.moment("ends_at")}
    touches = services.preview_run(playbook=playbook, groups=list(form.cleaned_data["groups"]), now=now, **window)
    subject = policies.RUN_SUBJECT
    found = services.forecast_plan(touches, subject_kind=subject, now=now, **window)
    return {
        "plan": [plan_line(touch) for touch in touches],
        "held": services.plan_held_warnings(touches, subject_kind=subject, **window),
        "forecast": services.plan_words(found, zone=zone),
    }


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
    dialogs = _dialogs(request, run, states)
    context = {
        "run": run,
        "playbook_name": _(run.playbook.name),
        "badge": wording.run_badge(state),
        "is_live": state in ("planned", "running", "paused"),
        "paused": _paused_words(run, states),
        "dialogs": _offered(dialogs, run, states, now),
        "questions": dialogs,
        "requeue_url": requeue_url(request, run),
        "may_decide": may(request.actor, "deliveries.decide"),
        "stop_reason": reason_words(run.stop_reason) if run.stop_reason else "",
        "groups": groups,
        "is_wide": len(groups) > MAX_COLUMNS,
        "rows": _run_rows(states),
        "zone": groups[0].zone.key if groups else selectors.home_zone(request.actor),
        "breadcrumbs": _crumbs(request),
    }
    return render(request, "campaigns/_run_live.html" if request.htmx else "campaigns/run_detail.html", context)


States = Sequence[tuple[Touch, selectors.GroupState]]


def _paused_words(run: PlaybookRun, states: States) -> str:
    """How many of its messages wait, of a run that is paused and whose time is not over, or still has some."""
    count = sum(state.state in PAUSED_STATES for _touch, state in states)
    return wording.paused_words(count) if run.paused_at is not None and count else ""


def _dialogs(request: WorkspaceRequest, run: PlaybookRun, states: States) -> dict[str, dict[str, Any]]:
    """What the person may ever do about it; the buttons change while somebody looks (`_offered`)."""
    if not may(request.actor, "announcements.send") or run.stopped_at is not None:
        return {}
    pause = {
        "title": _("Pause sending?"),
        "text": pause_words(),
        "confirm_label": pgettext("button", "Pause sending"),
    }
    resume = {
        "title": _("Go on sending?"),
        "text": _("What is due goes out at once; what has passed its latest moment meanwhile is not sent."),
        "confirm_label": pgettext("button", "Go on sending"),
    }
    stop = {
        "title": _("Stop this playbook run?"),
        "text": _("What has not gone out is cancelled for good; what has gone out stays. Pausing can be undone."),
        "confirm_label": pgettext("button", "Stop the run"),
        "is_bad": True,
    }
    found: dict[str, dict[str, Any]] = {"pause": pause, "resume": resume, "stop": stop}
    dialogs = {kind: words | _dialog(request, run, kind, states) for kind, words in found.items()}
    if any(state.state == "waiting" for _touch, state in states):
        copied = copied_facts(selectors.deliveries_of_run(run))
        for kind in ("pause", "stop"):
            dialogs[kind]["facts"] += copied
    return dialogs


def _dialog(request: WorkspaceRequest, run: PlaybookRun, kind: str, states: States) -> dict[str, Any]:
    """Where it leads, and whom it touches."""
    names = list(dict.fromkeys(state.group_name for _touch, state in states))
    return {
        "id": f"dialog-{kind}",
        "facts": [still_to_go(state.state for _touch, state in states)],
        "action": reverse(f"campaigns:run_{kind}", args=[request.workspace.slug, run.pk]),
        "names": names[:SHOWN_NAMES],
        "names_total": len(names) if len(names) > SHOWN_NAMES else None,
    }


def _offered(
    dialogs: dict[str, dict[str, Any]], run: PlaybookRun, states: States, now: datetime
) -> dict[str, dict[str, Any]]:
    """Those of the dialogs that there is a button for now."""
    known = {state.state for _touch, state in states}
    is_waiting = now < run.ends_at and "waits" in known
    if run.paused_at is not None:
        is_useful, kind = now < run.ends_at or bool(known & {"paused", "waiting"}), "resume"
    else:
        is_useful, kind = bool(known & PAUSABLE) or is_waiting, "pause"
    kinds = {kind} if is_useful else set()
    kinds |= {"stop"} if is_waiting or known & WAITING else set()
    return {kind: dialog for kind, dialog in dialogs.items() if kind in kinds}


@page("announcements.send")
@require_POST
def run_pause(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    """Let nothing more of a run go out; a refusal is said on the next page."""
    return _change(request, run_id, services.pause_run)


@page("announcements.send")
@require_POST
def run_resume(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    """Let a paused run go on."""
    return _change(request, run_id, services.resume_run)


@page("announcements.send")
@require_POST
def run_stop(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    """Call off for good what has not gone out of a run."""
    return _change(request, run_id, partial(services.stop_run, reason=origins.RUN_STOPPED))


def _change(request: WorkspaceRequest, run_id: int, service: Callable[..., int]) -> HttpResponse:
    run = selectors.get_run(request.actor, run_id)
    try:
        service(run=run, actor=request.actor, now=clock.now())
    except DomainError as refusal:
        tell(request, refusal)
    return redirect("campaigns:run", slug=request.workspace.slug, run_id=run.pk)


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
