"""What retention adds to the pages of groups and members: how lively they are."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.dateformat import format as write_date
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from community_ops.common.actors import Actor
from groups.ports import Panel, group_figures, group_panels
from members.selectors import fact_source_of
from messaging import selectors as messaging
from retention import selectors

if TYPE_CHECKING:
    from groups.models import ChatGroup

WINDOW_DAYS = 30
LIST_DAYS = 7
TOP_SPEAKERS = 5


class ActivityFigures:
    """Speakers and messages of the last seven days in the group list; nothing where nothing was ever reported."""

    def figures(self, *, actor: Actor, group_ids: Collection[int], now: datetime) -> Mapping[int, Mapping[str, Any]]:
        today = now.astimezone(ZoneInfo(settings.DEFAULT_COMMUNITY_TIMEZONE)).date()
        week = selectors.group_speakers(
            workspace_id=actor.workspace_id or 0,
            group_ids=group_ids,
            since_on=today - timedelta(days=LIST_DAYS - 1),
            until_on=today,
        )
        measured = selectors.measured_groups(actor, group_ids)
        found = {group_id: week.get(group_id, (0, 0)) for group_id in measured}
        return {pk: {"speaker_count": speakers, "message_count": count} for pk, (speakers, count) in found.items()}


class ActivityPanel:
    """Messages per day of 30 days, the busiest day, who spoke most."""

    def panel(self, *, actor: Actor, group: "ChatGroup", slug: str, now: datetime) -> Panel | None:
        today = now.astimezone(group.zone).date()
        last = selectors.last_active_day(workspace_id=group.workspace_id, group_id=group.pk, until_on=today)
        until = today if last is None or today - last < timedelta(days=WINDOW_DAYS) else last
        since = until - timedelta(days=WINDOW_DAYS - 1)
        window: dict[str, Any] = {
            "workspace_id": group.workspace_id,
            "group_id": group.pk,
            "since_on": since,
            "until_on": until,
        }
        days = selectors.messages_per_day(**window)
        busiest = selectors.busiest_day(workspace_id=group.workspace_id, group_id=group.pk)
        context = {
            "chart": _chart(days, since, until, sources=_sources_of(group, since, until)),
            "busiest": busiest,
            "busiest_on": _written(busiest.on, today) if busiest else "",
            "speakers": selectors.top_speakers(**window, count=TOP_SPEAKERS),
            "message_count": sum(day.message_count for day in days),
            "is_measured": last is not None,
            "since": since,
            "until": until,
            "period": f"{_written(since, today)} – {_written(until, today)}",
        }
        return Panel("retention/_group_activity.html", context, order=10)


def _written(on: date, today: date) -> str:
    """A day as people write it, with its year when that is not this one."""
    is_this_year = on.year == today.year
    return write_date(on, pgettext("date format", "j M") if is_this_year else pgettext("date format", "j M Y"))


def _sources_of(group: "ChatGroup", since: date, until: date) -> list[str]:
    """Where what was written in these days came from: words of a number's source, the platform first."""
    events = messaging.inbound_events(
        workspace_id=group.workspace_id,
        target_ids=[group.pk],
        since=datetime.combine(since, time.min, group.zone),
        until=datetime.combine(until + timedelta(days=1), time.min, group.zone),
    )
    told = events.filter(kind="message").order_by().values_list("source", flat=True).distinct()
    found = {fact_source_of(source) for source in told}
    return [source for source in ("platform", "import", "manual") if source in found] or ["platform"]


def _chart(days: list[selectors.GroupDay], since: date, until: date, *, sources: list[str]) -> dict[str, Any]:
    counts = {day.on: day for day in days}
    dates = [since + timedelta(days=step) for step in range((until - since).days + 1)]
    shown = [counts.get(on, selectors.GroupDay(on, 0, 0)) for on in dates]
    return {
        "id": "messages-per-day",
        "question": _("How many messages a day, and from how many members?"),
        "kind": "bar",  # side by side: of two lines with the same values one would hide the other
        "labels": [write_date(on, pgettext("date format", "j M")) for on in dates],
        "series": [
            {"name": pgettext("by members", "Messages"), "values": [day.message_count for day in shown]},
            {"name": _("Speakers"), "values": [day.speaker_count for day in shown]},
        ],
        "source": sources,
        "has_enough": bool(days),
        "needed": _("Messages come in from the platform, over REST or by an import."),
    }


def register() -> None:
    """Called once when the apps are ready."""
    group_figures.register("retention", ActivityFigures())
    group_panels.register("retention.activity", ActivityPanel())
