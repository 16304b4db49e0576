"""Words for what the pages of a sale show; formatting only."""

from datetime import datetime
from zoneinfo import ZoneInfo

from community_ops.common.templatetags.wording import in_zone, time_in_zone


def window_words(starts_at: datetime, ends_at: datetime, zone: str) -> str:
    """From when to when: the day of the end only when it is another one."""
    is_same_day = starts_at.astimezone(ZoneInfo(zone)).date() == ends_at.astimezone(ZoneInfo(zone)).date()
    end = time_in_zone(ends_at, zone) if is_same_day else in_zone(ends_at, zone)
    return f"{in_zone(starts_at, zone)} – {end}"
