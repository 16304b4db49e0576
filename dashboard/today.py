"""今日: everything its page shows, read for one person."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _

from community_ops.common.actors import Actor
from conversion.selectors import StockCounts, counts_of, moment_of, sales_in_window, with_counts, with_parts
from dashboard.needs import needs_of, watchdog
from dashboard.period import CHOICES, Period
from dashboard.start_list import start_list
from dashboard.tiles import stage_tiles
from groups.selectors import communities_visible_to
from messaging.selectors import next_deliveries

AHEAD = timedelta(days=2)
NEXT_SENDS = 8


def zone_of(actor: Actor) -> ZoneInfo:
    """The zone Today is told in: that of the first community, else the installation's default."""
    community = communities_visible_to(actor).first()
    return ZoneInfo(community.timezone if community else settings.DEFAULT_COMMUNITY_TIMEZONE)


def context(actor: Actor, slug: str, *, days: str, now: datetime) -> dict[str, Any]:
    """The template's context; `days` as the address says it."""
    zone = zone_of(actor)
    period = Period.chosen(days, zone=zone, now=now)
    steps = start_list(actor, slug)
    done = sum(step["is_done"] for step in steps)
    return {
        "zone": zone.key,
        "period": period,
        "period_choices": CHOICES,
        "steps": steps if done < len(steps) else [],
        "done_count": done,
        "step_count": len(steps),
        "is_new": not steps[0]["is_done"],
        "tiles": stage_tiles(actor, slug, period),
        **live(actor, slug, now=now),
    }


def live(actor: Actor, slug: str, *, now: datetime) -> dict[str, Any]:
    """What changes by itself and is read again every few seconds."""
    return {
        "needs": needs_of(actor, slug, now=now),
        "no_needs": {"icon": "check-circle", "title": _("All done"), "text": _("Nothing waits for you right now.")},
        "sales": _sales(actor, now=now),
        "next_sends": _next_sends(actor, now=now),
        "jobs": watchdog(),
        "now": now,
    }


def _sales(actor: Actor, *, now: datetime) -> list[dict[str, Any]]:
    """Sales that run now or begin within two days, with their true counts."""
    rows = with_counts(with_parts(sales_in_window(actor, since=now, until=now + AHEAD)), now=now)
    return [{"sale": sale, "moment": moment_of(sale, now=now), "gauge": _gauge(counts_of(sale))} for sale in rows[:3]]


def _gauge(counts: StockCounts) -> dict[str, int]:
    return {"sold": counts.sold, "held": counts.held, "left": counts.left}


def _next_sends(actor: Actor, *, now: datetime) -> list[dict[str, Any]]:
    """The next planned messages; one line for a text that goes to several groups at one time."""
    lines: dict[tuple[datetime, str], dict[str, Any]] = {}
    for row in next_deliveries(actor, until=now + AHEAD)[:200]:
        line = lines.setdefault(
            (row.due_at, row.message.text), {"due_at": row.due_at, "text": row.message.text, "groups": []}
        )
        line["groups"].append(row.target_label)
        if len(lines) > NEXT_SENDS:
            break
    return list(lines.values())[:NEXT_SENDS]
