"""How held orders end, and what moves with them."""

from datetime import timedelta

import pytest

from community_ops.common.errors import InvalidTransition
from community_ops.common.models import AuditEntry, OutboxEvent
from conversion import services, tasks
from conversion.models import Order, SaleBuyer, StockHold
from members.models import MemberFacts
from tests.conversion.conftest import HOLD, adds_up
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
LATE = NOON + HOLD


def pay(order, now=NOON):
    return services.pay_order(order=order, actor=SYSTEM, now=now)


def cancel(order, now=NOON):
    return services.cancel_order(order=order, actor=SYSTEM, now=now)


def test_a_paid_order_keeps_its_stock_and_is_told_once(sale, buy, member) -> None:
    order = buy(sale, 2, member=member)
    for _ in range(2):
        pay(order)
    assert (order.state, order.paid_at) == ("paid", NOON)
    assert (adds_up(sale, LATE).sold, adds_up(sale, LATE).held) == (2, 0)
    facts = MemberFacts.objects.get(member=member)
    assert (facts.order_count, facts.spent_amount, facts.currency) == (1, 39800, "CNY")
    event = OutboxEvent.objects.get(name="conversion.OrderPaid")
    assert (event.payload["order_id"], event.payload["amount"]) == (order.pk, 39800)
    assert AuditEntry.objects.filter(verb="order.paid").count() == 1


@pytest.mark.parametrize("is_swept", [False, True])
def test_paying_after_the_time_is_paid_late_and_holds_nothing(sale, buy, member, is_swept) -> None:
    order = buy(sale, 2, member=member)
    if is_swept:
        services.expire_due_orders(now=LATE)
    for _ in range(2):
        pay(order, LATE)
    assert (order.state, order.paid_at) == ("paid_late", LATE)
    assert (adds_up(sale, LATE).sold, adds_up(sale, LATE).left) == (0, 3)
    assert SaleBuyer.objects.get(member=member).quantity == 0
    assert not OutboxEvent.objects.filter(name="conversion.OrderPaid").exists()
    assert MemberFacts.objects.get(member=member).order_count == 0


def test_a_cancelled_order_gives_everything_back_once(sale, buy, member) -> None:
    order = buy(sale, 2, member=member)
    for _ in range(2):
        cancel(order)
    assert (order.state, order.closed_at) == ("cancelled", NOON)
    assert adds_up(sale).left == 3
    assert SaleBuyer.objects.get(member=member).quantity == 0
    assert AuditEntry.objects.filter(verb="order.cancelled").count() == 1


def test_impossible_changes_are_refused_and_change_nothing(sale, buy) -> None:
    paid, cancelled, expired = buy(sale), buy(sale), buy(sale)
    pay(paid)
    cancel(cancelled)
    for change, order, now in ((cancel, paid, NOON), (pay, cancelled, NOON), (cancel, expired, LATE)):
        with pytest.raises(InvalidTransition):
            change(order, now)
    states = Order.objects.order_by("id").values_list("state", flat=True)
    assert list(states) == ["paid", "cancelled", "held"]
    assert (adds_up(sale, LATE).sold, adds_up(sale, LATE).left) == (1, 2)


def test_a_stale_object_decides_nothing(sale, buy) -> None:
    order = buy(sale)
    stale = Order.objects.get(pk=order.pk)
    cancel(order)
    with pytest.raises(InvalidTransition):
        pay(stale)
    assert stale.state == "cancelled"


def test_what_is_over_expires_and_its_stock_comes_back(sale, buy, member) -> None:
    order = buy(sale, 2, member=member)
    assert services.expire_due_orders(now=LATE - timedelta(seconds=1)) == 0
    assert [services.expire_due_orders(now=LATE) for _ in range(2)] == [1, 0]
    order.refresh_from_db()
    assert (order.state, order.closed_at) == ("expired", LATE)
    assert StockHold.objects.get(line__order=order).state == "given_back"
    assert SaleBuyer.objects.get(member=member).quantity == 0
    assert adds_up(sale, LATE).left == 3
    assert AuditEntry.objects.get(verb="order.expired").actor_kind == "system"


def test_the_sweep_takes_more_than_one_batch(open_sale, buy, new_member, monkeypatch) -> None:
    monkeypatch.setattr("conversion.services.settling.BATCH", 2)
    sale = open_sale(stock=5)
    for _ in range(5):
        buy(sale)
    assert services.expire_due_orders(now=LATE) == 5
    assert adds_up(sale, LATE).left == 5


def test_the_tick_may_run_twice(sale, buy, monkeypatch) -> None:
    buy(sale)
    monkeypatch.setattr("community_ops.common.clock.now", lambda: LATE)
    for _ in range(2):
        tasks.expire_due_orders()
    assert adds_up(sale, LATE).left == 3
    assert AuditEntry.objects.filter(verb="order.expired").count() == 1


def test_a_recount_mends_what_a_hand_has_broken(sale, buy, member) -> None:
    buy(sale, 2, member=member)
    sale.items.update(left=3)
    SaleBuyer.objects.update(quantity=0)
    assert [services.recount_sale(sale=sale, actor=SYSTEM, now=NOON) for _ in range(2)] == [2, 0]
    assert (adds_up(sale).held, SaleBuyer.objects.get(member=member).quantity) == (2, 2)
    assert AuditEntry.objects.filter(verb="flash_sale.recounted").count() == 1
