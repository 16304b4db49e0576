"""Times of a plan: tables."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from campaigns.policies import SkipReason, due_or_now, touch_time, wall_time
from community_ops.common.errors import InvalidInput
from tests.moments import NOON

SHANGHAI, LONDON, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/London"), ZoneInfo("America/New_York")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
START = NOON + timedelta(days=7)  # 20:00 in Shanghai, 28 November
END = START + 2 * HOUR
THREE_BEFORE = START.replace(day=25, hour=2)  # 10:00 in Shanghai


@dataclass(frozen=True)
class Timing:
    anchor: str = "start"
    offset_seconds: int = 0
    offset_days: int = 0
    local_time: time | None = None
    latest_seconds: int = 600


@pytest.mark.parametrize(
    ("on", "at", "zone", "expected"),
    [
        (date(2026, 11, 28), time(9), SHANGHAI, datetime(2026, 11, 28, 1, tzinfo=UTC)),
        (date(2026, 7, 1), time(9), LONDON, datetime(2026, 7, 1, 8, tzinfo=UTC)),
        # 01:00–02:00 does not exist in London that day: the next minute that does is 02:00 = 01:00 UTC
        (date(2026, 3, 29), time(1, 30), LONDON, datetime(2026, 3, 29, 1, tzinfo=UTC)),
        (date(2026, 3, 8), time(2, 15), NEW_YORK, datetime(2026, 3, 8, 7, tzinfo=UTC)),
        # 01:30 comes twice: the first is taken
        (date(2026, 10, 25), time(1, 30), LONDON, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (date(2026, 11, 1), time(1, 30), NEW_YORK, datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        # half an hour is skipped on Lord Howe island
        (date(2026, 10, 4), time(2, 10), ZoneInfo("Australia/Lord_Howe"), datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
        # Samoa had no 30 December 2011 at all
        (date(2011, 12, 30), time(9), ZoneInfo("Pacific/Apia"), datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ],
)
def test_wall_time_is_the_next_valid_or_the_first_of_two(
    on: date, at: time, zone: ZoneInfo, expected: datetime
) -> None:
    assert wall_time(on, at, zone) == expected


@pytest.mark.parametrize(
    ("step", "due_at", "latest_at"),
    [
        (Timing(offset_seconds=-3600), START - HOUR, START - HOUR + 10 * MINUTE),
        (Timing(offset_seconds=-300), START - 5 * MINUTE, START),  # never after the start it speaks of
        (Timing(), START, START + 10 * MINUTE),
        (Timing(offset_days=-3, local_time=time(10)), THREE_BEFORE, THREE_BEFORE + 10 * MINUTE),
        (Timing(local_time=time(9)), START.replace(hour=1), START.replace(hour=1, minute=10)),
        (Timing(anchor="end", offset_seconds=-600), END - 10 * MINUTE, END),
        (Timing(anchor="end"), END, END + 10 * MINUTE),
    ],
)  # fmt: skip
def test_ladder_times_follow_their_anchor(step: Timing, due_at: datetime, latest_at: datetime) -> None:
    times = touch_time(step, starts_at=START, ends_at=END, zone=SHANGHAI, now=NOON)
    assert (times.due_at, times.latest_at, times.skipped) == (due_at, latest_at, None)


@pytest.mark.parametrize(
    ("step", "now", "reason"),
    [
        (Timing(offset_seconds=-3600), START - 59 * MINUTE, SkipReason.PAST),
        (Timing(offset_seconds=-3600), START - HOUR, None),
        (Timing(), START + timedelta(seconds=60), None),  # "now" may be a minute old
        (Timing(), START + timedelta(seconds=61), SkipReason.PAST),
        (Timing(latest_seconds=30), START + timedelta(seconds=30), SkipReason.PAST),
        (Timing(anchor="end", offset_seconds=-7200), NOON, SkipReason.TOO_SHORT),  # as long as the sale itself
        (Timing(anchor="end", offset_seconds=-7199), NOON, None),
        (Timing(offset_seconds=7200), NOON, SkipReason.TOO_SHORT),
        (Timing(local_time=time(20)), NOON, SkipReason.AFTER_START),  # at the start itself
        (Timing(local_time=time(19, 59)), NOON, None),
    ],
)
def test_touch_is_skipped_when_it_has_no_time(step: Timing, now: datetime, reason: SkipReason | None) -> None:
    assert touch_time(step, starts_at=START, ends_at=END, zone=SHANGHAI, now=now).skipped == reason


def test_touch_of_the_window_is_not_sent_after_it_when_the_window_is_short() -> None:
    times = touch_time(Timing(), starts_at=START, ends_at=START + 3 * MINUTE, zone=SHANGHAI, now=NOON)
    assert times.latest_at == START + 3 * MINUTE


@pytest.mark.parametrize("seconds", [0, 1, 60])
def test_just_past_means_now(seconds: int) -> None:
    assert due_or_now(NOON - timedelta(seconds=seconds), now=NOON) == NOON


def test_older_time_is_refused_naming_the_field() -> None:
    with pytest.raises(InvalidInput) as caught:
        due_or_now(NOON - timedelta(seconds=61), now=NOON)
    assert caught.value.field == "due_at"


ZONES = [SHANGHAI, LONDON, NEW_YORK, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("America/Sao_Paulo")]


@pytest.mark.parametrize("zone", ZONES)
def test_every_day_of_a_year_has_one_later_moment_per_wall_time(zone: ZoneInfo) -> None:
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    moments = [wall_time(day, time(2, 30), zone) for day in days]
    assert moments == sorted(set(moments))
    assert all(moment.second == 0 for moment in moments)
