"""A platform that says "later" again and again, or for very long: when a message ends all the same."""

from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest

from community_ops.common import dbtime
from messaging import services
from messaging.models import Attempt, AttemptOutcome, Delivery, SendBudget
from messaging.platforms.http_results import retry_after
from messaging.policies import TOO_FAST_COUNT
from messaging.selectors import delivery_counts
from tests.moments import NOON

pytestmark = pytest.mark.django_db
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def too_fast(httpserver):
    """A receiver that says so to every call."""
    httpserver.expect_request("/hook").respond_with_data("slow down", status=429)


@pytest.fixture
def tried(deliver, cooled, fresh):
    """Let a message be tried at each of these moments, the account's own wait being over, and read it."""

    def at(delivery: Delivery, *moments: datetime) -> Delivery:
        for moment in moments:
            cooled()
            deliver(moment)
        return fresh(delivery)

    return at


# --- too fast, without end -------------------------------------------------------------------------------


@pytest.mark.usefixtures("too_fast")
def test_too_fast_costs_no_try_for_a_day_and_then_parks_with_a_reason_of_its_own(hook, plan, tried) -> None:
    row = tried(plan(hook), *[NOON + number * HOUR for number in range(24)])
    assert (row.state, row.reason, row.attempt_count, row.attempt_limit) == ("planned", "retrying", 24, 31)
    assert row.too_fast_since == NOON

    row = tried(row, NOON + DAY)

    assert (row.state, row.reason, row.platform_code) == ("failed", "too_fast", "429")
    assert delivery_counts(Delivery.objects.all(), now=NOON + DAY).counts == {"parked": 1}


@pytest.mark.usefixtures("too_fast")
def test_five_hundred_too_fast_answers_park_it_within_the_day_too(hook, plan, tried, fresh) -> None:
    delivery = plan(hook)
    tried(delivery, NOON)
    before = TOO_FAST_COUNT - 2  # of the next two, the first goes on and the second parks it
    said = [
        Attempt(
            workspace_id=delivery.workspace_id, delivery=delivery, number=number, started_at=NOON, finished_at=NOON,
            outcome=AttemptOutcome.RETRY, http_status=429,
        )
        for number in range(2, before + 1)
    ]  # fmt: skip
    Attempt.objects.bulk_create(said)
    Delivery.objects.update(attempt_count=before, attempt_limit=before + 7)

    assert tried(delivery, NOON + HOUR).state == "planned"
    row = tried(delivery, NOON + 2 * HOUR)

    assert (row.state, row.reason, row.attempt_count) == ("failed", "too_fast", TOO_FAST_COUNT)


@pytest.mark.usefixtures("too_fast")
def test_queued_again_it_has_a_whole_day_again(hook, plan, tried, owner) -> None:
    row = tried(plan(hook), NOON, NOON + DAY)
    Delivery.objects.update(attempt_count=TOO_FAST_COUNT)

    services.requeue_failed(delivery=row, actor=owner.actor, now=NOON + DAY)
    row = tried(row, NOON + DAY, NOON + 2 * DAY - HOUR)

    assert (row.state, row.reason, row.too_fast_since) == ("planned", "retrying", NOON + DAY)
    assert tried(row, NOON + 2 * DAY).reason == "too_fast"


@pytest.mark.usefixtures("too_fast")
def test_its_latest_moment_comes_first(hook, plan, tried) -> None:
    delivery = plan(hook, latest_at=NOON + DAY)
    assert tried(delivery, NOON).state == "planned"
    row = tried(delivery, NOON + DAY)  # a day of "too fast", and the next try would be too late
    assert (row.state, row.reason) == ("expired", "too_late")


def test_an_answer_in_between_does_not_hide_the_day(httpserver, hook, plan, tried) -> None:
    for status in (429, 503, 429):
        httpserver.expect_ordered_request("/hook").respond_with_data("", status=status)
    row = tried(plan(hook), NOON, NOON + HOUR, NOON + DAY)
    assert (row.state, row.reason) == ("failed", "too_fast")


# --- how long the platform asks to wait ------------------------------------------------------------------

DATE = "Sun, 29 Nov 2026 13:00:00 GMT"


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ("90", 90),
        (" 7200 ", 7200),
        ("1.5", 1.5),
        ("9999999", 9_999_999),
        ("Sun, 29 Nov 2026 13:02:00 GMT", 120),
        ("Sunday, 29-Nov-26 13:02:00 GMT", 120),
        ("Sun Nov 29 13:02:00 2026", 120),
        ("Mon, 30 Nov 2026 14:00:00 +0100", 86_400),
        (DATE, None),
        ("Sun, 29 Nov 2020 13:02:00 GMT", None),
        ("Sun, 29 Nov 9026 13:02:00 GMT", None),
        ("Sun, 99 Nov 2026 13:02:00 GMT", None),
        ("99999999999", None),
        ("-5", None),
        ("0", None),
        ("٣", None),
        ("1e9", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_wish_to_wait_is_read_as_seconds_or_as_a_date_by_the_senders_own_clock(wish, seconds) -> None:
    assert retry_after({"retry-after": wish, "date": DATE}) == seconds


@pytest.mark.parametrize("date", [{}, {"date": "yesterday"}])
def test_a_date_is_read_by_the_databases_clock_where_the_sender_says_no_time(date) -> None:
    until = dbtime.now() + timedelta(minutes=5)
    seconds = retry_after({"retry-after": format_datetime(until, usegmt=True), **date})
    assert seconds == pytest.approx(300, abs=3)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("hours", "waits"), [(2, True), (24, True), (25, False)])
def test_a_wish_is_kept_up_to_a_day_and_parks_beyond(httpserver, hook, plan, tried, status, hours, waits) -> None:
    wish = {"Retry-After": str(hours * 3600)}
    httpserver.expect_request("/hook").respond_with_data("maintenance", status=status, headers=wish)

    row = tried(plan(hook), NOON)

    assert (row.state, row.reason) == (("planned", "retrying") if waits else ("failed", "long_wait"))
    if waits:
        assert row.next_try_at == NOON + hours * HOUR
    else:
        assert delivery_counts(Delivery.objects.all(), now=NOON).counts == {"parked": 1}


@pytest.mark.parametrize("hours", [2, 48])
def test_a_wish_beyond_its_latest_moment_expires_it(httpserver, hook, plan, tried, hours) -> None:
    wish = {"Retry-After": str(hours * 3600)}
    httpserver.expect_request("/hook").respond_with_data("", status=503, headers=wish)
    row = tried(plan(hook, latest_at=NOON + HOUR), NOON)
    assert (row.state, row.reason) == ("expired", "too_late")


def test_the_account_of_a_wish_beyond_a_day_is_asked_again_after_a_day(httpserver, hook, plan, deliver) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=429, headers={"Retry-After": "9999999"})
    plan(hook)
    deliver()
    (until,) = SendBudget.objects.values_list("cooldown_until", flat=True)
    assert (until - dbtime.now()).total_seconds() == pytest.approx(86_400, abs=5)
