"""How numbers, money and times are written for people, in the language that is active.

Pure formatting: nothing here reads the database. A missing value is written as an em dash, never as 0.
"""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from django.utils.dateformat import format as write_date
from django.utils.translation import get_language, gettext, ngettext, pgettext

from community_ops.common import clock
from community_ops.common.money import to_major

MISSING = "—"
MINUS = "\N{MINUS SIGN}"
_NO_BREAK = "\N{NO-BREAK SPACE}"
_MINUTE, _HOUR, _DAY, _MONTH, _YEAR = 60, 3600, 86_400, 30 * 86_400, 365 * 86_400

# Symbols as people write them. "$" alone means US dollars in English only.
_SYMBOLS = {
    "CNY": "¥", "GBP": "£", "EUR": "€", "USD": "US$", "JPY": "JP¥", "HKD": "HK$", "TWD": "NT$", "SGD": "S$",
    "AUD": "A$", "CAD": "CA$", "KRW": "₩", "INR": "₹", "MYR": "RM", "THB": "฿", "VND": "₫",
}  # fmt: skip


def grouped(value: float | Decimal | str | None, digits: int = 0) -> str:
    """12345.6 -> "12,346"; thousands everywhere, also in Chinese (whose locale data groups by four)."""
    if value is None or value == "":
        return MISSING
    rounded = Decimal(str(value)).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    return f"{rounded:,f}"


def money(minor: int | None, currency: str) -> str:
    """39900 and "CNY" -> "¥399.00"; a currency without a symbol is written with its code."""
    if minor is None:
        return MISSING
    amount = f"{Decimal(to_major(abs(minor), currency)):,f}"
    sign = MINUS if minor < 0 else ""
    if currency == "USD" and (get_language() or "").startswith("en"):
        return f"{sign}${amount}"
    symbol = _SYMBOLS.get(currency, f"{currency}{_NO_BREAK}")
    return f"{sign}{symbol}{amount}"


def as_percent(rate: float | Decimal | None, digits: int = 0) -> str:
    """0.125 -> "13%" (half goes up); with one digit "12.5%"."""
    return MISSING if rate is None else f"{grouped(Decimal(str(rate)) * 100, digits)}%"


def signed_percent(rate: float | Decimal | None, digits: int = 0) -> str:
    """0.125 -> "+13%", -0.02 -> "-2%" with a true minus sign, 0 -> "0%"."""
    if rate is None:
        return MISSING
    written = as_percent(abs(Decimal(str(rate))), digits)
    if Decimal(written.rstrip("%").replace(",", "")) == 0:
        return written
    return f"{'+' if rate > 0 else MINUS}{written}"


def signed(count: int | None) -> str:
    """1204 -> "+1,204", -3 -> "-3" with a true minus sign, 0 -> "0"."""
    if count is None:
        return MISSING
    sign = "+" if count > 0 else MINUS if count < 0 else ""
    return f"{sign}{grouped(abs(count))}"


def _counted(count: int, unit_seconds: int) -> str:
    """The unit named by its length in seconds, in the right number: (3, 3600) -> "3 hours"."""
    words = {
        1: ngettext("%(count)d second", "%(count)d seconds", count),
        _MINUTE: ngettext("%(count)d minute", "%(count)d minutes", count),
        _HOUR: ngettext("%(count)d hour", "%(count)d hours", count),
        _DAY: ngettext("%(count)d day", "%(count)d days", count),
        _MONTH: ngettext("%(count)d month", "%(count)d months", count),
        _YEAR: ngettext("%(count)d year", "%(count)d years", count),
    }
    return words[unit_seconds] % {"count": count}


def _largest_unit(seconds: int, units: tuple[int, ...]) -> int:
    return next((unit for unit in units if seconds >= unit), 1)


def duration(length: float | timedelta | None) -> str:
    """Seconds in words with at most two neighbouring units: 3900 -> "1 hour 5 minutes"."""
    if length is None:
        return MISSING
    seconds = max(0, int(length.total_seconds() if isinstance(length, timedelta) else length))
    unit = _largest_unit(seconds, (_DAY, _HOUR, _MINUTE))
    smaller = {_DAY: _HOUR, _HOUR: _MINUTE, _MINUTE: 1, 1: 1}[unit]
    rest = seconds % unit // smaller
    first = _counted(seconds // unit, unit)
    return f"{first} {_counted(rest, smaller)}" if rest else first


def since(moment: datetime | None, now: datetime | None = None) -> str:
    """How long ago (or until then), without direction: "3 hours"."""
    if moment is None:
        return MISSING
    seconds = abs(int(((now or clock.now()) - moment).total_seconds()))
    unit = _largest_unit(seconds, (_YEAR, _MONTH, _DAY, _HOUR, _MINUTE))
    return _counted(seconds // unit, unit)


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """ "3 hours ago", "in 20 minutes", "just now" (less than ten seconds away)."""
    if moment is None:
        return MISSING
    now = now or clock.now()
    if abs(now - moment) < timedelta(seconds=10):
        return gettext("just now")
    if moment > now:
        return gettext("in %(span)s") % {"span": since(moment, now)}
    return gettext("%(span)s ago") % {"span": since(moment, now)}


def in_zone(moment: datetime | None, zone: str = "UTC") -> str:
    """Day and time in a zone: "22 Nov, 20:00" or "11月22日 20:00"; the year only when it is not this year."""
    if moment is None:
        return MISSING
    local = moment.astimezone(ZoneInfo(zone))
    if local.year == clock.now().astimezone(ZoneInfo(zone)).year:
        return write_date(local, pgettext("date format", "j M, H:i"))
    return write_date(local, pgettext("date format", "j M Y, H:i"))


def day_in_zone(moment: datetime | None, zone: str = "UTC") -> str:
    """The day with its weekday: "Sat 22 Nov" or "11月22日 星期六"."""
    return (
        MISSING if moment is None else write_date(moment.astimezone(ZoneInfo(zone)), pgettext("date format", "D j M"))
    )


def time_in_zone(moment: datetime | None, zone: str = "UTC") -> str:
    """Only the time of day, 24 hours: "20:00"."""
    return MISSING if moment is None else f"{moment.astimezone(ZoneInfo(zone)):%H:%M}"


def countdown_pattern() -> str:
    """How days stand before the clock; the script of the page fills the same pattern."""
    return gettext("%(days)sd %(clock)s")


def countdown_text(until: datetime | None, now: datetime | None = None) -> str:
    """Time left as a clock: "12:09", "03:12:09", "2d 03:12:09"; "00:00" once it is over."""
    if until is None:
        return MISSING
    seconds = max(0, int((until - (now or clock.now())).total_seconds()))
    days, rest = divmod(seconds, _DAY)
    hours, rest = divmod(rest, _HOUR)
    face = f"{rest // 60:02d}:{rest % 60:02d}"
    if hours or days:
        face = f"{hours:02d}:{face}"
    return countdown_pattern() % {"days": days, "clock": face} if days else face
