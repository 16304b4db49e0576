"""The numbers on the record's tabs: exact for what is open, capped for what ended, whatever the record's length."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from community_ops.common import clock
from messaging import record_states
from messaging.models import Delivery
from messaging.selectors import delivery_counts
from tests.moments import NOON

pytestmark = pytest.mark.django_db
CAP = 3


@pytest.fixture(autouse=True)
def small_cap(monkeypatch) -> None:
    monkeypatch.setattr(record_states, "COUNTED_MOST", CAP)
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def settled(plan, room):
    """So many deliveries that ended, or wait, like this; the later ones are newer."""

    def make(count: int, **facts) -> None:
        ids = [plan(room).pk for _ in range(count)]
        Delivery.objects.filter(pk__in=ids).update(**facts)

    return make


def told(found) -> tuple[dict[str, int], set[str]]:
    return dict(found.counts), set(found.more)


def test_what_is_open_is_counted_to_the_last_and_ends_up_to_the_cap(settled) -> None:
    settled(CAP + 4, state="waiting")
    settled(CAP + 1, state="unknown")
    settled(CAP + 4, state="accepted")
    settled(CAP, state="confirmed")
    counts, more = told(delivery_counts(Delivery.objects.all(), now=NOON))
    assert counts == {"waiting": CAP + 4, "unknown": CAP + 1, "accepted": CAP, "confirmed": CAP}
    assert more == {"accepted"}


def test_of_a_cut_end_each_reading_may_be_more(settled) -> None:
    settled(2, state="failed", reason="gave_up")  # older than what is looked at
    settled(1, state="failed", reason="refused", parts_sent=1)
    settled(CAP, state="failed", reason="refused")
    counts, more = told(delivery_counts(Delivery.objects.all(), now=NOON))
    assert counts == {"failed": CAP, "partly_sent": 1}
    assert more == {"failed", "parked", "partly_sent"}


def test_all_of_an_end_with_no_more_than_the_cap_is_counted_by_its_reading(settled) -> None:
    settled(1, state="cancelled", reason="quiet_hours")
    settled(1, state="cancelled", reason="sale_over")
    settled(1, state="expired", parts_sent=1)
    counts, more = told(delivery_counts(Delivery.objects.all(), now=NOON))
    assert (counts, more) == ({"quiet_hours": 1, "cancelled": 1, "partly_sent": 1}, set())


def test_no_statement_reads_ended_rows_without_an_end(settled) -> None:
    settled(CAP + 4, state="accepted")
    with CaptureQueriesContext(connection) as queries:
        delivery_counts(Delivery.objects.all(), now=NOON)
    ended = [one["sql"] for one in queries if "'accepted'" in one["sql"].partition("WHERE")[2]]
    assert ended
    assert all(f"LIMIT {CAP + 1}" in sql for sql in ended)
    assert len(queries) == 6


def test_the_tabs_say_that_there_are_more_and_never_nought_and_more(settled, signed_in, owner, workspace) -> None:
    settled(CAP + 4, state="accepted")
    settled(CAP + 4, state="cancelled", reason="sale_over")
    settled(2, state="failed", reason="refused")
    answer = signed_in(owner).get(reverse("messaging:deliveries", args=[workspace.slug]))
    assert {tab["state"]: tab["count"] for tab in answer.context["tabs"][1:]} == {
        "accepted": CAP, "failed": 2, "quiet_hours": None, "holiday": None, "cap": None, "left_out": None,
        "cancelled": CAP, "partly_sent": None,
    }  # fmt: skip
    nav = answer.content.decode().partition('id="delivery-tabs"')[2].partition("</nav>")[0]
    assert re.findall(r'<span class="number">([^<]*)</span>', nav) == ["3+", "2", "3+"]
