"""Pages: 排期 by month, a grid of weeks in which each day leads to its own list."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from messaging import services as messaging
from messaging.models import Delivery
from tests.campaigns.conftest import HTMX, Page, SignIn, Start, Write, schedule, text_of
from tests.factories.people import SYSTEM, Someone
from tests.moments import NOON

pytestmark = pytest.mark.usefixtures("at_noon", "in_english")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONDAY, SUNDAY = 0, 6  # as `date.weekday` counts


def day(answer: Any, on: date) -> Any:
    (found,) = [one for one in answer.context["days"] if one.on == on]
    return found


@pytest.mark.parametrize(("language", "first"), [("zh-hans", MONDAY), ("en", SUNDAY)])
def test_a_month_is_whole_weeks_that_begin_as_the_language_begins_them(
    signed_in: SignIn, owner: Someone, language: str, first: int
) -> None:
    with translation.override(language):
        answer = signed_in(owner).get(f"/w/{owner.workspace.slug}/calendar/", headers={"Accept-Language": language})
    weeks = answer.context["weeks"]
    assert {len(week) for week in weeks} == {7}
    assert {week[0].on.weekday() for week in weeks} == {first}
    inside = [one.on for week in weeks for one in week if not one.is_outside]
    assert (inside[0], inside[-1], len(inside)) == (date(2026, 11, 1), date(2026, 11, 30), 30)


def test_today_is_marked_and_days_of_other_months_stand_apart(page: Page) -> None:
    answer = page("calendar/")
    assert [one.on for one in answer.context["days"] if one.is_today] == [date(2026, 11, 21)]
    shown = text_of(answer)
    assert shown.count('id="today" aria-current="date"') == 1
    assert shown.count("is-outside") == 5  # 1 to 5 December; the first of November is a Sunday


def test_the_ways_to_the_months_beside_keep_the_group(page: Page, group: Any) -> None:
    shown = text_of(page("calendar/", {"month": "2026-12", "group": group.pk}))
    assert f'href="?month=2026-11&amp;group={group.pk}">‹ November 2026</a>' in shown
    assert f'href="?month=2027-01&amp;group={group.pk}">January 2027 ›</a>' in shown
    assert ">December 2026</h2>" in shown


@pytest.mark.parametrize("month", ["x", "2026-13", "1999-12", "2201-01", ""])
def test_a_month_that_is_none_shows_this_one(page: Page, month: str) -> None:
    assert ">November 2026</h2>" in text_of(page("calendar/", {"month": month}))


def test_a_day_shows_four_entries_and_leads_to_all_of_them(page: Page, write: Write) -> None:
    for number in range(6):
        schedule(write(text=f"第 {number} 条", due_at=NOON + HOUR + number * timedelta(minutes=1)))
    answer = page("calendar/")
    assert (len(day(answer, date(2026, 11, 21)).lines), day(answer, date(2026, 11, 21)).hidden_count) == (4, 2)
    shown = text_of(answer)
    assert 'href="?from=2026-11-21&amp;days=1">2 more on this day</a>' in shown
    assert "21:00" in shown
    assert ">Planned</span>" in shown
    assert "第 5 条" not in shown
    assert "第 5 条" in text_of(page("calendar/", {"from": "2026-11-21", "days": 1}))


def test_where_a_day_is_full_trouble_stands_first_then_what_is_to_come(page: Page, write: Write) -> None:
    states = ["accepted", "confirmed", "accepted", "accepted", "planned", "failed"]
    for number, state in enumerate(states):
        announcement = write(text=f"第 {number} 条", due_at=NOON + HOUR + number * timedelta(minutes=1))
        schedule(announcement)
        Delivery.objects.filter(origin_id=announcement.pk).update(state=state)
    lines = day(page("calendar/"), date(2026, 11, 21)).lines
    assert [line["title"] for line in lines] == ["第 5 条", "第 4 条", "第 0 条", "第 1 条"]
    listed = day(page("calendar/", {"from": "2026-11-21", "days": 1}), date(2026, 11, 21)).lines
    assert [line["title"] for line in listed] == [f"第 {number} 条" for number in range(6)]


def test_every_day_is_reached_by_its_own_link(page: Page) -> None:
    shown = text_of(page("calendar/"))
    assert shown.count('<a id="day-2026-') == 35
    assert 'href="?from=2026-11-04&amp;days=1" aria-label="Wed 4 Nov"' in shown


def test_empty_days_in_a_row_are_said_once_where_there_is_no_room(page: Page, owner: Someone) -> None:
    messaging.create_holiday(
        workspace_id=owner.workspace.pk, name="店庆", from_on=date(2026, 11, 25), until_on=None, actor=SYSTEM, now=NOON
    )
    answer = page("calendar/")
    folds = [one.fold for one in answer.context["days"] if one.fold]
    assert folds == ["Sun 1 Nov – Fri 20 Nov", "Sun 22 Nov – Tue 24 Nov", "Thu 26 Nov – Mon 30 Nov"]


def test_the_piece_that_is_fetched_anew_is_the_month_alone(page: Page) -> None:
    shown = text_of(page("calendar/", {"month": "2026-12"}, **HTMX))
    assert 'class="month"' in shown
    assert "<form" not in shown


def test_the_list_leads_to_the_month_it_begins_in_and_back(page: Page) -> None:
    assert 'href="?month=2027-02">Month</a>' in text_of(page("calendar/", {"from": "2027-02-03", "days": 14}))
    assert 'href="?from=2027-02-01&amp;days=31">List</a>' in text_of(page("calendar/", {"month": "2027-02"}))
    assert 'href="?days=7">List</a>' in text_of(page("calendar/"))


def test_menu_and_page_have_one_name(page: Page) -> None:
    shown = text_of(page("calendar/"))
    assert "<h1>Calendar</h1>" in shown
    assert "Operations calendar" not in shown


def test_a_month_costs_the_same_number_of_queries_however_much_is_in_it(page: Page, write: Write, start: Start) -> None:
    schedule(write())
    start(starts_at=NOON + timedelta(minutes=30), ends_at=NOON + 2 * HOUR)
    page("calendar/")
    with CaptureQueriesContext(connection) as few:
        page("calendar/")
    for number in range(2, 12):
        schedule(write(due_at=NOON + number * 8 * HOUR))
        start(starts_at=NOON + number * HOUR, ends_at=NOON + DAY, subject_id=number)
    with CaptureQueriesContext(connection) as many:
        page("calendar/")
    assert len(many) == len(few)
