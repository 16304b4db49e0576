"""Words for what the pages of a sale and of orders show; formatting only."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext, gettext_noop

from community_ops.common.templatetags.state_words import words_of
from community_ops.common.templatetags.wording import in_zone, time_in_zone
from conversion.models import FlashSale
from conversion.policies import SaleMoment

_TOLD = {
    "paid_late": gettext_noop("Your payment came after the time was over. We look into it and answer you."),
    "refunded": gettext_noop("This order was refunded: your money was given back."),
}


def told_to_member(state: str) -> str:
    """What a member reads about an order of her own instead of the state's name; empty where the name says it."""
    return gettext(_TOLD[state]) if state in _TOLD else ""


def sale_told_to_member(sale: FlashSale, moment: SaleMoment, *, held: int) -> str:
    """What a member reads in a list about a sale that is on or begins soon."""
    zone = sale.community.timezone
    if moment is SaleMoment.SCHEDULED:
        return gettext("Begins %(time)s") % {"time": in_zone(sale.starts_at, zone)}
    if moment is SaleMoment.OPEN:
        return gettext("Open until %(time)s") % {"time": in_zone(sale.ends_at, zone)}
    if moment is SaleMoment.SOLD_OUT and held:
        return gettext("All taken for now")
    return str(words_of("sale", moment).label)


def window_words(starts_at: datetime, ends_at: datetime, zone: str) -> str:
    """From when to when: the day of the end only when it is another one."""
    is_same_day = starts_at.astimezone(ZoneInfo(zone)).date() == ends_at.astimezone(ZoneInfo(zone)).date()
    end = time_in_zone(ends_at, zone) if is_same_day else in_zone(ends_at, zone)
    return f"{in_zone(starts_at, zone)} – {end}"
