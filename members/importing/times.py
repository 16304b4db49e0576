"""Times as spreadsheets and chat tools write them."""

import re
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_date

_SLASHES = re.compile(r"(\d{4})[/.年](\d{1,2})[/.月](\d{1,2})日?(?:[ T](\d{1,2}:\d{2}(?::\d{2})?))?")
_EPOCH = re.compile(r"\d{9,10}")


def iso_time(value: Any) -> Any:
    """An ISO 8601 string for the known ways of writing a time; anything else comes back as it is.

    "2026/3/5 8:05" and "2026年3月5日 08:05" -> "2026-03-05T08:05"; a date alone -> its midnight;
    seconds since 1970 -> UTC.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and 10**8 < value < 10**10:
        return datetime.fromtimestamp(value, tz=UTC).isoformat()
    if not isinstance(value, str):
        return value
    value = value.strip()
    if _EPOCH.fullmatch(value):
        return datetime.fromtimestamp(int(value), tz=UTC).isoformat()
    if match := _SLASHES.fullmatch(value):
        year, month, day, time = match.groups()
        hour, _, rest = (time or "00:00").partition(":")
        return f"{year}-{int(month):02d}-{int(day):02d}T{int(hour):02d}:{rest}"
    return f"{value}T00:00" if _is_date(value) else value


def _is_date(value: str) -> bool:
    try:
        return parse_date(value) is not None and len(value) == len("2026-03-05")
    except ValueError:
        return False
