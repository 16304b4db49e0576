"""The phone pages of work by hand: the personal link /t/<code>, the list /t/ and its cards /t/<id>/.

They work without script, without an account, and with one hand. Every change answers with a page: a refusal is
said on it, and what was typed stands there again.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from community_ops.accounts.pages import tell_undoable
from community_ops.common import clock
from community_ops.common.errors import DomainError, InvalidInput, NotFound
from community_ops.common.throttle import Limit, page_if_over, too_many_from
from messaging import services, task_copying, task_selectors, task_showing, task_wording
from messaging.assignee_links import actor_of, current_assignee, forget_link, remember_link
from messaging.models import Assignee, HumanTask, TaskState
from messaging.task_forms import DoneForm, HandOnForm, LeaveOutForm

P = ParamSpec("P")
PersonView = Callable[Concatenate[HttpRequest, Assignee, P], HttpResponse]
CardView = Callable[[HttpRequest, Assignee, HumanTask], HttpResponse]


def of_person(view: PersonView[P]) -> Callable[..., HttpResponse]:
    """Find the person behind the cookie; without one, say how to come back. Too often in a minute is 429."""

    @never_cache
    @wraps(view)
    def run(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        person = current_assignee(request)
        if person is None:
            return render(request, "public/task_nobody.html", status=403)
        if refusal := page_if_over(Limit.LINK, f"assignee:{person.pk}", now=clock.now()):
            return refusal
        return view(request, person, *args, **kwargs)

    return run


def of_card(view: CardView) -> Callable[..., HttpResponse]:
    """Find her card, or 404: also for a colleague's."""

    @of_person
    @wraps(view)
    def run(request: HttpRequest, person: Assignee, task_id: int) -> HttpResponse:
        try:
            task = task_selectors.get_task(actor_of(person), task_id)
        except NotFound:
            raise Http404 from None
        return view(request, person, task)

    return run


@never_cache
@require_safe
def open_link(request: HttpRequest, code: str) -> HttpResponse:
    """Exchange a personal link for a cookie and go on to the list."""
    person, now = task_selectors.find_by_code(code), clock.now()
    if person is None:
        return too_many_from(request, now=now) or render(request, "public/task_link_unknown.html", status=404)
    if refusal := page_if_over(Limit.LINK, f"assignee:{person.pk}", now=now):
        return refusal
    services.note_link_use(assignee=person, now=now)
    response = HttpResponseRedirect(reverse("messaging:my_tasks"))
    remember_link(response, person)
    return response


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Forget the link in this browser; the link itself stays good."""
    response = redirect("messaging:my_tasks")
    forget_link(response)
    return response


# --- the list ----------------------------------------------------------------------------------------


@require_safe
@of_person
def my_tasks(request: HttpRequest, person: Assignee) -> HttpResponse:
    """What is to do now, later, and what ended today; with `X-Fragment: 1` only the list."""
    now = clock.now()
    services.note_link_use(assignee=person, now=now)
    found = task_selectors.cards_of(person, now=now)
    context = {
        "person": person,
        "due": task_showing.rows_of(found.due, now=now),
        "later": _later(person, found.later, now),
        "done": [task_showing.row_of(task, now=now) for task in found.done],
        "now": now,
    }
    is_piece = bool(request.headers.get("X-Fragment"))
    return render(request, "public/_task_list.html" if is_piece else "public/task_list.html", context)


def _later(person: Assignee, cards: list[HumanTask], now: datetime) -> list[dict[str, Any]]:
    """Open cards that are not due yet, and touches that will become cards, by time."""
    rows = [_ahead(row["task"], row) for row in task_showing.later_rows_of(cards, now=now)]
    rows += [
        _ahead(coming, task_showing.upcoming_row(coming, now=now))
        for coming in task_selectors.upcoming_of(person, now=now)
    ]
    return sorted(rows, key=lambda row: row["at"])


def _ahead(coming: HumanTask | task_selectors.Upcoming, row: dict[str, Any]) -> dict[str, Any]:
    """Its time is told in its own zone, as on its card."""
    return row | {"at": coming.due_at, "zone": coming.zone, "title": coming.title}


# --- a card ------------------------------------------------------------------------------------------


@require_safe
@of_card
def my_task(request: HttpRequest, person: Assignee, task: HumanTask) -> HttpResponse:
    """The card: copy, tick, leave out, hand on. `?send=now` is the answer to "still send it?"."""
    services.open_card(task=task, now=clock.now())
    return _card(request, person, task)


def _card(request: HttpRequest, person: Assignee, task: HumanTask, status: int = 200, **forms: Any) -> HttpResponse:
    """The card's page; `forms` bring back what was typed where it was refused."""
    now, items = clock.now(), task_selectors.items_of(task)
    still_open = [item for item in items if item.state == TaskState.OPEN]
    colleagues = task_selectors.colleagues_of(person)
    card = task_showing.card_of(task, items, now=now)
    is_over = bool(card["late"] or card["past_latest"])
    context = {
        "person": person,
        "card": card,
        "is_asked": is_over and not card["is_held"] and request.GET.get("send") != "now",
        "done_form": DoneForm(task, still_open),
        "leave_out_form": LeaveOutForm(task, still_open, prefix="leave"),
        "hand_on_form": HandOnForm(colleagues) if colleagues else None,
        "deputy": person.deputy,
        "zone": task.zone,
        **forms,
    }
    return render(request, "public/task_card.html", context, status=status)


