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

    def counted(self, rows: QuerySet[Any, Any], column: str) -> "Counted":
        """How many rows have their `column` (a moment) in the stretch, before it, and on each of `dates`. One query."""
        first = max(self.since, self._starts()[0])
        ends = [*self._starts()[1:], self.now]
        named = {"new": self._between(column, self.since, self.now)}
        named |= {"before": self._between(column, self.previous.since, self.since)}
        for number, (start, end) in enumerate(zip(self._starts(), ends, strict=True)):
            named[f"day_{number}"] = self._between(column, max(start, first), end)
        relevant = rows.filter(**{f"{column}__gte": self.previous.since, f"{column}__lt": self.now}).order_by()
        found = relevant.aggregate(**{name: Count("pk", filter=condition) for name, condition in named.items()})
        return Counted(found.pop("new"), found.pop("before"), list(found.values()))

    def _starts(self) -> list[datetime]:
        return [datetime.combine(day, time.min, self.zone) for day in self.dates()]

    def _between(self, column: str, since: datetime, until: datetime) -> Q:
        return Q(**{f"{column}__gte": since, f"{column}__lt": until})


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows of a stretch, of the one before it, and on each day it ends with."""

    new: int
    before: int
    per_day: list[int]
