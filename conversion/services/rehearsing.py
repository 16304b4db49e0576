"""What scheduling a sale would say and take, before it is done. Reads only."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from campaigns import services as campaigns
from community_ops.common.errors import InvalidTransition
from community_ops.common.placeholders import fill, names_in
from conversion import policies
from conversion.guards import planned_values, sale_link
from conversion.models import FlashSale, SaleState
from conversion.services.sales import SaleTerms, find_run, schedule_warnings, terms_of, terms_warnings
from groups.services import Warned

if TYPE_CHECKING:
    from campaigns.services import PlanForecast, PlannedTouch


def planned_touches(terms: SaleTerms, *, link: str, now: datetime) -> list["PlannedTouch"]:
    """The ladder these terms would get, its words filled with what is known before the sale; a name nobody knows
    stays in its braces. `link`: of the sale's page, empty before there is one."""
    if terms.playbook is None:
        return []
    touches = campaigns.preview_run(
        playbook=terms.playbook, starts_at=terms.starts_at, ends_at=terms.ends_at, groups=terms.groups, now=now
    )
    return [replace(touch, text=_filled(touch, terms, link)) for touch in touches]


def _filled(touch: "PlannedTouch", terms: SaleTerms, link: str) -> str:
    values = planned_values(terms, link=link, zone=touch.group.zone.key, at=touch.due_at)
    return fill(touch.text, {name: f"{{{name}}}" for name in names_in(touch.text)} | values)


def forecast_terms(terms: SaleTerms, *, link: str, now: datetime) -> "PlanForecast | None":
    """What the ladder of these terms would take; None where there is no ladder."""
    if terms.playbook is None:
        return None
    return campaigns.forecast_plan(
        planned_touches(terms, link=link, now=now),
        subject_kind=policies.SUBJECT_KIND,
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
        now=now,
    )


def forecast_sale(sale: FlashSale, *, now: datetime) -> "PlanForecast | None":
    """What the ladder of a draft would take, or what of a scheduled sale's has not gone out yet; None: no ladder."""
    if sale.state == SaleState.DRAFT:
        return forecast_terms(terms_of(sale), link=sale_link(sale), now=now)
    run = find_run(sale)
    return campaigns.forecast_run(run, now=now) if run is not None else None


def held_back(terms: SaleTerms, *, now: datetime) -> list[Warned]:
    """What of the plan the team's send rules would hold back."""
    return campaigns.plan_held_warnings(
        planned_touches(terms, link="", now=now),
        subject_kind=policies.SUBJECT_KIND,
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
    )


def rehearse_flash_sale(*, sale: FlashSale, now: datetime) -> list[Warned]:
    """What `schedule_flash_sale` would answer now, changing nothing: the same warnings, the same refusals."""
    if sale.state == SaleState.CANCELLED or sale.ends_at <= now:
        raise InvalidTransition(_("This sale was cancelled or is over."))
    if sale.state == SaleState.SCHEDULED:
        return schedule_warnings(sale)
    terms = terms_of(sale)
    found = terms_warnings(terms)
    if terms.playbook is None:
        return found
    touches = planned_touches(terms, link=sale_link(sale), now=now)
    ladders = [*campaigns.no_endpoint_warnings(terms.groups), *campaigns.plan_needs_warnings(touches)]
    return [*ladders, *held_back(terms, now=now), *found]
