"""The panel of a group's page: days as people write them, a chart in which nothing hides anything."""

from datetime import UTC, date, datetime

import pytest
from django.utils import translation

from retention import pages, selectors


@pytest.mark.parametrize(("on", "written"), [(date(2026, 11, 7), "7 Nov"), (date(2025, 12, 31), "31 Dec 2025")])
def test_a_day_has_its_year_when_it_is_another_one(on, written) -> None:
    with translation.override("en"):
        assert pages._written(on, date(2026, 11, 21)) == written


def test_equal_numbers_of_messages_and_speakers_are_both_seen() -> None:
    day = datetime(2026, 11, 20, tzinfo=UTC).date()
    with translation.override("en"):
        chart = pages._chart([selectors.GroupDay(day, 3, 3)], day, day, source="import")
    assert chart["kind"] == "bar"
    assert chart["labels"] == ["20 Nov"]
