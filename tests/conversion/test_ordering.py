"""Buying: what is refused in which order, and what success writes."""

from datetime import timedelta

import pytest

from community_ops.common.errors import InvalidInput
from community_ops.common.models import AuditEntry
from conversion import services
from conversion.errors import SaleLimitReached, SaleNotOpen, SaleSoldOut
from conversion.models import Order, SaleBuyer, StockHold
from tests.conversion.conftest import HOLD, adds_up, counts
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def assert_nothing_was_bought(sale) -> None:
    assert not Order.objects.exists()
    assert not StockHold.objects.exists()
    assert not SaleBuyer.objects.filter(quantity__gt=0).exists()
    assert not AuditEntry.objects.filter(verb="order.held").exists()
    assert counts(sale).left == counts(sale).stock


def test_an_order_holds_its_pieces_for_its_time(sale, buy, member) -> None:
    order = buy(sale, 2, member=member)
    assert (order.state, order.expires_at, order.total_amount, order.currency) == ("held", NOON + HOLD, 39800, "CNY")
    line = order.lines.get()
    assert (line.quantity, line.unit_amount, line.description, line.hold.quantity) == (2, 19900, "羊毛衫", 2)
    assert SaleBuyer.objects.get(member=member).quantity == 2
    assert (adds_up(sale).held, adds_up(sale).left) == (2, 1)
    assert AuditEntry.objects.filter(verb="order.held", target_id=str(order.pk)).count() == 1


@pytest.mark.parametrize("quantity", [0, -1, 1_000_001])
def test_odd_quantities_are_refused(sale, buy, quantity) -> None:
    with pytest.raises(InvalidInput) as refused:
        buy(sale, quantity)
    assert refused.value.field == "quantity"
    assert_nothing_was_bought(sale)


def test_nothing_is_sold_before_the_start_and_from_the_end_on(open_sale, buy) -> None:
    sale = open_sale(starts_at=NOON + HOUR, ends_at=NOON + 2 * HOUR)
    for moment, state in ((NOON, "scheduled"), (NOON + 2 * HOUR, "ended")):
        with pytest.raises(SaleNotOpen) as refused:
            buy(sale, now=moment)
        assert refused.value.extra == {"state": state}
    assert_nothing_was_bought(sale)
    assert buy(sale, now=NOON + HOUR).state == "held"


def test_nothing_is_sold_while_paused_or_after_cancelling(open_sale, new_sale, buy) -> None:
    paused, cancelled, draft = open_sale(), open_sale(), new_sale()
    services.pause_flash_sale(sale=paused, actor=SYSTEM, now=NOON)
    services.cancel_flash_sale(sale=cancelled, actor=SYSTEM, now=NOON)
    for sale, state in ((paused, "paused"), (cancelled, "cancelled"), (draft, "draft")):
        with pytest.raises(SaleNotOpen) as refused:
            buy(sale)
        assert refused.value.extra == {"state": state}
        assert_nothing_was_bought(sale)


def test_not_open_comes_before_limit_and_limit_before_sold_out(open_sale, buy, member) -> None:
    sale = open_sale(stock=2)
    buy(sale, 2, member=member)
    with pytest.raises(SaleLimitReached):
        buy(sale, member=member)
    with pytest.raises(SaleLimitReached):
        buy(sale, 3)
    with pytest.raises(SaleSoldOut):
        buy(sale, 1)
    services.pause_flash_sale(sale=sale, actor=SYSTEM, now=NOON)
    with pytest.raises(SaleNotOpen):
        buy(sale, member=member)
    assert Order.objects.count() == 1


def test_asking_for_more_than_is_left_says_how_many_are(open_sale, buy) -> None:
    sale = open_sale(limit_per_member=None)
    buy(sale, 2)
    with pytest.raises(SaleSoldOut) as refused:
        buy(sale, 2)
    assert refused.value.extra == {"left": 1}
    assert adds_up(sale).left == 1


def test_without_a_limit_one_member_may_take_everything(open_sale, buy, member) -> None:
    sale = open_sale(limit_per_member=None, stock=5)
    assert buy(sale, 5, member=member).state == "held"


def test_held_and_paid_pieces_count_in_the_limit_and_free_ones_do_not(open_sale, buy, member) -> None:
    sale = open_sale(stock=10)
    paid, held = buy(sale, member=member), buy(sale, member=member)
    services.pay_order(order=paid, actor=SYSTEM, now=NOON)
    with pytest.raises(SaleLimitReached):
        buy(sale, member=member)
    services.cancel_order(order=held, actor=SYSTEM, now=NOON)
    assert buy(sale, member=member).state == "held"


def test_expired_pieces_can_be_bought_before_any_sweep(open_sale, buy) -> None:
    sale = open_sale(stock=2)
    first = buy(sale, 2)
    with pytest.raises(SaleSoldOut):
        buy(sale, now=NOON + HOLD - timedelta(seconds=1))
    assert counts(sale, NOON + HOLD).left == 2
    second = buy(sale, 2, now=NOON + HOLD)
    first.refresh_from_db()
    assert (first.state, second.state) == ("expired", "held")
    assert adds_up(sale, NOON + HOLD).held == 2


def test_an_expired_order_frees_the_limit_before_any_sweep(open_sale, buy, member) -> None:
    sale = open_sale(stock=10)
    buy(sale, 2, member=member)
    assert buy(sale, 2, member=member, now=NOON + HOLD).state == "held"
    assert SaleBuyer.objects.get(member=member).quantity == 2


def test_a_form_sent_twice_is_one_order(sale, buy, member) -> None:
    first, again = (buy(sale, member=member, key="k1") for _ in range(2))
    assert first.pk == again.pk
    assert buy(sale, member=member, key="k2").pk != first.pk
    assert adds_up(sale).held == 2
