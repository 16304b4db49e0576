"""A platform that says "later" again and again, or for very long: when a message ends all the same."""

from datetime import datetime, timedelta

import pytest

from messaging import services
from messaging.models import Attempt, AttemptOutcome, Delivery
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
    assert delivery_counts(Delivery.objects.all(), now=NOON + DAY) == {"parked": 1}


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
