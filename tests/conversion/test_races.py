"""Many buyers at the same moment: on PostgreSQL, where they really are at the same moment."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction

from community_ops.common import stock
from community_ops.common.errors import InvalidTransition
from community_ops.common.models import OutboxEvent
from conversion import services
from conversion.errors import SaleNotOpen, SaleSoldOut
from conversion.models import FlashSale, Order, SaleBuyer, SaleItem
from conversion.services import importing
from members.services import create_member
from tests.conversion.conftest import HOLD, adds_up, make_community, make_group, make_product, terms_of
from tests.factories.people import SYSTEM, make_workspace
from tests.moments import NOON
from tests.races import at_once

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
ROUNDS = 5


@pytest.fixture
def new_world():
    """A workspace of its own with an open sale and members: new_world(stock=…, members=…)."""

    def make(*, members: int, **terms):
        workspace = make_workspace()
        community = make_community(workspace)
        product = make_product(workspace)
        wanted = terms_of(product, make_group(community), **terms)
        sale = services.create_flash_sale(terms=wanted, actor=SYSTEM, now=NOON)
        services.schedule_flash_sale(sale=sale, actor=SYSTEM, now=NOON)
        people = [create_member(community=community, name=f"群友 {n}", actor=SYSTEM, now=NOON) for n in range(members)]
        return sale, people

    return make


def buy(sale, member, quantity=1, now=NOON, key=""):
    return services.place_order(sale=sale, member=member, quantity=quantity, request_key=key, actor=SYSTEM, now=now)


def take_naively(item, *, quantity, now) -> bool:
    """What everybody writes first: read, look, save."""
    row = SaleItem.objects.get(pk=item.pk)
    if row.left < quantity:
        return False
    SaleItem.objects.filter(pk=item.pk).update(left=row.left - quantity)
    return True


@pytest.mark.parametrize(("take", "oversells"), [(stock.take, False), (take_naively, True)])
def test_exactly_the_stock_is_sold_when_many_buy_at_once(new_world, monkeypatch, take, oversells) -> None:
    """The naive twin must oversell, or this test proves nothing."""
    monkeypatch.setattr("conversion.services.ordering.stock.take", take)
    oversold = []
    for _ in range(ROUNDS):
        sale, people = new_world(members=12, stock=3)
        results = at_once([partial(buy, sale, member) for member in people])
        sold = sum(isinstance(result, Order) for result in results)
        oversold.append(sold > 3)
        if not oversells:
            assert sold == 3
            assert sum(isinstance(result, SaleSoldOut) for result in results) == 9
            assert adds_up(sale).held == 3
    assert any(oversold) is oversells


def count_naively(buyer, sale, quantity, *, now) -> None:
    row = SaleBuyer.objects.get(pk=buyer.pk)
    if row.quantity + quantity <= sale.limit_per_member:
        SaleBuyer.objects.filter(pk=buyer.pk).update(quantity=row.quantity + quantity)


@pytest.mark.parametrize("is_naive", [False, True])
def test_the_limit_holds_when_one_member_buys_on_many_phones(new_world, monkeypatch, is_naive) -> None:
    if is_naive:
        monkeypatch.setattr("conversion.services.ordering.count_in_limit", count_naively)
    broken = []
    for _ in range(ROUNDS):
        sale, (member,) = new_world(members=1, stock=50, limit_per_member=2)
        at_once([partial(buy, sale, member)] * 10)
        broken.append(Order.objects.filter(sale=sale).count() > 2)
    assert any(broken) is is_naive


def test_one_form_sent_at_once_from_many_taps_is_one_order(new_world) -> None:
    sale, (member,) = new_world(members=1, stock=50, limit_per_member=None)
    results = at_once([partial(buy, sale, member, key="k1")] * 10)
    assert {result.pk for result in results} == {Order.objects.get().pk}
    assert adds_up(sale).held == 1


def test_expired_pieces_are_sold_once_while_sweeper_and_buyers_race(new_world) -> None:
    later = NOON + HOLD
    for _ in range(ROUNDS):
        sale, people = new_world(members=14, stock=4, limit_per_member=None)
        buy(sale, people[0], 2)
        buy(sale, people[1], 2)
        jobs = [partial(buy, sale, member, now=later) for member in people[2:]]
        sweeps = [partial(services.expire_due_orders, now=later)] * 2
        results = at_once([*jobs, *sweeps])
        assert [result for result in results if not isinstance(result, Order | SaleSoldOut | int)] == []
        assert sum(isinstance(result, Order) for result in results) == 4
        assert adds_up(sale, later).held == 4


def test_paying_and_expiring_at_once_end_in_one_state(new_world) -> None:
    sale, people = new_world(members=8, stock=8)
    orders = [buy(sale, member) for member in people]
    edge = NOON + HOLD
    pays = [partial(services.pay_order, order=order, actor=SYSTEM, now=edge - timedelta(seconds=1)) for order in orders]
    at_once([*pays, *[partial(services.expire_due_orders, now=edge)] * 4])
    found = adds_up(sale, edge)
    states = list(Order.objects.filter(sale=sale).values_list("state", flat=True))
    assert set(states) <= {"paid", "paid_late"}
    assert found.sold == states.count("paid")
    assert sum(SaleBuyer.objects.filter(sale=sale).values_list("quantity", flat=True)) == found.sold


def test_paying_and_cancelling_at_once_end_in_one_state(new_world) -> None:
    sale, people = new_world(members=6, stock=6)
    for member in people:
        order = buy(sale, member)
        pay, cancel = (
            partial(change, order=Order.objects.get(pk=order.pk), actor=SYSTEM, now=NOON)
            for change in (services.pay_order, services.cancel_order)
        )
        results = at_once([pay, cancel])
        assert sum(isinstance(result, InvalidTransition) for result in results) == 1
    adds_up(sale)


@pytest.mark.parametrize("change", [services.pause_flash_sale, services.cancel_flash_sale])
def test_nothing_is_sold_after_a_stop_has_answered(new_world, change) -> None:
    for _ in range(ROUNDS):
        sale, people = new_world(members=10, stock=10)
        seen: list[int] = []

        def stop(sale=sale, seen=seen) -> None:
            change(sale=FlashSale.objects.get(pk=sale.pk), actor=SYSTEM, now=NOON)
            seen.append(Order.objects.filter(sale=sale).count())

        results = at_once([*(partial(buy, sale, member) for member in people), stop])
        assert [result for result in results if not isinstance(result, Order | SaleNotOpen | None)] == []
        assert seen == [Order.objects.filter(sale=sale).count()]
        if change is services.cancel_flash_sale:
            assert not Order.objects.filter(sale=sale, state="held").exists()
        adds_up(sale)


def test_conditions_are_told_once_by_many_watchers(new_world) -> None:
    sale, (member,) = new_world(members=1, stock=1)
    services.pay_order(order=buy(sale, member), actor=SYSTEM, now=NOON)
    results = at_once([partial(services.tell_conditions, now=NOON)] * 6)
    assert sorted(results) == [0, 0, 0, 0, 0, 1]


def test_two_imports_of_one_file_bring_each_line_once() -> None:
    community = make_community(make_workspace())
    lines = [
        importing.ImportedLine(f"k{n}", f"inv{n % 3}", "c1", "c1", "sku", "thing", 1, 100, NOON) for n in range(30)
    ]
    store = partial(importing.store_lines, community=community, currency="CNY", lines=lines, actor=SYSTEM, now=NOON)
    results = at_once([store] * 4)
    assert sorted(len(result.new_lines) for result in results) == [0, 0, 0, 30]
    assert sum(Order.objects.values_list("total_amount", flat=True)) == 3000


def test_an_order_that_is_rolled_back_takes_nothing(new_world) -> None:
    sale, (member,) = new_world(members=1, stock=1)
    with transaction.atomic():
        buy(sale, member)
        transaction.set_rollback(True)
    assert adds_up(sale).left == 1
    assert not SaleBuyer.objects.filter(sale=sale).exists()


def test_late_payments_and_buyers_share_what_is_left(new_world) -> None:
    """Six late payments are accepted, each by two colleagues at once, while six others buy: three pieces are there."""
    for _ in range(ROUNDS):
        sale, people = new_world(members=12, stock=3, limit_per_member=1)
        late = []
        for one in people[:6]:
            late.append(buy(sale, one))
            services.pay_order(order=late[-1], actor=SYSTEM, now=NOON + HOLD)
        jobs = [partial(_decide, services.accept_late_payment, order.pk) for order in late * 2]
        jobs += [partial(buy, sale, one, now=NOON + HOLD) for one in people[6:]]
        results = at_once(jobs)
        assert [result for result in results if not isinstance(result, Order | SaleSoldOut)] == []
        found = adds_up(sale, NOON + HOLD)
        assert (found.sold + found.held, found.left) == (3, 0)
        paid = Order.objects.filter(sale=sale, state="paid").count()
        assert paid + Order.objects.filter(sale=sale, state="paid_late").count() == 6
        assert OutboxEvent.objects.filter(name="conversion.OrderPaid", workspace=sale.workspace).count() == paid


def test_a_refund_gives_back_once_while_others_buy(new_world) -> None:
    for _ in range(ROUNDS):
        sale, people = new_world(members=6, stock=2, limit_per_member=2)
        order = services.pay_order(order=buy(sale, people[0], 2), actor=SYSTEM, now=NOON)
        jobs = [partial(_decide, services.refund_order, order.pk, NOON)] * 4
        results = at_once([*jobs, *(partial(buy, sale, one) for one in people[1:])])
        assert [result for result in results if not isinstance(result, Order | SaleSoldOut)] == []
        assert adds_up(sale).sold == 0
        assert SaleBuyer.objects.get(sale=sale, member=people[0]).quantity == 0
        assert services.recount_sale(sale=sale, actor=SYSTEM, now=NOON) == 0


def _decide(decision, order_id, now=NOON + HOLD) -> Order:
    return decision(order=Order.objects.get(pk=order_id), actor=SYSTEM, now=now)
