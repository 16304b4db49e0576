"""The stretch of time a page looks at, and the equally long one before it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

CHOICES = (7, 30)  # days


@dataclass(frozen=True)
class Period:
    """`days` times 24 hours up to `now`, and the days of `zone` that stretch ends with."""

    days: int
    zone: ZoneInfo
    now: datetime

    @classmethod
    def chosen(cls, asked: str, *, zone: ZoneInfo, now: datetime) -> "Period":
        """From what the address says; anything but a known choice is the first one."""
        days = int(asked) if asked in map(str, CHOICES) else CHOICES[0]
        return cls(days=days, zone=zone, now=now)

    @property
    def since(self) -> datetime:
        return self.now - timedelta(days=self.days)

    @property
    def previous(self) -> "Period":
        return Period(days=self.days, zone=self.zone, now=self.since)

    def dates(self) -> list[date]:
        """The community's days that the stretch ends with, oldest first."""
        last = self.now.astimezone(self.zone).date()
        return [last - timedelta(days=back) for back in range(self.days - 1, -1, -1)]

    def per_day(self, moments: Iterable[datetime]) -> list[int]:
        """How many of the moments fall on each of `dates`."""
        counts = dict.fromkeys(self.dates(), 0)
        for moment in moments:
            day = moment.astimezone(self.zone).date()
            if day in counts:
                counts[day] += 1
        return list(counts.values())
