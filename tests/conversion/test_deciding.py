"""What people decide about paid orders: late payments accepted, delivered, refunded; and what moves with them."""

from datetime import timedelta

import pytest
from django.utils import translation

from community_ops.common.errors import InvalidInput, InvalidTransition
from community_ops.common.models import AuditEntry, OutboxEvent
from conversion import services
from conversion.errors import SaleLimitReached, SaleSoldOut
from conversion.models import Order, SaleBuyer, StockHold
from conversion.selectors import revenue
from members.models import MemberFacts, MemberMilestone
from tests.conversion.conftest import HOLD, adds_up
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
LATE = NOON + HOLD
LATER = LATE + timedelta(minutes=5)
ENDED = NOON + timedelta(hours=2)
DECISIONS = {
    "accept": services.accept_late_payment,
    "fulfil": services.fulfil_order,
    "refund": services.refund_order,
}


def do(verb, order, now=LATER, **more):
    return DECISIONS[verb](order=order, actor=SYSTEM, now=now, **more)


def pay(order, now=NOON):
    return services.pay_order(order=order, actor=SYSTEM, now=now)


def facts_of(member) -> tuple[int, int]:
    row = MemberFacts.objects.get(member=member)
    return row.order_count, row.spent_amount


def everything() -> list[object]:
    """What a refused decision must not touch."""
    return [
        list(Order.objects.order_by("pk").values_list("state", "paid_at", "closed_at")),
        list(StockHold.objects.order_by("pk").values_list("state", flat=True)),
        list(SaleBuyer.objects.order_by("pk").values_list("quantity", flat=True)),
        AuditEntry.objects.count(),
        MemberMilestone.objects.count(),
        OutboxEvent.objects.count(),
    ]


@pytest.fixture
def late(sale, buy, member) -> Order:
    """Two pieces, swept and then paid late."""
    order = buy(sale, 2, member=member)
    services.expire_due_orders(now=LATE)
    order.refresh_from_db()
    return pay(order, LATE)


@pytest.mark.parametrize("now", [LATER, ENDED])
def test_an_accepted_payment_has_its_pieces_and_counts_once(sale, late, member, now) -> None:
    for _ in range(2):
        do("accept", late, now)
    late.refresh_from_db()
    assert (late.state, late.paid_at, late.closed_at) == ("paid", LATE, None)
    assert (adds_up(sale, now).sold, adds_up(sale, now).left) == (2, 1)
    assert SaleBuyer.objects.get(member=member).quantity == 2
    assert facts_of(member) == (1, 39800)
    assert OutboxEvent.objects.get(name="conversion.OrderPaid").payload["order_id"] == late.pk
    assert AuditEntry.objects.filter(verb="order.accepted").count() == 1


def test_a_late_payment_gets_what_others_only_held(sale, late, buy) -> None:
    buy(sale, 2, now=LATE)
    do("accept", late, LATE + HOLD)
    assert late.state == "paid"
    assert (adds_up(sale, LATE + HOLD).sold, adds_up(sale, LATE + HOLD).left) == (2, 1)


def test_a_late_payment_without_pieces_stays_as_it_was(sale, late, buy) -> None:
    buy(sale, 2, now=LATE)
    closed_at, before = late.closed_at, everything()
    with pytest.raises(SaleSoldOut) as refused:
        do("accept", late)
    assert refused.value.extra["left"] == 1
    assert everything() == before
    assert (late.state, late.closed_at) == ("paid_late", closed_at)
    adds_up(sale, LATER)


def test_a_late_payment_beyond_the_limit_stays_as_it_was(sale, late, buy, member) -> None:
    newer = buy(sale, 1, member=member, now=LATE)
    before = everything()
    with translation.override("en"), pytest.raises(SaleLimitReached) as refused:
        do("accept", late)
    assert everything() == before
    assert late.state == "paid_late"
    assert refused.value.extra == {"limit": 2, "orders": [{"id": newer.pk, "state": "held"}]}
    assert f"order {newer.pk} (Waiting for payment)" in refused.value.message


