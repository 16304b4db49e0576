"""A forecast group by group: who carries it there, and what stands in the way. Formatting only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from campaigns.services.forecasting import PlanForecast
from campaigns.services.playbooks import PlannedTouch
from community_ops.common.templatetags.reason_words import reason_words
from community_ops.common.templatetags.wording import grouped
from messaging.selectors import joined
from messaging.services import Carrier, Forecast, Way

MOST_GROUPS = 200  # of a page; what is not reached comes first
_ORDER = {Way.NONE: 0, Way.HAND: 1, Way.ROBOT: 2}


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A line of the table: a group, who carries it there, what to know; `is_trouble` where somebody should look."""

    name: str
    way: str
    carrier: str
    notes: Sequence[str]
    is_trouble: bool


def group_rows(forecast: Forecast) -> list[GroupRow]:
    """Of an announcement; at most `MOST_GROUPS`, those with trouble first."""
    return _rows(forecast.carriers, forecast)


def plan_group_rows(plan: PlanForecast) -> list[GroupRow]:
    """Of a plan, what it skips among it."""
    return _rows(plan_carriers(plan), plan.forecast)


def plan_carriers(plan: PlanForecast) -> list[Carrier]:
    """The carriers of a plan; of a group that it skips altogether, or in part, with the reasons why."""
    found = {one.target_id: one for one in plan.forecast.carriers}
    for touch in plan.skipped:
        known = found.get(touch.group.pk) or _skipped_group(touch)
        reasons = tuple(dict.fromkeys((*known.reasons, str(touch.skipped_reason))))
        found[touch.group.pk] = replace(
            known, send_count=known.send_count + 1, missing_count=known.missing_count + 1, reasons=reasons
        )
    return list(found.values())


def _skipped_group(touch: PlannedTouch) -> Carrier:
    group = touch.group
    return Carrier(group.pk, group.name, Way.NONE, "", 0, 0, (), group.endpoint_id)


def group_data(carriers: Iterable[Carrier]) -> list[dict[str, Any]]:
    """As REST gives them: all of them, in the order of the plan."""
    return [
        {
            "group": one.target_id,
            "name": one.label,
            "way": one.way.value,
            "carrier": one.name,
            "endpoint": one.endpoint_id,
            "send_count": one.send_count,
            "missing_count": one.missing_count,
            "reasons": list(one.reasons),
            "message": _why(one.reasons),
        }
        for one in carriers
    ]


def reason_ahead(reason: str) -> str:
    """Why a send will not be there; what the record says of it afterwards speaks of the past."""
    return {
        "too_late": _("Its turn would come after its latest moment."),
        "too_long": _("The text is too long for the platform."),
    }.get(reason) or reason_words(reason)


def way_words(one: Carrier) -> str:
    """How a group is reached, in two or three words."""
    return {
        Way.ROBOT: pgettext("way of a group", "By robot"),
        Way.HAND: pgettext("way of a group", "By hand"),
        Way.NONE: pgettext("way of a group", "Cannot be reached"),
    }[one.way]


def _rows(carriers: Iterable[Carrier], forecast: Forecast) -> list[GroupRow]:
    failing = {one.endpoint_id for one in forecast.failing}
    untold = {hand.name for hand in forecast.hands if not hand.is_told}
    rows = [_row(one, is_failing=one.endpoint_id in failing, is_untold=one.name in untold) for one in _sorted(carriers)]
    return sorted(rows, key=lambda row: not row.is_trouble)[:MOST_GROUPS]


def _sorted(carriers: Iterable[Carrier]) -> list[Carrier]:
    return sorted(carriers, key=lambda one: (not one.missing_count, _ORDER[one.way]))


def _row(one: Carrier, *, is_failing: bool, is_untold: bool) -> GroupRow:
    notes = [*_missing(one)]
    if is_failing and one.way is Way.ROBOT:
        notes.append(_("The last try through this channel did not work."))
    if is_untold and one.way is Way.HAND:
        notes.append(_("She is not notified."))
    return GroupRow(one.label, way_words(one), one.name, notes, is_trouble=bool(notes))


def _missing(one: Carrier) -> Iterable[str]:
    """Why some of it, or all of it, is not there."""
    if not one.missing_count:
        return
    if one.missing_count < one.send_count:
        words = ngettext(
            "%(count)s of %(total)s is not there.", "%(count)s of %(total)s are not there.", one.missing_count
        )
        yield words % {"count": grouped(one.missing_count), "total": grouped(one.send_count)}
    yield from map(reason_ahead, one.reasons)


def _why(reasons: Iterable[str]) -> str:
    return reduce(joined, map(reason_ahead, reasons), "")
