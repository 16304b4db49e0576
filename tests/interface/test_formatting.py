"""Numbers, money, times and states as people read them."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import translation

from community_ops.common import clock
from community_ops.common.templatetags import shapes, wording
from community_ops.common.templatetags.interface import iso
from community_ops.common.templatetags.state_words import STATE_WORDS, TONES, words_of
from tests.moments import NOON

YEAR_AGO = timedelta(days=400)


@pytest.fixture(autouse=True)
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [
        (1204, 0, "1,204"),
        (123456789, 0, "123,456,789"),
        (2.5, 0, "3"),
        (Decimal("0.125"), 2, "0.13"),
        (-1204, 0, "-1,204"),
        (0, 0, "0"),
        (None, 0, "—"),
    ],
)
def test_thousands_are_grouped_in_every_language(language: str, value: float, digits: int, written: str) -> None:
    with translation.override(language):
        assert wording.grouped(value, digits) == written


@pytest.mark.parametrize(
    ("language", "minor", "currency", "written"),
    [
        ("zh-hans", 39900, "CNY", "¥399.00"),
        ("en", 39900, "CNY", "¥399.00"),
        ("en", 57271389, "GBP", "£572,713.89"),
        ("en", 100, "USD", "$1.00"),
        ("zh-hans", 100, "USD", "US$1.00"),
        ("en", 1200, "JPY", "JP¥1,200"),
        ("en", 1500, "KWD", "KWD\N{NO-BREAK SPACE}1.500"),
        ("en", -500, "CNY", "\N{MINUS SIGN}¥5.00"),
        ("en", None, "CNY", "—"),
    ],
)
def test_money_has_symbol_and_decimals_of_its_currency(
    language: str, minor: int | None, currency: str, written: str
) -> None:
    with translation.override(language):
        assert wording.money(minor, currency) == written


@pytest.mark.parametrize(
    ("rate", "digits", "written"), [(0.125, 0, "13%"), (0.125, 1, "12.5%"), (1, 0, "100%"), (None, 0, "—")]
)
def test_rates_become_percent(rate: float | None, digits: int, written: str) -> None:
    assert wording.as_percent(rate, digits) == written


def test_changes_carry_a_sign_unless_they_round_to_zero() -> None:
    written = [wording.signed_percent(rate) for rate in (0.183, -0.07, 0.001, 0, None)]

    assert written == ["+18%", "\N{MINUS SIGN}7%", "0%", "0%", "—"]
    assert [wording.signed(count) for count in (1204, -3, 0, None)] == ["+1,204", "\N{MINUS SIGN}3", "0", "—"]


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (900, "15 minutes"),
        (3900, "1 hour 5 minutes"),
        (90_061, "1 day 1 hour"),
        (86_400 * 40, "40 days"),
        (timedelta(minutes=1, seconds=30), "1 minute 30 seconds"),
        (-5, "0 seconds"),
        (None, "—"),
    ],
)
def test_durations_have_at_most_two_units(seconds: float | timedelta | None, written: str) -> None:
    assert wording.duration(seconds) == written


@pytest.mark.parametrize(
    ("distance", "written"),
    [
        (timedelta(seconds=-3), "just now"),
        (timedelta(seconds=-59), "59 seconds ago"),
        (timedelta(minutes=-12), "12 minutes ago"),
        (timedelta(hours=-25), "1 day ago"),
        (timedelta(minutes=20), "in 20 minutes"),
        (-YEAR_AGO, "1 year ago"),
    ],
)
def test_ago_names_the_largest_unit_and_the_direction(distance: timedelta, written: str) -> None:
    assert wording.ago(NOON + distance) == written


def test_times_are_written_in_the_zone_that_is_asked_for() -> None:
    assert wording.in_zone(NOON, "Asia/Shanghai") == "21 Nov, 20:00"
    assert wording.in_zone(NOON, "America/New_York") == "21 Nov, 07:00"
    assert wording.time_in_zone(NOON, "Asia/Kolkata") == "17:30"
    assert wording.day_in_zone(NOON + timedelta(hours=5), "Asia/Shanghai") == "Sun 22 Nov"


def test_the_year_is_written_when_it_is_another_one() -> None:
    assert wording.in_zone(NOON - YEAR_AGO, "Asia/Shanghai") == "17 Oct 2025, 20:00"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(729, "12:09"), (7_929, "02:12:09"), (2 * 86_400 + 61, "2d 00:01:01"), (0, "00:00"), (-9, "00:00")],
)
def test_countdown_reads_like_a_clock(seconds: int, written: str) -> None:
    assert wording.countdown_text(NOON + timedelta(seconds=seconds)) == written


def test_missing_moments_are_a_dash() -> None:
    assert {wording.ago(None), wording.since(None), wording.in_zone(None), wording.countdown_text(None)} == {"—"}


def test_machine_time_has_offset_and_milliseconds() -> None:
    assert iso(NOON) == "2026-11-21T12:00:00.000+00:00"


def test_every_state_has_words_and_a_known_tone() -> None:
    for kind, states in STATE_WORDS.items():
        for state, words in states.items():
            assert str(words.label), (kind, state)
            assert words.tone in TONES, (kind, state)


def test_a_sent_message_is_not_called_delivered() -> None:
    assert str(words_of("delivery", "accepted").label) == "Accepted by the platform"
    assert words_of("delivery", "accepted").tone == "info"


def test_an_unknown_state_is_shown_as_stored() -> None:
    assert words_of("delivery", "brand_new").label == "brand_new"
    assert words_of("no such table", "x").tone == "neutral"


def test_shares_stay_between_nothing_and_the_whole() -> None:
    shares = [shapes.share_of(value, whole) for value, whole in ((1, 3), (5, 4), (-1, 4), (1, 0), (None, 4))]

    assert shares == ["33.33", "100.00", "0.00", "0.00", "0.00"]


def test_gauge_parts_stand_side_by_side() -> None:
    parts = shapes.gauge_parts({"left": 50, "sold": 30, "held": 20})

    assert [(part.key, part.x, part.width) for part in parts] == [
        ("sold", "0.00", "30.00"),
        ("held", "30.00", "20.00"),
        ("left", "50.00", "50.00"),
    ]


def test_small_line_leaves_a_gap_where_a_value_is_missing() -> None:
    assert shapes.sparkline([0, 10, None, 5]) == "M2.0 30.0 L40.7 2.0 M118.0 16.0"


@pytest.mark.parametrize("values", [None, [], [3], [None, 3]])
def test_no_line_is_drawn_from_less_than_two_values(values: list[int | None] | None) -> None:
    assert shapes.sparkline(values) == ""


def test_a_flat_line_stands_in_the_middle() -> None:
    assert shapes.sparkline([7, 7]) == "M2.0 16.0 L118.0 16.0"