def test_the_obstacle_names_what_counts_and_nothing_else(sale, late, buy, member) -> None:
    given_up = buy(sale, 1, member=member, now=LATE)
    services.cancel_order(order=given_up, actor=SYSTEM, now=LATE)
    buy(sale, 1, now=LATE)  # somebody else's
    paid = pay(buy(sale, 2, member=member, now=LATE), LATE)
    with pytest.raises(SaleLimitReached) as refused:
        do("accept", late)
    assert refused.value.extra["orders"] == [{"id": paid.pk, "state": "paid"}]


def test_a_refunded_order_gives_pieces_limit_and_spending_back(sale, buy, member) -> None:
    order = pay(buy(sale, 2, member=member))
    for _ in range(2):
        do("refund", order, reason="尺码不合适")
    assert order.state == "refunded"
    assert (adds_up(sale, LATER).sold, adds_up(sale, LATER).left) == (0, 3)
    assert SaleBuyer.objects.get(member=member).quantity == 0
    assert facts_of(member)[1] == 0
    assert revenue(workspace_id=sale.workspace_id, since=NOON, until=ENDED) == []
    assert AuditEntry.objects.get(verb="order.refunded").reason == "尺码不合适"
    assert services.recount_sale(sale=sale, actor=SYSTEM, now=LATER) == 0


def test_what_was_delivered_is_not_sold_again(sale, buy, member) -> None:
    order = pay(buy(sale, 2, member=member))
    for _ in range(2):
        do("fulfil", order)
    assert order.state == "fulfilled"
    assert AuditEntry.objects.filter(verb="order.fulfilled").count() == 1
    do("refund", order)
    assert (adds_up(sale, LATER).sold, adds_up(sale, LATER).left) == (2, 1)
    assert (order.state, facts_of(member)[1]) == ("refunded", 0)


def test_a_late_payment_is_refunded_without_touching_stock_or_spending(sale, late, member) -> None:
    do("refund", late)
    assert late.state == "refunded"
    assert (adds_up(sale, LATER).sold, adds_up(sale, LATER).left) == (0, 3)
    assert SaleBuyer.objects.get(member=member).quantity == 0
    assert not MemberMilestone.objects.exists()


def test_a_refund_after_the_end_still_adds_up(sale, buy) -> None:
    order = pay(buy(sale, 2))
    do("refund", order, ENDED)
    assert (adds_up(sale, ENDED).sold, adds_up(sale, ENDED).left) == (0, 3)


@pytest.mark.parametrize(
    ("verb", "state"),
    [
        ("accept", "held"), ("accept", "expired"), ("accept", "cancelled"), ("accept", "refunded"),
        ("fulfil", "held"), ("fulfil", "paid_late"), ("fulfil", "cancelled"), ("fulfil", "refunded"),
        ("refund", "held"), ("refund", "expired"), ("refund", "cancelled"),
    ],
)  # fmt: skip
def test_impossible_decisions_are_refused_and_change_nothing(sale, buy, verb, state) -> None:
    order = buy(sale, 1)
    Order.objects.filter(pk=order.pk).update(state=state, paid_at=NOON if state in ("paid_late", "refunded") else None)
    before = everything()
    with pytest.raises(InvalidTransition) as refused:
        do(verb, order, NOON)
    assert refused.value.extra["state"] == state
    assert everything() == before


def test_a_reason_that_is_no_line_refunds_nothing(sale, buy) -> None:
    order = pay(buy(sale))
    before = everything()
    with pytest.raises(InvalidInput):
        do("refund", order, reason="x" * 501)
    assert everything() == before


def test_a_stale_object_is_refunded_once(sale, buy) -> None:
    order = pay(buy(sale))
    stale = Order.objects.get(pk=order.pk)
    do("refund", order)
    do("refund", stale)
    assert stale.state == "refunded"
    assert adds_up(sale, LATER).left == 3
    assert MemberMilestone.objects.filter(kind="order_refunded").count() == 1


def test_a_refund_takes_off_what_was_counted(sale, buy, member) -> None:
    order = pay(buy(sale, member=member))
    Order.objects.filter(pk=order.pk).update(total_amount=order.total_amount + 5000)  # a later file added a line
    order.refresh_from_db()
    do("refund", order)
    assert facts_of(member)[1] == 0
