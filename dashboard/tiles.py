"""The six stage tiles of Today: one number each, its change, its line, and where it comes from.

Every tile says "not enough data yet" instead of showing a zero that nobody measured.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from community_ops.common.actors import Actor
from community_ops.common.templatetags.wording import money
from conversion.selectors import Revenue, orders_visible_to, revenue
from culture.selectors import answered_rate
from dashboard.period import Period
from groups.selectors import communities_visible_to, groups_visible_to
from members.selectors import join_sources, memberships_visible_to
from messaging.selectors import deliveries_visible_to
from retention.selectors import speaker_count, speakers_by_day

Tile = dict[str, Any]


def stage_tiles(actor: Actor, slug: str, period: Period) -> list[Tile]:
    """Contexts of components/_tile.html, in the order of the stages."""
    makers: Sequence[Callable[[Actor, str, Period], Tile]] = (_build, _acquire, _activate, _retain, _convert, _culture)
    return [{"previous_label": _previous_label(period), **make(actor, slug, period)} for make in makers]


def _build(actor: Actor, slug: str, period: Period) -> Tile:
    """Live groups now, and how many of them are new; line: groups on each day. Source: our own records."""
    created = list(groups_visible_to(actor).values_list("created_at", flat=True))
    new = sum(moment >= period.since for moment in created)
    days = period.dates()
    series = [sum(moment.astimezone(period.zone).date() <= day for moment in created) for day in days]
    return {
        "stage": "build",
        "label": _("Live groups"),
        "value": len(created),
        "change_count": new,
        "is_good": True if new else None,
        "series": series,
        "source": "manual",
        "url": reverse("groups:group_list", args=[slug]),
    }


def _acquire(actor: Actor, slug: str, period: Period) -> Tile:
    """Members whose stay in a group began in the period (by the time of joining, not of importing)."""
    joined = period.counted(memberships_visible_to(actor), "joined_at")
    return {
        "stage": "acquire",
        "label": _("Joined a group"),
        **_counted(joined.new, joined.before),
        "series": joined.per_day,
        "source": _source_of(join_sources(actor, since=period.since, until=period.now)),
        "url": reverse("members:member_list", args=[slug]),
    }


def _activate(actor: Actor, slug: str, period: Period) -> Tile:
    """Messages the platforms accepted in the period."""
    accepted = period.counted(deliveries_visible_to(actor), "accepted_at")
    return {
        "stage": "activate",
        "label": _("Messages accepted by platforms"),
        **_counted(accepted.new, accepted.before),
        "series": accepted.per_day,
        "source": "platform",
        "url": reverse("messaging:deliveries", args=[slug]),
    }


def _retain(actor: Actor, slug: str, period: Period) -> Tile:
    """Distinct members who wrote in a group in the period; None when no group tells us about messages."""
    days, earlier = period.dates(), period.previous.dates()
    value = speaker_count(actor, since_on=days[0], until_on=days[-1])
    before = speaker_count(actor, since_on=earlier[0], until_on=earlier[-1])
    by_day = speakers_by_day(actor, since_on=days[0], until_on=days[-1])
    return {
        "stage": "retain",
        "label": _("Members who spoke"),
        **(_counted(value, before or 0) if value is not None else {"value": None}),
        "note": _("No group has reported messages in this period."),
        "series": [by_day.get(day, 0) for day in days] if value is not None else [],
        "source": "platform",
        "url": reverse("members:member_list", args=[slug]),
    }


def _convert(actor: Actor, slug: str, period: Period) -> Tile:
    """Money of orders paid in the period, in the currency with the most of it; other currencies are named.

    What of it was only a simulated payment is said; where there is nothing, or nothing else, nobody entered it.
    """
    assert actor.workspace_id is not None
    tile: Tile = {"stage": "convert", "url": reverse("conversion:order_list", args=[slug])}
    now = revenue(workspace_id=actor.workspace_id, since=period.since, until=period.now, visible_to=actor)
    if not now:
        return tile | {"label": _("Paid"), "value": 0, "currency": _home_currency(actor), "source": ""}
    main = now[0]
    earlier = period.previous
    before = revenue(workspace_id=actor.workspace_id, since=earlier.since, until=earlier.now, visible_to=actor)
    same = next((one.amount for one in before if one.currency == main.currency), 0)
    return tile | {
        "label": _("Paid") + _other_currencies([one.currency for one in now[1:]]) + _simulated(main),
        "currency": main.currency,
        **(_counted(main.amount, same) if same else {"value": main.amount}),
        "series": period.counted(orders_visible_to(actor), "paid_at").per_day,
        "source": "" if main.simulated_amount == main.amount else "manual",
    }


def _home_currency(actor: Actor) -> str:
    """Of the oldest community: what money will most likely be in, before there is any."""
    first = communities_visible_to(actor).values_list("currency", flat=True).first()
    return first or "CNY"


def _culture(actor: Actor, slug: str, period: Period) -> Tile:
    """Share of members' messages that another member answered within 24 h."""
    value = answered_rate(actor, since=period.since, until=period.now)
    before = answered_rate(actor, since=period.previous.since, until=period.since)
    tile: Tile = {
        "stage": "culture",
        "label": _("Messages answered within 24 h"),
        "value": value,
        "is_rate": True,
        "note": _("No group has reported messages in this period."),
        "source": "platform",
    }
    if value is not None and before is not None:
        tile |= {"change_rate": value - before, "is_good": value >= before}
    return tile


def _source_of(sources: set[str]) -> str:
    """One source by its name, none as the platform's (it would tell us), several as several."""
    return "several" if len(sources) > 1 else next(iter(sources), "platform")


def _counted(value: int, before: int) -> Tile:
    """A number and its change: as a share where there was something before, else as a count."""
    if not before:
        return {"value": value, "change_count": value or None, "is_good": True if value else None}
    return {"value": value, "change_rate": (value - before) / before, "is_good": value >= before}


def _other_currencies(codes: list[str]) -> str:
    return f" ({_('also')} {', '.join(codes)})" if codes else ""


def _simulated(money_in: Revenue) -> str:
    if not money_in.simulated_amount:
        return ""
    return _(" (of it %(amount)s simulated)") % {"amount": money(money_in.simulated_amount, money_in.currency)}


def _previous_label(period: Period) -> str:
    return _("vs. the %(days)s days before") % {"days": period.days}
