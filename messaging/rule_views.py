"""Page: 发送规则, what holds messages back (quiet hours, holidays, caps) and what it never holds."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from community_ops.accounts.pages import WorkspaceRequest, page
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.actors import Actor
from community_ops.common.errors import DomainError, NotFound
from community_ops.common.forms import RefusableForm
from community_ops.common.once import once_per_form
from community_ops.common.tenancy import get_row
from messaging import selectors, services, wording
from messaging.forms import FrequencyCapForm, HolidayForm, QuietHoursForm
from messaging.models import FrequencyCap, Holiday, QuietHours
from messaging.policies import EXEMPTIONS
from messaging.showing import joined

Rule: TypeAlias = QuietHours | Holiday | FrequencyCap


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of rule on the page."""

    title: str | Promise
    explanation: str | Promise
    form: type[RefusableForm]
    rows: Callable[[Actor], QuerySet]
    create: Callable[..., Rule]


KINDS = {
    "quiet-hours": Kind(
        gettext_lazy("Quiet hours"),
        gettext_lazy("By the clock of each group. What is due then is not sent, and says so."),
        QuietHoursForm,
        selectors.quiet_hours,
        services.create_quiet_hours,
    ),
    "holidays": Kind(
        gettext_lazy("Holidays"),
        gettext_lazy("Days on which nothing is sent."),
        HolidayForm,
        selectors.holidays,
        services.create_holiday,
    ),
    "frequency-caps": Kind(
        gettext_lazy("Daily caps"),
        gettext_lazy("How many messages one group gets at most. The first ones of a day go out, the rest do not."),
        FrequencyCapForm,
        selectors.frequency_caps,
        services.create_frequency_cap,
    ),
}


@page("send_rules.view")
@require_safe
def send_rules(request: WorkspaceRequest) -> HttpResponse:
    """All rules, each kind with its form for whoever may add one."""
    return _page(request)


@page("send_rules.manage")
@require_POST
def send_rule_new(request: WorkspaceRequest, kind: str) -> HttpResponse:
    """Add a rule; a refused one stands in its form again."""
    chosen = _kind(kind)
    form = chosen.form(request.POST, auto_id=f"{kind}-%s")
    if form.is_valid() and (rule := _made(request, chosen, form)) is not None:
        messages.success(request, _("The rule holds from now on."))
        _warn(request, rule)
        return redirect("messaging:send_rules", slug=request.workspace.slug)
    return _page(request, {kind: form})


@page("send_rules.manage")
@require_http_methods(["GET", "POST"])
def send_rule_archive(request: WorkspaceRequest, kind: str, rule_id: int) -> HttpResponse:
    """Take a rule away. GET asks first and says what it holds back at present."""
    rule = _rule(request, _kind(kind), rule_id)
    if request.method == "GET":
        return _ask(request, _kind(kind), rule)
    services.archive_rule(rule=rule, actor=request.actor, now=clock.now())
    messages.success(request, _("The rule was removed."))
    return redirect("messaging:send_rules", slug=request.workspace.slug)


def _ask(request: WorkspaceRequest, kind: Kind, rule: Rule) -> HttpResponse:
    """The question as a page; with script its form is fetched into the place on the page of the rules."""
    said = wording.rule_words(rule)
    dialog = {
        "id": "rule-question",
        "title": _("Remove this rule?"),
        "text": joined(
            services.rule_words_now(rule=rule, now=clock.now()),
            _("Without it such messages go out at their time. What it has kept already is not sent afterwards."),
        ),
        "facts": [{"label": str(kind.title), "value": f"{said['what']} · {said['when']}"}],
        "action": request.path,
        "confirm_label": pgettext("button", "Remove the rule"),
        "is_bad": True,
    }
    crumbs = [{"label": _("Send rules"), "url": reverse("messaging:send_rules", args=[request.workspace.slug])}]
    return render(request, "messaging/delivery_question.html", {"dialog": dialog, "breadcrumbs": crumbs})


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise NotFound(_("There is no such rule."))
    return KINDS[name]


def _rule(request: WorkspaceRequest, kind: Kind, rule_id: int) -> Rule:
    found: Rule = get_row(kind.rows(request.actor), rule_id, _("There is no such rule."))
    return found


def _made(request: WorkspaceRequest, kind: Kind, form: RefusableForm) -> Rule | None:
    facts = {"workspace_id": request.workspace.pk, **form.cleaned_data, "actor": request.actor, "now": clock.now()}
    try:
        made_id = once_per_form(request, actor=request.actor, run=lambda: kind.create(**facts).pk)
        return _rule(request, kind, made_id)
    except DomainError as refusal:
        form.refuse(refusal)
        return None


def _warn(request: WorkspaceRequest, rule: Rule) -> None:
    """Say what a new rule holds back, of the plan with the way to the calendar, which marks it, of cards to theirs."""
    slug = request.workspace.slug
    ways = {
        services.HOLDS_PLANNED: (reverse("campaigns:calendar", args=[slug]), _("See which in the calendar")),
        services.HOLDS_CARDS: (reverse("messaging:tasks", args=[slug]), _("See the to-send list")),
    }
    for warning in services.rule_warnings(rule=rule, now=clock.now()):
        link = format_html('<a href="{}">{}</a>', *ways[warning["code"]])
        messages.warning(request, format_html("{} {}", warning["message"], link))


def _fresh(name: str, kind: Kind, today: date) -> RefusableForm:
    return kind.form(initial={"from_on": today}, auto_id=f"{name}-%s")


def _page(request: WorkspaceRequest, refused: dict[str, RefusableForm] | None = None) -> HttpResponse:
    refused = refused or {}
    may_manage = may(request.actor, "send_rules.manage")
    today = clock.now().astimezone(ZoneInfo(settings.DEFAULT_COMMUNITY_TIMEZONE)).date()
    kinds = [
        {
            "name": name,
            "kind": kind,
            "rules": [{"rule": rule, "words": wording.rule_words(rule)} for rule in kind.rows(request.actor)],
            "form": refused.get(name) or (_fresh(name, kind, today) if may_manage else None),
            "is_open": name in refused,
        }
        for name, kind in KINDS.items()
    ]
    context = {"kinds": kinds, "exemptions": list(EXEMPTIONS.values())}
    return render(request, "messaging/send_rules.html", context, status=422 if refused else 200)
