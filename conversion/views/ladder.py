"""The ladder of a sale as lines for people: planned before it is scheduled, and how it went afterwards."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from campaigns import services as campaigns
from campaigns.selectors import GroupState, find_last_run, states_of_run
from community_ops.common.actors import Actor
from community_ops.common.templatetags.reason_words import condition_words, reason_words
from community_ops.common.templatetags.state_words import StateWords, words_of
from conversion import services
from conversion.guards import sale_link
from conversion.models import FlashSale, SaleState
from conversion.services import SaleTerms, terms_of
from conversion.services.sales import SUBJECT_KIND

if TYPE_CHECKING:
    from campaigns.models import Touch
    from campaigns.services import ForecastWords, PlannedTouch

AT_MOST = 200
WOULD_GO_OUT, WOULD_NOT_GO_OUT, DID_NOT_HAPPEN = "would_go_out", "would_not_go_out", "did_not_happen"
_WORDS = {  # of a ladder only: before there is a plan, and when the sale is over
    WOULD_GO_OUT: StateWords(pgettext_lazy("ladder", "Would go out")),
    WOULD_NOT_GO_OUT: StateWords(pgettext_lazy("ladder", "Would not go out"), "warn"),
    DID_NOT_HAPPEN: StateWords(pgettext_lazy("ladder", "Did not happen")),
}
Line = dict[str, Any]


def planned(terms: SaleTerms, *, link: str, now: datetime) -> list[Line]:
    """What would go out by these terms, and what would not as far as it can be foreseen, with the words as far as they
    are known before the sale. Writes nothing.

    `link`: of the sale's page, empty before there is one.
    """
    return _together(_preview(terms, link, now))


def of_sale(sale: FlashSale, actor: Actor, *, now: datetime) -> list[Line]:
    """A draft's plan; afterwards each message with what became of it, in the order of time."""
    is_over = sale.state == SaleState.CANCELLED or sale.ends_at <= now
    run = find_last_run(workspace_id=sale.workspace_id, subject_kind=SUBJECT_KIND, subject_id=sale.pk)
    if run is None:
        lines = _preview(terms_of(sale), sale_link(sale), now, is_over=is_over)
        return _together(lines)
    lines = [_touched(touch, state, is_over) for touch, state in states_of_run(run, actor, now=now)[:AT_MOST]]
    return _together(sorted(lines, key=lambda line: (line["at"] is None, line["at"] or now)))


def _together(lines: Iterable[Line]) -> list[Line]:
    """One line for a message that several groups get at one time: their names, and their states counted."""
    alike: dict[tuple[Any, ...], list[Line]] = {}
    for line in lines:
        alike.setdefault((line["at"], line["when"], line["name"], line.get("text")), []).append(line)
    return [same[0] | {"groups": [line["group"] for line in same], "states": _states(same)} for same in alike.values()]


def _states(same: Iterable[Line]) -> list[dict[str, Any]]:
    counts = Counter((line["state"], line["reason"]) for line in same)
    return [
        {"words": _WORDS.get(state) or words_of("touch", state), "reason": _why(state, reason), "count": count}
        for (state, reason), count in counts.items()
    ]


def _why(state: str, reason: str) -> str:
    return campaigns.reason_ahead(reason) if state == WOULD_NOT_GO_OUT else reason_words(reason)


def held_back(terms: SaleTerms, *, now: datetime) -> list[str]:
    """What of the plan the team's send rules would hold back, in sentences."""
    return [str(warning["message"]) for warning in services.held_back(terms, now=now)]


def foreseen(terms: SaleTerms, *, link: str, now: datetime) -> "ForecastWords | None":
    """What the plan would take, in words; None where there is no ladder."""
    found = services.forecast_terms(terms, link=link, now=now)
    return campaigns.plan_words(found, zone=terms.groups[0].zone.key) if found is not None else None


def _preview(terms: SaleTerms, link: str, now: datetime, *, is_over: bool = False) -> list[Line]:
    touches = services.planned_touches(terms, link=link, now=now)
    unreached = {} if is_over else _unreached(terms, link, now)
    return [
        _line(touch.step, touch.due_at, touch.group.name, touch.group.zone.key)
        | {"text": touch.text}
        | _ahead(touch, unreached.get((touch.step.pk, touch.group.pk), ""))
        | ({"state": DID_NOT_HAPPEN} if is_over else {})
        for touch in touches[:AT_MOST]
    ]


def _unreached(terms: SaleTerms, link: str, now: datetime) -> dict[tuple[int, int], str]:
    """By step and group why the forecast says that it would not be there, of what the plan does not skip."""
    found = services.forecast_terms(terms, link=link, now=now)
    if found is None:
        return {}
    rows = zip(found.touches, found.forecast.rows, strict=True)
    return {(touch.step.pk, touch.group.pk): str(row.reason) for touch, row in rows if row.at is None}


def _ahead(touch: "PlannedTouch", unreached: str) -> Line:
    """What would become of a touch that is only planned."""
    if touch.skipped_reason:
        return {"state": "skipped", "reason": str(touch.skipped_reason)}
    return {"state": WOULD_NOT_GO_OUT if unreached else WOULD_GO_OUT, "reason": unreached}


def _touched(touch: "Touch", state: GroupState, is_over: bool) -> Line:
    never_came = is_over and state.state == "waits"
    return _line(touch.step, touch.due_at, state.group_name, state.zone) | {
        "state": DID_NOT_HAPPEN if never_came else state.state,
        "reason": state.reason,
    }


def _line(step: Any, at: datetime | None, group: str, zone: str) -> Line:
    when = condition_words(step.condition) if at is None else ""
    return {"at": at, "when": when, "name": _(step.name), "group": group, "zone": zone}