@require_POST
@of_card
def copy(request: HttpRequest, person: Assignee, task: HumanTask) -> HttpResponse:
    """Fill the words with the values of this moment; the script puts them on the clipboard, else they stand there."""
    page_url = reverse("messaging:my_task", args=[task.pk]) + "?send=now#text"
    return task_copying.copy(request, task, actor=actor_of(person), page_url=page_url, now=clock.now())


@require_POST
@of_card
def done(request: HttpRequest, person: Assignee, task: HumanTask) -> HttpResponse:
    """Tick what she has done. A refused form stands there again with everything in it, the picture too."""
    to_tick = task_selectors.to_tick(task_selectors.items_of(task), request.POST.getlist("items"))
    if not to_tick:
        messages.info(request, _("Nothing on this card is open."))
        return redirect("messaging:my_task", task_id=task.pk)
    form = DoneForm(task, to_tick, request.POST, request.FILES)
    if form.is_valid() and (finished := _finish(person, task, form)) is not None:
        if any(item.pk in form.item_ids() and item.state == TaskState.WITHDRAWN for item in to_tick):
            messages.warning(request, task_wording.said_after_words())
        return _after_done(request, finished, form)
    form.keep_picture(task.workspace_id)
    return _card(request, person, task, status=422, done_form=form, is_asked=False)


def _finish(person: Assignee, task: HumanTask, form: DoneForm) -> HumanTask | None:
    try:
        return services.finish_items(
            task=task,
            item_ids=form.item_ids(),
            answers=form.answers(),
            evidence=form.picture.store(task.workspace_id),
            actor=actor_of(person),
            now=clock.now(),
        )
    except DomainError as refusal:
        form.refuse(refusal)
        return None


def _after_done(request: HttpRequest, task: HumanTask, form: DoneForm) -> HttpResponse:
    """The card while something of it is open, else the list; both offer to take it back for ten minutes."""
    count = len(form.item_ids())
    words = ngettext("Noted. This can be undone for ten minutes.",
                     "Noted, %(count)d of them. This can be undone for ten minutes.", count)  # fmt: skip
    return _said(request, task, words % {"count": count}, form.item_ids())


def _said(request: HttpRequest, task: HumanTask, words: str, item_ids: Iterable[int]) -> HttpResponse:
    """The card while something of it is open: each place that ended has its own way back there. Else the list, where
    the words bring a button for all of them."""
    if task.state == TaskState.OPEN:
        messages.success(request, words)
        return redirect(reverse("messaging:my_task", args=[task.pk]) + "?send=now")
    query = urlencode({"items": list(item_ids)}, doseq=True)
    tell_undoable(request, words, f"{reverse('messaging:my_task_undo', args=[task.pk])}?{query}")
    return redirect("messaging:my_tasks")


@require_POST
@of_card
def undo(request: HttpRequest, person: Assignee, task: HumanTask) -> HttpResponse:
    """Take back ticks, and what was left out, of the last ten minutes."""
    named = request.POST.getlist("items") or request.GET.getlist("items")
    ids = [int(raw) for raw in named if raw.isascii() and raw.isdigit() and len(raw) < 19]
    try:
        services.undo_items(task=task, item_ids=ids, actor=actor_of(person), now=clock.now())
        messages.success(request, _("Undone: it is open again."))
    except DomainError as refusal:
        messages.error(request, str(refusal.message))
    return redirect("messaging:my_task", task_id=task.pk)


@require_POST
@of_card
def leave_out(request: HttpRequest, person: Assignee, task: HumanTask) -> HttpResponse:
    """Not do the ticked places, and say why; without a tick all that are open, once that was asked back."""
    still_open = [item for item in task_selectors.items_of(task) if item.state == TaskState.OPEN]
    form = LeaveOutForm(task, still_open, request.POST, prefix="leave")
    if form.is_valid():
        try:
            ids, note = form.item_ids(), form.words()
            left = services.leave_out(task=task, item_ids=ids, note=note, actor=actor_of(person), now=clock.now())
            ended = ids if ids is not None else [item.pk for item in still_open]
            return _said(request, left, task_wording.left_out_words(form.names()), ended)
        except InvalidInput as refusal:
            form.refuse(refusal)
        except DomainError as refusal:
            messages.error(request, str(refusal.message))
            return redirect("messaging:my_task", task_id=task.pk)
    return _card(request, person, task, status=422, leave_out_form=form, is_asked=False)


@require_POST
@of_card
def hand_on(request: HttpRequest, person: Assignee, task: HumanTask) -> HttpResponse:
    """Give what is still open to a colleague; she is told at once."""
    form = HandOnForm(task_selectors.colleagues_of(person), request.POST)
    if not form.is_valid():
        return _card(request, person, task, status=422, hand_on_form=form, is_asked=False)
    to = form.colleague()
    try:
        services.hand_on(task=task, to=to, actor=actor_of(person), now=clock.now())
        say = messages.warning if services.hears_of_nothing(to) else messages.success
        say(request, task_wording.handed_on_words(to))
    except DomainError as refusal:
        messages.error(request, str(refusal.message))
    return redirect("messaging:my_tasks")
