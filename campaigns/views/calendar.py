"""排期: what goes out when."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from campaigns import policies, selectors, wording
from community_ops.accounts.pages import WorkspaceRequest, page
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.templatetags.reason_words import condition_words
from groups.selectors import get_group
from messaging import selectors as messaging

if TYPE_CHECKING:
    from groups.models import ChatGroup

SHOWN_DAYS = 7
MAX_DAYS = 31
SHOWN_A_DAY = 40


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
    found = selectors.calendar_items(request.actor, since, until, group, now=now, with_held=True)
    shows_called_off = request.GET.get("cancelled") == "1"
    items = [item for item in found if shows_called_off or not item.is_called_off]
    context = {
        "days": _with_holidays(request, _days(items, request, first=first, count=count, zone=zone, now=now)),
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
    holiday: str = ""


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
    return wanted if 2000 <= wanted.year <= 2200 else today


def _midnight(on: date, zone: str) -> datetime:
    return policies.wall_time(on, time(0), ZoneInfo(zone))


def _number(request: WorkspaceRequest, name: str) -> int | None:
    value = request.GET.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None
