"""排期: what goes out when, by month or as a list by day."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import groupby
from math import ceil
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateformat import format as write_date
from django.utils.dates import WEEKDAYS
from django.utils.formats import get_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_safe

from campaigns import policies, selectors, wording
from community_ops.accounts.pages import WorkspaceRequest, page
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.templatetags.reason_words import condition_words
from community_ops.common.templatetags.wording import day_in_zone
from groups.selectors import get_group
from messaging import selectors as messaging

if TYPE_CHECKING:
    from groups.models import ChatGroup

SHOWN_DAYS = 7
MAX_DAYS = 31
SHOWN_A_DAY = 40
SHOWN_IN_A_MONTH = 4  # of each day
WEEK = 7
MIN_YEAR, MAX_YEAR = 2000, 2200


@dataclass(frozen=True)
class Span:
    """The days a page shows: `count` from `first`. `month`: the first of the month it shows, none of a list."""

    first: date
    count: int
    month: date | None = None


@page("announcements.view")
@require_safe
def calendar(request: WorkspaceRequest) -> HttpResponse:
    """A month, `?month=2026-11` (this one unless told otherwise), or a list by day: `?from=` (a day) and `?days=`.

    `?group=` narrows either. All of it stands in the address: a view can be shared. What was called off is left out
    and counted; `?cancelled=1` shows it.
    """
    group = _chosen_group(request)
    zone = group.zone.key if group else selectors.home_zone(request.actor)
    now = clock.now()
    today = now.astimezone(ZoneInfo(zone)).date()
    span = _list(request, today) if {"from", "days"} & request.GET.keys() else _month(request, today)
    since, until = (_midnight(span.first + timedelta(days=days), zone) for days in (0, span.count))
    found = selectors.calendar_items(request.actor, since, until, group, now=now, with_held=True)
    shows_called_off = request.GET.get("cancelled") == "1"
    items = [item for item in found if shows_called_off or not item.is_called_off]
    days = _with_holidays(request, _days(items, request, span, zone=zone, today=today))
    context = {
        "days": days,
        "groups": selectors.groups_to_choose(request.actor),
        "group": group,
        "zone": zone,
        "may_write": may(request.actor, "announcements.write"),
        "empty": _empty_calendar(request),
        "has_items": bool(items),
        "called_off_count": len(found) - len(items),
        "shows_called_off": shows_called_off,
        **(_of_list(span, today) if span.month is None else _of_month(span.month, days, today, zone)),
    }
    piece = "_calendar" if span.month is None else "_calendar_month"
    context["piece"] = f"campaigns/{piece}.html"
    return render(request, context["piece"] if request.htmx else "campaigns/calendar.html", context)


def _list(request: WorkspaceRequest, today: date) -> Span:
    return Span(_first_day(request, today), min(max(_number(request, "days") or SHOWN_DAYS, 1), MAX_DAYS))


def _month(request: WorkspaceRequest, today: date) -> Span:
    """Whole weeks around the month, as the language begins them: on Monday or on Sunday."""
    month = _asked_month(request) or today.replace(day=1)
    before = (month.isoweekday() - get_format("FIRST_DAY_OF_WEEK")) % WEEK
    first, last = month - timedelta(days=before), _month_after(month) - timedelta(days=1)
    weeks = ceil(((last - first).days + 1) / WEEK)
    return Span(first, weeks * WEEK, month)


def _asked_month(request: WorkspaceRequest) -> date | None:
    try:
        month = date.fromisoformat(f"{request.GET.get('month', '')}-01")
    except ValueError:
        return None
    return month if MIN_YEAR <= month.year <= MAX_YEAR else None


def _month_after(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _of_list(span: Span, today: date) -> dict[str, Any]:
    """What the list needs besides its days, and the month that begins or holds them."""
    month = span.first.replace(day=1)
    return {
        "first": span.first,
        "previous": (span.first - timedelta(days=span.count)).isoformat(),
        "next": (span.first + timedelta(days=span.count)).isoformat(),
        "month_value": "" if month == today.replace(day=1) else f"{month:%Y-%m}",
    }


def _of_month(month: date, days: Sequence["Day"], today: date, zone: str) -> dict[str, Any]:
    """The weeks of a month, the ways to its neighbours, and the list that shows the same days."""
    is_this = month == today.replace(day=1)
    for day in days:
        day.is_outside = (day.on.year, day.on.month) != (month.year, month.month)
    _fold([day for day in days if not day.is_outside], zone)
    return {
        "month": _month_link(month),
        "earlier_month": _month_link((month - timedelta(days=1)).replace(day=1)),
        "later_month": _month_link(_month_after(month)),
        "is_this_month": is_this,
        "weekdays": [WEEKDAYS[day.on.weekday()] for day in days[:WEEK]],
        "weeks": [days[number : number + WEEK] for number in range(0, len(days), WEEK)],
        "list_from": None if is_this else month.isoformat(),
        "list_days": SHOWN_DAYS if is_this else MAX_DAYS,
    }


def _month_link(month: date) -> dict[str, str]:
    return {"value": f"{month:%Y-%m}", "label": write_date(month, pgettext("date format", "F Y"))}


def _fold(days: Sequence["Day"], zone: str) -> None:
    """Days in a row that a phone need not show one by one: the first bears from when until when nothing is planned."""
    for is_quiet, in_a_row in groupby(days, key=lambda day: not (day.lines or day.holiday or day.is_today)):
        if is_quiet:
            first, *rest = in_a_row
            ends = [first, *rest[-1:]]
            first.fold = " – ".join(day_in_zone(day.at, zone) for day in ends)


@dataclass
class Day:
    """One day; `hidden_count` more items are on the day's own view. `is_outside`: of the month before or after the one
    that is shown. `fold`: said in place of it and the empty days that follow, where there is no room for them."""

    on: date
    at: datetime
    is_today: bool
    lines: list[dict[str, Any]] = field(default_factory=list)
    hidden_count: int = 0
    holiday: str = ""
    is_outside: bool = False
    fold: str = ""


def _days(
    items: Sequence[selectors.CalendarItem], request: WorkspaceRequest, span: Span, *, zone: str, today: date
) -> list[Day]:
    days = {
        on: Day(on, _midnight(on, zone), on == today)
        for on in (span.first + timedelta(days=number) for number in range(span.count))
    }
    limit = SHOWN_IN_A_MONTH if span.month else SHOWN_A_DAY if span.count > 1 else len(items)
    of_day: dict[date, list[selectors.CalendarItem]] = {on: [] for on in days}
    for item in items:
        of_day[item.at.astimezone(ZoneInfo(zone)).date()].append(item)
    for on, found in of_day.items():
        if span.month and len(found) > limit:
            found.sort(key=lambda item: item.urgency)  # of the same urgency by time, as they stand
        days[on].lines = [_line(item, request) for item in found[:limit]]
        days[on].hidden_count = max(0, len(found) - limit)
    return list(days.values())


def _with_holidays(request: WorkspaceRequest, days: list[Day]) -> list[Day]:
    """The same days; each that is a holiday of the team bears its name. One query."""
    holidays = list(messaging.holidays(request.actor))
    for day in days:
        names = (one.name for one in holidays if one.from_on <= day.on <= (one.until_on or one.from_on))
        day.holiday = wording.names(dict.fromkeys(names))
    return days


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
        "held": wording.held_words(item.held_counts),
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
    return wanted if MIN_YEAR <= wanted.year <= MAX_YEAR else today


def _midnight(on: date, zone: str) -> datetime:
    return policies.wall_time(on, time(0), ZoneInfo(zone))


def _number(request: WorkspaceRequest, name: str) -> int | None:
    value = request.GET.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None
