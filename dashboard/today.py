"""今日: everything its page shows, read for one person."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from campaigns.selectors import OPEN_STATES, calendar_items, doomed_counts
from campaigns.wording import doomed_words
from community_ops.accounts.pages import unassigned
from community_ops.accounts.policies import may
from community_ops.accounts.selectors import installed_at
from community_ops.common import dbtime
from community_ops.common.actors import Actor
from conversion.selectors import counts_of, sales_in_window, state_shown, with_counts
from dashboard.needs import all_needs, needs_in_short, watchdog
from dashboard.period import CHOICES, Period
from dashboard.start_list import start_list
from dashboard.tiles import stage_tiles
from groups.selectors import communities_visible_to

if TYPE_CHECKING:
    from conversion.models import FlashSale

AHEAD = timedelta(days=2)
NEXT_SENDS = 6
STARTING = timedelta(minutes=2)  # the slowest job reports after one
PAGES = {"announcement": "campaigns:announcement", "touch": "campaigns:run"}


def zone_of(actor: Actor) -> ZoneInfo:
    """The zone Today is told in: that of the first community, else the installation's default."""
    community = communities_visible_to(actor).first()
    return ZoneInfo(community.timezone if community else settings.DEFAULT_COMMUNITY_TIMEZONE)


def context(actor: Actor, slug: str, *, days: str, now: datetime) -> dict[str, Any]:
    """The template's context; `days` as the address says it."""
    zone = zone_of(actor)
    period = Period.chosen(days, zone=zone, now=now)
    steps = start_list(actor, slug) if may(actor, "communities.manage") else []
    done = sum(step["is_done"] for step in steps)
    nothing_assigned = unassigned(actor)
    return {
        "zone": zone.key,
        "period": period,
        "period_choices": CHOICES,
        "steps": steps if done < len(steps) else [],
        "done_count": done,
        "step_count": len(steps),
        "may_announce": may(actor, "announcements.write") and (done > 0 or not steps),
        "unassigned": nothing_assigned,
        "tiles": [] if nothing_assigned else stage_tiles(actor, slug, period),
        **live(actor, slug, now=now),
    }


def live(actor: Actor, slug: str, *, now: datetime) -> dict[str, Any]:
    """What changes by itself and is read again every few seconds."""
    found = needs_in_short(actor, slug, now=now)
    return {
        "needs": found.lines,
        "more_needs": _more_words(found.more_count, is_cut=found.is_cut),
        "no_needs": _no_needs(actor),
        "sales": _sales(actor, now=now),
        "next_sends": _next_sends(actor, slug, now=now),
        **_jobs(),
        "now": now,
    }


def everything(actor: Actor, slug: str, *, now: datetime) -> dict[str, Any]:
    """The page of all that waits: what Today shows the first of."""
    found = all_needs(actor, slug, now=now)
    return {"needs": found.lines, "is_cut": found.is_cut, "no_needs": _no_needs(actor)}


def _no_needs(actor: Actor) -> dict[str, str]:
    all_done = {"icon": "check-circle", "title": _("All done"), "text": _("Nothing waits for you right now.")}
    return unassigned(actor) or all_done


def _more_words(count: int, *, is_cut: bool) -> str:
    """How many lines Today leaves out; nothing where it shows all."""
    if not count:
        return ""
    pattern = pgettext("needs", "At least %(count)d more") if is_cut else pgettext("needs", "%(count)d more")
    return pattern % {"count": count}


def _jobs() -> dict[str, Any]:
    jobs = watchdog()
    words = ngettext("%(count)d job is on time", "All %(count)d jobs are on time", len(jobs)) % {"count": len(jobs)}
    late_jobs = [job for job in jobs if job.is_late]
    return {"jobs": jobs, "late_jobs": late_jobs, "all_on_time": words, "is_starting": not jobs and _is_new()}


def _is_new() -> bool:
    """Whether the installation is so young that its jobs may still be on their way."""
    since = installed_at()
    return since is not None and dbtime.now() - since < STARTING


def _sales(actor: Actor, *, now: datetime) -> list[dict[str, Any]]:
    """Sales that run now or begin within two days, with their true counts."""
    rows = with_counts(sales_in_window(actor, since=now, until=now + AHEAD), now=now)
    return [{"sale": sale, "moment": state_shown(sale, now=now), "gauge": _gauge(sale)} for sale in rows[:3]]


def _gauge(sale: "FlashSale") -> dict[str, int]:
    counts = counts_of(sale)
    return {"sold": counts.sold, "held": counts.held, "left": counts.left}


def _next_sends(actor: Actor, slug: str, *, now: datetime) -> list[dict[str, Any]]:
    """The next announcements and touches; one line for a text that goes to several groups at one time. `doomed`: which
    of them will not get it as things are, and why."""
    items = calendar_items(actor, now, now + AHEAD, now=now)
    planned = [item for item in items if not item.condition and OPEN_STATES & item.counts.keys()][:NEXT_SENDS]
    return [
        {
            "due_at": item.at,
            "title": _(item.title) if item.kind == "touch" else item.title,
            "label": item.label if item.kind == "touch" else "",
            "groups": [group.group_name for group in item.groups],
            "url": reverse(PAGES[item.kind], args=[slug, item.object_id]),
            "doomed": doomed_words(counts, len(item.groups)),
        }
        for item, counts in zip(planned, doomed_counts(actor, planned, now=now), strict=True)
    ]
