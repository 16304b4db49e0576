"""限时抢购: list, new with its plan, and 抢购现场."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.errors import DomainError
from community_ops.common.models import AuditEntry
from conversion import guards, selectors, services
from conversion.forms import MoveForm, ReasonForm, SaleForm, default_zone, same_minute, wall_time
from conversion.models import FlashSale, SaleState
from conversion.policies import SaleMoment
from conversion.selectors import LogLine
from conversion.services import SaleTerms
from conversion.views import ladder
from conversion.views.orders import order_row
from conversion.views.paging import page_of
from conversion.wording import window_words
from groups.selectors import groups_visible_to

LIVE_ORDERS = 30
LOG_ENTRIES = 20
_RUNNING = (SaleMoment.SCHEDULED, SaleMoment.OPEN, SaleMoment.SOLD_OUT, SaleMoment.PAUSED)


@page("sales.view")
@require_safe
def sale_list(request: WorkspaceRequest) -> HttpResponse:
    """All sales, newest first, with their real numbers."""
    now = clock.now()
    rows = selectors.with_counts(selectors.flash_sales_visible_to(request.actor), now=now)
    shown, pager = page_of(request, rows)
    new_url = reverse("conversion:sale_new", args=[request.workspace.slug])
    may_manage = may(request.actor, "sales.manage")
    context = {
        "rows": [_facts(sale, now) for sale in shown],
        "pager": pager,
        "may_manage": may_manage,
        "new_url": new_url,
        "empty": {
            "icon": "bolt",
            "title": _("No flash sale yet"),
            "text": _("A product, a window, real stock: the countdown messages come with it."),
            "action_url": new_url if may_manage else "",
            "action_label": _("New flash sale"),
        },
    }
    return render(request, "conversion/sale_list.html", context)


@page("sales.manage")
@require_http_methods(["GET", "POST"])
def sale_new(request: WorkspaceRequest) -> HttpResponse:
    """The form of a new sale. `action=preview` shows its plan and writes nothing; else a draft is made."""
    now = clock.now()
    context = {"title": _("New flash sale"), "breadcrumbs": [_crumb(request)]}
    if (missing := _missing(request)) is not None:
        return render(request, "conversion/sale_form.html", context | {"missing": missing})
    form = SaleForm(request.POST or None, actor=request.actor, initial=_proposal(request, now))
    return _form_page(request, form, services.create_flash_sale, context, now=now)


@page("sales.manage")
@require_http_methods(["GET", "POST"])
def sale_edit(request: WorkspaceRequest, sale_id: int) -> HttpResponse:
    """A draft in the same form, with the same checks."""
    now = clock.now()
    sale = selectors.get_flash_sale(request.actor, sale_id, now=now)
    if sale.state != SaleState.DRAFT:
        messages.error(request, _("Only a draft can be edited."))
        return _back(request, sale)
    form = SaleForm(request.POST or None, actor=request.actor, stored=services.terms_of(sale))
    crumbs = [_crumb(request), {"label": sale.name, "url": _detail_url(request, sale)}]
    context = {"title": _("Edit the draft"), "breadcrumbs": crumbs}
    write = partial(services.update_flash_sale_draft, sale=sale)
    return _form_page(request, form, write, context, link=guards.sale_link(sale), now=now)


@page("sales.view")
@require_safe
def sale_detail(request: WorkspaceRequest, sale_id: int) -> HttpResponse:
    """抢购现场. htmx asks the same address every 2 s for the live part, every 15 s for the ladder."""
    now = clock.now()
    sale = selectors.get_flash_sale(request.actor, sale_id, now=now)
    if request.htmx.target == "ladder":
        steps = ladder.of_sale(sale, request.actor, now=now)
        return render(request, "conversion/_ladder.html", {"steps": steps})
    context = _live(request, sale, now)
    if request.htmx:
        return render(request, "conversion/_sale_live.html", context)
    context |= _before(sale, now) if sale.state == SaleState.DRAFT else {}
    context |= {
        "breadcrumbs": [_crumb(request)],
        "public_url": guards.sale_link(sale),
        "dialogs": _dialogs(request, sale, context) if context["may_sell"] else [],
        "steps": ladder.of_sale(sale, request.actor, now=now),
        "log": [_logged(line, context["zone"]) for line in selectors.sale_log(sale, at_most=LOG_ENTRIES)],
        "log_empty": {"title": _("Nothing was done yet")},
        "is_draft": sale.state == SaleState.DRAFT,
        "registration": _registration_dialog(request, sale, context["moment"]) if context["may_sell"] else None,
    }
    return render(request, "conversion/sale_detail.html", context)


def _before(sale: FlashSale, now: datetime) -> dict[str, Any]:
    """What is known of a draft beforehand: what is worth a look, and what its messages would take."""
    terms = services.terms_of(sale)
    return {
        "warnings": _warnings(terms, now),
        "forecast": ladder.foreseen(terms, link=guards.sale_link(sale), now=now),
    }


@page("sales.manage")
@require_POST
def sale_schedule(request: WorkspaceRequest, sale_id: int) -> HttpResponse:
    """Put the draft on; warnings are shown, they stop nothing."""
    sale = selectors.get_flash_sale(request.actor, sale_id, now=clock.now())
    try:
        for warning in services.schedule_flash_sale(sale=sale, actor=request.actor, now=clock.now()):
            messages.warning(request, warning["message"])
        messages.success(request, _("Scheduled: the sale opens by itself and its messages are planned."))
    except DomainError as refusal:
        tell(request, refusal)
    return _back(request, sale)


@page("sales.manage")
@require_POST
def sale_pause(request: WorkspaceRequest, sale_id: int) -> HttpResponse:
    return _change(request, sale_id, services.pause_flash_sale, _("Paused: nobody can buy until you go on."))


@page("sales.manage")
@require_POST
def sale_resume(request: WorkspaceRequest, sale_id: int) -> HttpResponse:
    return _change(request, sale_id, services.resume_flash_sale, _("The sale goes on."))


@page("sales.manage")
@require_POST
def sale_cancel(request: WorkspaceRequest, sale_id: int) -> HttpResponse:
    return _change(request, sale_id, services.cancel_flash_sale, _("The sale was cancelled, its messages are stopped."))


@page("sales.manage")
@require_POST
def sale_registration(request: WorkspaceRequest, sale_id: int) -> HttpResponse:
    """Let whoever has the link register (`allowed=1`), or only members with their personal link buy."""
    sale = selectors.get_flash_sale(request.actor, sale_id, now=clock.now())
    allowed = request.POST.get("allowed") == "1"
    try:
        services.set_registration(sale=sale, allowed=allowed, actor=request.actor, now=clock.now())
        messages.success(request, _("Registration is on.") if allowed else _("Registration is off."))
    except DomainError as refusal:
        tell(request, refusal)
    return _back(request, sale)


@page("sales.manage")
@require_http_methods(["GET", "POST"])
def sale_move(request: WorkspaceRequest, sale_id: int) -> HttpResponse:
    """New times; the ladder moves with the sale."""
    now = clock.now()
    sale = selectors.get_flash_sale(request.actor, sale_id, now=now)
    zone = sale.community.timezone
    initial = {name: wall_time(getattr(sale, name), zone) for name in ("starts_at", "ends_at")}
    form = MoveForm(request.POST or None, zone=ZoneInfo(zone), initial=initial)
    if request.method == "POST" and form.is_valid() and _move(request, sale, form, now):
        messages.success(request, _("Moved, and the messages with it."))
        return _back(request, sale)
    crumbs = [_crumb(request), {"label": sale.name, "url": _detail_url(request, sale)}]
    context = {"form": form, "sale": sale, "zone": zone, "breadcrumbs": crumbs}
    return render(request, "conversion/sale_move.html", context, status=422 if form.errors else 200)


def _facts(sale: FlashSale, now: datetime) -> dict[str, Any]:
    """What every piece about a sale shows."""
    counts = selectors.counts_of(sale)
    return {
        "sale": sale,
        "item": sale.items.all()[0],
        "moment": str(selectors.moment_of(sale, now=now)),
        "state_shown": selectors.state_shown(sale, now=now),
        "gauge": {"sold": counts.sold, "held": counts.held, "left": counts.left},
        "counts": counts,
        "zone": sale.community.timezone,
        "window": window_words(sale.starts_at, sale.ends_at, sale.community.timezone),
    }


def _live(request: WorkspaceRequest, sale: FlashSale, now: datetime) -> dict[str, Any]:
    rows = selectors.orders_visible_to(request.actor).filter(sale=sale).order_by("-id")
    is_before = now < sale.starts_at
    return {
        **_facts(sale, now),
        "now": now,
        "is_before": is_before,
        "clock_until": sale.starts_at if is_before else sale.ends_at,
        "refusals": _refusals(sale, now),
        "rows": [order_row(order, request.workspace.slug, now, request.actor) for order in rows[:LIVE_ORDERS]],
        "may_manage": may(request.actor, "orders.manage"),
        "may_sell": may(request.actor, "sales.manage"),
        "empty": _no_order(selectors.moment_of(sale, now=now)),
    }


def _no_order(moment: SaleMoment) -> dict[str, str]:
    if moment in (SaleMoment.ENDED, SaleMoment.CANCELLED):
        return {"icon": "bolt", "title": _("No order"), "text": _("This sale is over: no order comes any more.")}
    return {"icon": "bolt", "title": _("No order yet"), "text": _("New orders appear here by themselves.")}


def _refusals(sale: FlashSale, now: datetime) -> list[dict[str, Any]]:
    """Who was turned away or ran out of time, in the order a buyer meets it."""
    counts = selectors.refusal_counts(sale)
    expired = selectors.order_state_counts(sale, now=now).get("expired", 0)
    return [
        {"label": _("Not open yet"), "count": counts.get("not_open", 0)},
        {"label": pgettext("refusal", "During a pause"), "count": counts.get("paused", 0)},
        {"label": _("Over the limit"), "count": counts.get("limit", 0)},
        {"label": pgettext("refusal", "Fewer left than asked for"), "count": counts.get("few_left", 0)},
        {"label": _("Sold out already"), "count": counts.get("sold_out", 0)},
        {"label": _("Not paid in time"), "count": expired},
    ]


def _dialogs(request: WorkspaceRequest, sale: FlashSale, known: dict[str, Any]) -> list[dict[str, Any]]:
    """The questions before each action that is possible now; the page makes a button of each.

    `known`: the page's `moment`, and of a draft what `_before` says.
    """
    moment = known["moment"]
    groups = [target.group.name for target in sale.targets.all()]
    found = []
    if moment == SaleMoment.DRAFT:
        text = _("It opens by itself. It has no ladder: no message is sent by itself. It is for these groups:")
        if sale.playbook_id is not None:
            text = _("It opens by itself. Its messages go to these groups:")
        warned = [{"label": _("Please note"), "value": words} for words in known["warnings"]]
        forecast = known["forecast"] and replace(known["forecast"], steps=())  # those stand on the page
        found.append(
            _dialog(
                request, sale, "schedule", _schedule_label(), title=_("Schedule this sale?"),
                text=text, names=groups, facts=warned, forecast=forecast,
            )
        )  # fmt: skip
    if moment in (SaleMoment.SCHEDULED, SaleMoment.OPEN) or (moment == SaleMoment.SOLD_OUT and _may_come_back(sale)):
        text = _(
            "Nobody can buy until you go on. What is held can still be paid. Members see that it is paused. Messages"
            " that fall due during the pause are dropped: they are not sent afterwards either."
        )
        found.append(
            _dialog(request, sale, "pause", _("Pause"), title=_("Pause this sale?"), text=text, needs_reason=True)
        )
    if moment == SaleMoment.PAUSED:
        found.append(_dialog(request, sale, "resume", _("Go on"), title=_("Go on with this sale?"), needs_reason=True))
    if moment in (*_RUNNING, SaleMoment.DRAFT):
        count = services.held_order_count(sale)
        text = ngettext(
            "Its messages are stopped and %(count)d order that waits for payment is cancelled. The groups are not told"
            " by themselves: please write to them.",
            "Its messages are stopped and %(count)d orders that wait for payment are cancelled. The groups are not"
            " told by themselves: please write to them.",
            count,
        )
        found.append(
            _dialog(
                request, sale, "cancel", _("Cancel the sale"), title=_("Cancel this sale?"), needs_reason=True,
                text=text % {"count": count}, is_bad=True,
            )
        )  # fmt: skip
    return found


def _may_come_back(sale: FlashSale) -> bool:
    """Of a sold-out sale: whether pieces are only held, so that there still is something to pause."""
    return selectors.counts_of(sale).held > 0


def _registration_dialog(request: WorkspaceRequest, sale: FlashSale, moment: str) -> dict[str, Any] | None:
    """The question before registration is switched, while the sale is on or will be; a draft is edited instead."""
    if moment not in _RUNNING:
        return None
    if sale.allow_registration:
        label, title = _("Turn registration off"), _("Turn registration off?")
        text = _("From then on only members with their personal link can buy. Who has registered stays a member.")
    else:
        label, title = _("Turn registration on"), _("Turn registration on?")
        text = _(
            "Whoever has the link can register with name and phone, and buy. Who registers becomes a member; whoever"
            " gives the name and phone of a member is taken for that member."
        )
    hidden = {"allowed": "" if sale.allow_registration else "1"}
    return _dialog(request, sale, "registration", label, title=title, text=text, hidden=hidden)


def _dialog(request: WorkspaceRequest, sale: FlashSale, verb: str, label: str, **more: Any) -> dict[str, Any]:
    url = reverse(f"conversion:sale_{verb}", args=[request.workspace.slug, sale.pk])
    return {"id": f"ask-{verb}", "action": url, "confirm_label": label, "label": label, **more}


def _logged(line: LogLine, zone: str) -> dict[str, Any]:
    """A line of the record; one about an order names it and its buyer, a move its times."""
    entry, order = line.entry, line.order
    words = {
        "flash_sale.created": _("Draft made"),
        "flash_sale.edited": _("Draft edited"),
        "flash_sale.scheduled": _("Scheduled"),
        "flash_sale.moved": _("Moved"),
        "flash_sale.paused": _("Paused"),
        "flash_sale.resumed": _("Gone on"),
        "flash_sale.cancelled": _("Cancelled"),
        "flash_sale.registration_opened": _("Registration turned on"),
        "flash_sale.registration_closed": _("Registration turned off"),
        "order.paid": pgettext("done to an order", "marked as paid"),
        "order.paid_late": pgettext("done to an order", "marked as paid, after its time"),
        "order.cancelled": pgettext("done to an order", "cancelled"),
        "order.accepted": pgettext("done to an order", "late payment accepted"),
        "order.refunded": pgettext("done to an order", "marked as refunded"),
        "order.fulfilled": pgettext("done to an order", "marked as delivered"),
    }
    title = words.get(entry.verb, entry.verb)
    if order is not None:
        about = {"number": order.pk, "name": order.member.display_name, "done": title}
        title = _("Order %(number)d of %(name)s: %(done)s") % about
    return {
        "at": entry.at,
        "title": title,
        "text": _moved_words(entry, zone) if entry.verb == "flash_sale.moved" else entry.reason,
        "actor": entry.actor_label,
    }


def _moved_words(entry: AuditEntry, zone: str) -> str:
    """From when to when a sale was moved, and why."""
    before, after = (
        window_words(datetime.fromisoformat(times["starts_at"]), datetime.fromisoformat(times["ends_at"]), zone)
        for times in (entry.before, entry.after)
    )
    return f"{before} → {after}" + (f" · {entry.reason}" if entry.reason else "")


def _proposal(request: WorkspaceRequest, now: datetime) -> dict[str, Any]:
    """A first guess: the next full hour for one hour, the built-in ladder. Whom it reaches is chosen by hand."""
    group = groups_visible_to(request.actor).order_by("-community_id", "id").first()
    zone = group.zone.key if group else default_zone()
    start = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return {
        "starts_at": wall_time(start, zone),
        "ends_at": wall_time(start + timedelta(hours=1), zone),
        "playbook": services.default_playbook(workspace_id=request.workspace.pk, now=now).pk,
        "product": request.GET.get("product"),
    }


def _zone_of_form(form: SaleForm) -> str:
    chosen = getattr(form, "cleaned_data", {}).get("groups")
    return str(chosen[0].zone.key) if chosen else ""


def _missing(request: WorkspaceRequest) -> dict[str, str] | None:
    """What a sale needs and the workspace has not got yet, with the way there."""
    if not selectors.products_visible_to(request.actor).exists():
        return {
            "icon": "shopping-bag",
            "title": _("Add a product first: a sale sells one."),
            "action_url": reverse("conversion:product_list", args=[request.workspace.slug]),
            "action_label": _("Products"),
        }
    if not groups_visible_to(request.actor).exists():
        return {
            "icon": "user-group",
            "title": _("Add a group first: a sale takes place in one or more."),
            "action_url": reverse("groups:group_list", args=[request.workspace.slug]),
            "action_label": _("Groups"),
        }
    return None


def _form_page(
    request: WorkspaceRequest,
    form: SaleForm,
    write: Callable[..., FlashSale],
    context: dict[str, Any],
    *,
    link: str = "",
    now: datetime,
) -> HttpResponse:
    """`action=preview` shows the plan of what was typed, anything else writes it."""
    if request.method == "POST" and form.is_valid():
        is_preview = request.POST.get("action") == "preview"
        try:
            if not is_preview:
                sale = write(terms=form.terms(), actor=request.actor, now=now)
                label = {"button": _schedule_label()}
                messages.success(request, _("The draft is saved. Look at the plan, then press “%(button)s”.") % label)
                return _back(request, sale)
            context |= _preview(form.terms(), link, now)
        except DomainError as refusal:
            form.refuse(refusal)
    context |= {"form": form, "zone": _zone_of_form(form)}
    return render(request, "conversion/sale_form.html", context, status=422 if form.errors else 200)


def _preview(terms: SaleTerms, link: str, now: datetime) -> dict[str, Any]:
    """The plan, refused exactly where saving would be."""
    services.refuse_bad_sale(terms=terms, now=now)
    return {
        "plan": ladder.planned(terms, link=link, now=now),
        "warnings": _warnings(terms, now),
        "forecast": ladder.foreseen(terms, link=link, now=now),
    }


def _warnings(terms: SaleTerms, now: datetime) -> list[str]:
    """What is worth knowing before these terms are scheduled, and what of the plan send rules would hold back."""
    found = services.terms_warnings(terms)
    return [*(str(warning["message"]) for warning in found), *ladder.held_back(terms, now=now)]


def _schedule_label() -> str:
    return pgettext("sale", "Schedule")


def _move(request: WorkspaceRequest, sale: FlashSale, form: MoveForm, now: datetime) -> bool:
    data = form.cleaned_data
    starts_at = sale.starts_at if same_minute(data["starts_at"], sale.starts_at) else data["starts_at"]
    try:
        services.reschedule_flash_sale(
            sale=sale,
            starts_at=starts_at,
            ends_at=sale.ends_at if same_minute(data["ends_at"], sale.ends_at) else data["ends_at"],
            reason=data["reason"],
            actor=request.actor,
            now=now,
        )
    except DomainError as refusal:
        form.refuse(refusal)
        return False
    return True


def _change(request: WorkspaceRequest, sale_id: int, change: Callable[..., FlashSale], done: str) -> HttpResponse:
    sale = selectors.get_flash_sale(request.actor, sale_id, now=clock.now())
    form = ReasonForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Please give a reason."))
        return _back(request, sale)
    try:
        change(sale=sale, reason=form.cleaned_data["reason"], actor=request.actor, now=clock.now())
        messages.success(request, done)
    except DomainError as refusal:
        tell(request, refusal)
    return _back(request, sale)


def _back(request: WorkspaceRequest, sale: FlashSale) -> HttpResponse:
    return redirect("conversion:sale_detail", slug=request.workspace.slug, sale_id=sale.pk)


def _detail_url(request: WorkspaceRequest, sale: FlashSale) -> str:
    return reverse("conversion:sale_detail", args=[request.workspace.slug, sale.pk])


def _crumb(request: WorkspaceRequest) -> dict[str, str]:
    return {"label": _("Flash sales"), "url": reverse("conversion:sale_list", args=[request.workspace.slug])}
