"""What a sale is at a moment, and the other rules that need no database."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from community_ops.common.errors import InvalidInput
from conversion import policies
from conversion.models import OrderState
from conversion.policies import StockCounts
from tests.moments import NOON

END = NOON + timedelta(hours=1)
SECOND = timedelta(seconds=1)


@dataclass
class Times:
    state: str = "scheduled"
    starts_at: datetime = NOON
    ends_at: datetime = END
    paused_at: datetime | None = None


@pytest.mark.parametrize(
    ("times", "left", "now", "moment"),
    [
        (Times(state="draft"), 3, NOON, "draft"),
        (Times(state="cancelled"), 3, NOON, "cancelled"),
        (Times(state="cancelled"), 3, END, "cancelled"),
        (Times(), 3, NOON - SECOND, "scheduled"),
        (Times(), 3, NOON, "open"),
        (Times(), 0, NOON, "sold_out"),
        (Times(), 3, END - SECOND, "open"),
        (Times(), 3, END, "ended"),
        (Times(), 0, END, "ended"),
        (Times(paused_at=NOON), 3, NOON, "paused"),
        (Times(paused_at=NOON), 0, NOON, "paused"),
        (Times(paused_at=NOON - SECOND), 3, NOON - SECOND, "paused"),
        (Times(paused_at=NOON), 3, END, "ended"),
    ],
)
def test_a_sale_is_what_its_times_and_its_stock_say(times, left, now, moment) -> None:
    assert policies.sale_moment(times, left=left, now=now) == moment


def test_only_open_and_sold_out_sales_look_at_orders() -> None:
    assert [moment for moment in policies.SaleMoment if policies.sells(moment)] == ["open", "sold_out"]


def test_a_minute_ago_means_now_and_older_is_refused() -> None:
    assert policies.start_or_now(NOON - timedelta(seconds=60), now=NOON) == NOON
    assert policies.start_or_now(END, now=NOON) == END
    with pytest.raises(InvalidInput) as refused:
        policies.start_or_now(NOON - timedelta(seconds=61), now=NOON)
    assert refused.value.field == "starts_at"


def test_every_state_of_an_order_has_its_line_in_the_table() -> None:
    assert set(policies.ORDER_CHANGES) == set(OrderState.values)
    assert {state for changes in policies.ORDER_CHANGES.values() for state in changes} <= set(OrderState.values)


@pytest.mark.parametrize(
    ("counts", "half", "all_of_it"),
    [
        (StockCounts(stock=4, sold=0, held=4, left=0), False, False),
        (StockCounts(stock=4, sold=1, held=3, left=0), False, False),
        (StockCounts(stock=4, sold=2, held=0, left=2), True, False),
        (StockCounts(stock=3, sold=2, held=0, left=1), True, False),
        (StockCounts(stock=4, sold=4, held=0, left=0), True, True),
        (StockCounts(), False, False),
    ],
)
def test_sold_means_paid(counts, half, all_of_it) -> None:
    assert (policies.is_half_sold(counts), policies.is_sold_out(counts)) == (half, all_of_it)


def test_public_codes_cannot_be_guessed() -> None:
    codes = {policies.new_public_code() for _ in range(100)}
    assert len(codes) == 100
    assert min(map(len, codes)) >= 22  # 128 bits
