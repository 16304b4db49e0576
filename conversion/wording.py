"""Words for what the pages of a sale and of orders show; formatting only."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext, gettext_noop

from community_ops.common.templatetags.wording import in_zone, time_in_zone

_TOLD = {
    "paid_late": gettext_noop("Your payment came after the time was over. We look into it and answer you."),
    "refunded": gettext_noop("This order was called off and your money is given back."),
}


def told_to_member(state: str) -> str:
    """What a member reads about an order of her own instead of the state's name; empty where the name says it."""
    return gettext(_TOLD[state]) if state in _TOLD else ""


def window_words(starts_at: datetime, ends_at: datetime, zone: str) -> str:
    """From when to when: the day of the end only when it is another one."""
    is_same_day = starts_at.astimezone(ZoneInfo(zone)).date() == ends_at.astimezone(ZoneInfo(zone)).date()
    end = time_in_zone(ends_at, zone) if is_same_day else in_zone(ends_at, zone)
    return f"{in_zone(starts_at, zone)} – {end}"
