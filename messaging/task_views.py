"""Pages: 待发清单, the team's list of work by hand, a card of it, new cards, and who kept to what was planned."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.accounts.policies import may
from community_ops.common import assets, clock
from community_ops.common.errors import DomainError, NotFound
from community_ops.common.once import once_per_form
from community_ops.common.paging import id_in
from community_ops.common.warned import Warned
from messaging import services, task_copying, task_selectors, task_showing, task_wording
from messaging.models import Assignee, HumanTask, TaskKind, TaskState
from messaging.task_forms import DoneForm, HandOnForm, LeaveOutForm, TaskForm, WithdrawForm
from messaging.task_selectors import OnBoard

ZONE = settings.DEFAULT_COMMUNITY_TIMEZONE
WINDOWS = (7, 30)  # days of the kept-to page


# --- the list ----------------------------------------------------------------------------------------


@page("tasks.view")
@require_safe
def board(request: WorkspaceRequest) -> HttpResponse:
    """Open cards by person, the late ones first; htmx asks again every 20 s."""
    now = clock.now()
    found = task_selectors.board(request.actor, now=now)
    everybody = task_selectors.everybody_of(request.actor)
    may_manage = may(request.actor, "tasks.manage")
    context = {
        "people": [
            _person(request, one, everybody, now)
            for one in sorted(found, key=lambda one: (-one.late_count, not one.cards))
        ],
        "tabs": _tabs(request, "tasks"),
        "may_manage": may_manage,
        "may_act": may(request.actor, "tasks.act"),
        "empty": _nobody(request, may_manage=may_manage),
        "zone": ZONE,
    }
    return render(request, "messaging/_task_board.html" if request.htmx else "messaging/task_board.html", context)


def _person(request: WorkspaceRequest, one: OnBoard, everybody: list[Assignee], now: datetime) -> dict[str, Any]:
    others = [person for person in everybody if person != one.assignee]
    colleagues = sorted(others, key=lambda person: person.pk != one.assignee.deputy_id)
    return {
        "assignee": one.assignee,
        "late_count": one.late_count,
        "can_be_told": one.can_be_told,
        "can_hand_on": bool(colleagues),
        "rows": [
            task_showing.board_row(one, task, now=now)
            | {"told": task_wording.told_words(task, can_be_told=one.can_be_told)}
            | _questions(request, task, colleagues)
            for task in one.cards
        ],
    }


def _questions(request: WorkspaceRequest, task: HumanTask, colleagues: list[Assignee]) -> dict[str, Any]:
    """The two dialogs of a card: to whom it goes, and whether it is taken back."""
    slug = request.workspace.slug
    return {
        "hand_on": {
            "id": f"hand-on-{task.pk}",
            "title": _("Hand on “%(title)s”?") % {"title": task.title},
            "text": _("Whatever is still open goes to a colleague, who is told at once."),
            "action": reverse("messaging:task_hand_on", args=[slug, task.pk]),
            "confirm_label": _("Hand on to a colleague"),
            "form": HandOnForm(colleagues, auto_id=f"hand-on-{task.pk}-%s"),
        },
        "withdraw": {
            "id": f"withdraw-{task.pk}",
            "title": _("Withdraw “%(title)s”?") % {"title": task.title},
            "text": _("Whatever is still open is no longer to be done. Messages to groups are cancelled."),
            "action": reverse("messaging:task_withdraw", args=[slug, task.pk]),
            "confirm_label": _("Withdraw"),
            "form": WithdrawForm(auto_id=f"withdraw-{task.pk}-%s"),
            "is_bad": True,
        },
    }


def _nobody(request: WorkspaceRequest, *, may_manage: bool) -> dict[str, str]:
    """Nobody is there to do anything by hand yet."""
    empty = {
        "icon": "device-phone-mobile",
        "title": _("Nobody works by hand yet"),
        "text": _(
            "For groups without a robot: a colleague gets each message on her phone, copies it and ticks the groups."
        ),
    }
    if may_manage:
        empty |= {
            "action_url": reverse("messaging:assignee_new", args=[request.workspace.slug]),
            "action_label": _("Add a colleague"),
        }
    return empty


def _tabs(request: WorkspaceRequest, current: str) -> list[dict[str, Any]]:
    """The three pages of the list."""
    pages = [("tasks", _("To do")), ("tasks_kept_to", _("Kept to")), ("assignees", _("Colleagues"))]
    return [
        {
            "label": label,
            "url": reverse(f"messaging:{name}", args=[request.workspace.slug]),
            "is_chosen": name == current,
        }
        for name, label in pages
    ]


tabs = _tabs


@page("tasks.view")
@require_safe
def kept_to(request: WorkspaceRequest) -> HttpResponse:
    """Who did her part in the last 7 or 30 days, and in which groups, with the reasons, as people say."""
    days = id_in(request.GET, "days")
    days = days if days in WINDOWS else WINDOWS[0]
    now = clock.now()
    found = task_selectors.kept_to(request.actor, since=now - timedelta(days=days), until=now, now=now)
    context = {
        "rows": [{"kept": row, "reasons": row.reasons.most_common()} for row in found.people],
        "in_groups": [{"kept": row, "reasons": row.reasons.most_common()} for row in found.groups],
        "days": days,
        "windows": WINDOWS,
        "tabs": _tabs(request, "tasks_kept_to"),
        "empty": {
            "icon": "chart-bar",
            "title": _("Nothing was due in this time"),
            "text": _("As soon as cards have been due, it says here who did them in time."),
        },
    }
    return render(request, "messaging/task_kept_to.html", context)


# --- a card ------------------------------------------------------------------------------------------


@page("tasks.view")
@require_safe
def task_detail(request: WorkspaceRequest, task_id: int) -> HttpResponse:
    """What is to do, what became of each place, and what can be done about it."""
    return _card(request, task_selectors.get_task(request.actor, task_id))


def _card(request: WorkspaceRequest, task: HumanTask, status: int = 200, **forms: Any) -> HttpResponse:
    now, items = clock.now(), task_selectors.items_of(task)
    still_open = [item for item in items if item.state == TaskState.OPEN]
    colleagues = task_selectors.colleagues_of(task.assignee)
    may_act = may(request.actor, "tasks.act")
    card = task_showing.card_of(task, items, now=now)
    can_be_told = services.can_be_told(task.assignee)
    context = {
        "card": card | {"told": task_wording.told_words(task, can_be_told=can_be_told)},
        "ended": [row for row in card["items"] if row["item"].state != TaskState.OPEN or not may_act],
        "story": task_wording.story(task, list(task_selectors.entries_of(task)), items),
        "done_form": DoneForm(task, still_open),
        "leave_out_form": LeaveOutForm(task, still_open, prefix="leave"),
        "can_be_told": can_be_told,
        "can_hand_on": bool(colleagues),
        **_questions(request, task, colleagues),
        "may_act": may_act,
        "may_manage": may(request.actor, "tasks.manage"),
        "breadcrumbs": _crumbs(request),
        "zone": task.zone,
        **forms,
    }
    return render(request, "messaging/task_detail.html", context, status=status)


def _crumbs(request: WorkspaceRequest) -> list[dict[str, str]]:
    return [{"label": _("To-send list"), "url": reverse("messaging:tasks", args=[request.workspace.slug])}]


def _change(
    request: WorkspaceRequest,
    task: HumanTask,
    change: Callable[..., Any],
    said: str,
    *,
    say: Callable[[WorkspaceRequest, str], None] = messages.success,
    **facts: Any,
) -> HttpResponse:
    """Call the service for this card and say what came of it on the page it was asked on."""
    try:
        change(task=task, **facts, actor=request.actor, now=clock.now())
        say(request, said)
    except DomainError as refusal:
        tell(request, refusal)
    if request.POST.get("back") == "today":
        return redirect("dashboard:today", slug=request.workspace.slug)
    if request.POST.get("back") == "board":
        return redirect("messaging:tasks", slug=request.workspace.slug)
    return redirect("messaging:task", slug=request.workspace.slug, task_id=task.pk)


@page("tasks.manage")
@require_POST
def task_nudge(request: WorkspaceRequest, task_id: int) -> HttpResponse:
    """Tell her once more."""
    task = task_selectors.get_task(request.actor, task_id)
    return _change(request, task, services.nudge_card, _("%(name)s is told once more.") % {"name": task.assignee.name})


@page("tasks.act")
@require_POST
def task_hand_on(request: WorkspaceRequest, task_id: int) -> HttpResponse:
    """Let a colleague do what is still open."""
    task = task_selectors.get_task(request.actor, task_id)
    form = HandOnForm(task_selectors.colleagues_of(task.assignee), request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose a colleague."))
        return redirect("messaging:task", slug=request.workspace.slug, task_id=task.pk)
    to = form.colleague()
    say = messages.warning if services.hears_of_nothing(to) else messages.success
    return _change(request, task, services.hand_on, task_wording.handed_on_words(to), say=say, to=to)


@page("tasks.manage")
@require_POST
def task_withdraw(request: WorkspaceRequest, task_id: int) -> HttpResponse:
    """Take a card back."""
    task = task_selectors.get_task(request.actor, task_id)
    note = request.POST.get("note", "")
    return _change(request, task, services.withdraw_task, _("Withdrawn: nobody has to do it any more."), note=note)


@page("tasks.act")
@require_POST
def task_copy(request: WorkspaceRequest, task_id: int) -> HttpResponse:
    """Fill the words with the values of this moment; the script puts them on the clipboard, else they stand there."""
    task = task_selectors.get_task(request.actor, task_id)
    page_url = reverse("messaging:task", args=[request.workspace.slug, task.pk]) + "#text"
    return task_copying.copy(request, task, actor=request.actor, page_url=page_url, now=clock.now())


@page("tasks.act")
@require_POST
def task_done(request: WorkspaceRequest, task_id: int) -> HttpResponse:
    """Tick what was done, for oneself or for a colleague who said so."""
    task = task_selectors.get_task(request.actor, task_id)
    to_tick = task_selectors.to_tick(task_selectors.items_of(task), request.POST.getlist("items"))
    form = DoneForm(task, to_tick, request.POST, request.FILES)
    if form.is_valid():
        try:
            services.finish_items(
                task=task,
                item_ids=form.item_ids(),
                answers=form.answers(),
                evidence=form.picture.store(task.workspace_id),
                actor=request.actor,
                now=clock.now(),
            )
            count = len(form.item_ids())
            words = ngettext("Noted. This can be undone for ten minutes.",
                             "Noted, %(count)d of them. This can be undone for ten minutes.", count)  # fmt: skip
            messages.success(request, words % {"count": count})
            return redirect("messaging:task", slug=request.workspace.slug, task_id=task.pk)
        except DomainError as refusal:
            form.refuse(refusal)
    form.keep_picture(task.workspace_id)
    return _card(request, task, status=422, done_form=form)


@page("tasks.act")
@require_POST
def task_undo(request: WorkspaceRequest, task_id: int) -> HttpResponse:
    """Take back a tick, or what was left out, of the last ten minutes."""
    task = task_selectors.get_task(request.actor, task_id)
    ids = [item_id] if (item_id := id_in(request.POST, "items")) else []
    return _change(request, task, services.undo_items, _("Undone: it is open again."), item_ids=ids)


@page("tasks.act")
@require_POST
def task_leave_out(request: WorkspaceRequest, task_id: int) -> HttpResponse:
    """Not do the ticked places, and say why; without a tick all that are open, once that was asked back."""
    task = task_selectors.get_task(request.actor, task_id)
    still_open = [item for item in task_selectors.items_of(task) if item.state == TaskState.OPEN]
    form = LeaveOutForm(task, still_open, request.POST, prefix="leave")
    if not form.is_valid():
        return _card(request, task, status=422, leave_out_form=form)
    ids, said = form.item_ids(), task_wording.left_out_words(form.names())
    return _change(request, task, services.leave_out, said, item_ids=ids, note=form.words())


# --- a new card --------------------------------------------------------------------------------------


@page("tasks.manage")
@require_safe
def task_kinds(request: WorkspaceRequest) -> HttpResponse:
    """What a new card can be about."""
    context = {
        "kinds": [{"name": kind.value, "label": kind.label, "hint": task_wording.ABOUT[kind]} for kind in TaskKind],
        "has_people": task_selectors.assignees_visible_to(request.actor).exists(),
        "empty": _nobody(request, may_manage=True),
        "breadcrumbs": _crumbs(request),
    }
    return render(request, "messaging/task_kinds.html", context)


@page("tasks.manage")
def task_new(request: WorkspaceRequest, kind: str) -> HttpResponse:
    """The form of one kind; what is refused stands in it again. To htmx what is known beforehand of what is typed."""
    if kind not in TaskKind.values:
        raise NotFound(_("There is no such kind of work."))
    form = TaskForm(
        kind, request.POST or None, request.FILES or None, actor=request.actor, zone=ZONE, initial=_soon(request)
    )
    if request.htmx and request.method == "POST":
        return render(request, "messaging/_task_warnings.html", {"warnings": _warnings(request, kind, form)})
    if request.method == "POST" and form.is_valid() and (made := _create(request, kind, form)):
        _say_made(request, made, _warnings(request, kind, form, made))
        return redirect("messaging:tasks", slug=request.workspace.slug)
    context = {
        "form": form,
        "warnings": _warnings(request, kind, form),
        "kind_label": TaskKind(kind).label,
        "hint": task_wording.ABOUT[kind],
        "breadcrumbs": [
            *_crumbs(request),
            {"label": _("New task"), "url": reverse("messaging:task_kinds", args=[request.workspace.slug])},
        ],
    }
    return render(request, "messaging/task_form.html", context, status=422 if form.errors else 200)


def _warnings(request: WorkspaceRequest, kind: str, form: TaskForm, made: HumanTask | None = None) -> list[Warned]:
    """What is known beforehand of the card as far as it is typed."""
    due_at = form.typed("due_at")
    if due_at is None:
        return []
    facts = {
        "kind": kind,
        "due_at": due_at,
        "latest_at": form.typed("latest_at"),
        "items": form.items(),
        "zone": ZONE,
        "purpose": form.chosen_purpose(),
    }
    return services.task_warnings(workspace_id=request.workspace.pk, **facts, task=made)


def _say_made(request: WorkspaceRequest, made: HumanTask, warnings: list[Warned]) -> None:
    facts = {"title": made.title, "name": made.assignee.name}
    messages.success(request, _("“%(title)s” is on the list of %(name)s.") % facts)
    for warning in warnings:
        messages.warning(request, warning["message"])


def _soon(request: WorkspaceRequest) -> dict[str, Any]:
    """In a quarter of an hour, for the person there is when there is one."""
    people = list(task_selectors.assignees_visible_to(request.actor)[:2])
    at = clock.now().astimezone(ZoneInfo(ZONE)) + timedelta(minutes=15)
    only = {"assignee": people[0].pk} if len(people) == 1 else {}
    return {"due_at": at.replace(second=0, microsecond=0, tzinfo=None), **only}


def _create(request: WorkspaceRequest, kind: str, form: TaskForm) -> HumanTask | None:
    data = form.cleaned_data
    try:
        upload = data.get("image")
        due_at = form.moment("due_at")
        assert due_at is not None
        facts = {
            "assignee": data["assignee"],
            "kind": kind,
            "title": data["title"],
            "text": data["text"],
            "items": form.items(),
            "due_at": due_at,
            "latest_at": form.moment("latest_at"),
            "facts": form.facts(),
            "zone": ZONE,
            "purpose": form.chosen_purpose(),
        }

        def make() -> int:
            image = assets.store_image(upload, workspace_id=request.workspace.pk) if upload else None
            return services.create_task(**facts, image=image, actor=request.actor, now=clock.now()).pk

        return task_selectors.get_task(request.actor, once_per_form(request, actor=request.actor, run=make))
    except DomainError as refusal:
        form.refuse(refusal)
        return None
