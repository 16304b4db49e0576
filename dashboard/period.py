"""The stretch of time a page looks at, and the equally long one before it."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet

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

    def per_day(self, rows: QuerySet[Any, Any], column: str) -> list[int]:
        """How many rows have their `column` (a moment) on each of `dates`; counted by the database."""
        starts = [datetime.combine(day, time.min, self.zone) for day in self.dates()]
        ends = [*starts[1:], starts[-1] + timedelta(days=1)]
        counts = {
            f"day_{number}": Count("pk", filter=Q(**{f"{column}__gte": start, f"{column}__lt": end}))
            for number, (start, end) in enumerate(zip(starts, ends, strict=True))
        }
        return list(rows.order_by().aggregate(**counts).values())
