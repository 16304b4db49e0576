"""Random histories of a sale evening: whatever happens, sold + held + left is the stock, in every snapshot."""

from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from community_ops.common.errors import DomainError
from conversion import policies, services
from conversion.models import Order, SaleBuyer, StockHold
from tests.conversion.conftest import adds_up
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
BUYERS, STOCK, LIMIT, HOLD_SECONDS = 3, 5, 2, 60
HOLD_OF_STATE = {
    "held": "held",
    "paid": "kept",
    "paid_late": "given_back",
    "expired": "given_back",
    "cancelled": "given_back",
    "fulfilled": "kept",
}

steps = st.one_of(
    st.tuples(st.just("buy"), st.integers(0, BUYERS - 1), st.integers(1, 3)),
    st.tuples(st.sampled_from(["pay", "cancel", "accept", "fulfil", "refund"]), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.integers(1, 90)),
    st.tuples(st.sampled_from(["sweep", "pause", "resume", "recount"])),
)


class Evening:
    """One sale and its members; `do` plays one step at a moment that only moves forward."""

    def __init__(self, sale, members) -> None:
        self.sale, self.members, self.now = sale, members, NOON
        self.seen: dict[int, str] = {}

    def do(self, step) -> None:
        verb, *arguments = step
        with suppress(DomainError):  # a refusal is fine, a broken count is not
            getattr(self, verb)(*arguments)
        self.check()

    def buy(self, who, quantity) -> None:
        member = self.members[who]
        services.place_order(sale=self.sale, member=member, quantity=quantity, actor=SYSTEM, now=self.now)

    def _order(self, number):
        orders = list(Order.objects.order_by("id"))
        return orders[number % len(orders)] if orders else None

    def pay(self, number) -> None:
        if (order := self._order(number)) is not None:
            services.pay_order(order=order, actor=SYSTEM, now=self.now)

    def cancel(self, number) -> None:
        if (order := self._order(number)) is not None:
            services.cancel_order(order=order, actor=SYSTEM, now=self.now)

    def accept(self, number) -> None:
        if (order := self._order(number)) is not None:
            services.accept_late_payment(order=order, actor=SYSTEM, now=self.now)

    def fulfil(self, number) -> None:
        if (order := self._order(number)) is not None:
            services.fulfil_order(order=order, actor=SYSTEM, now=self.now)

    def refund(self, number) -> None:
        if (order := self._order(number)) is not None:
            services.refund_order(order=order, actor=SYSTEM, now=self.now)

    def wait(self, seconds) -> None:
        self.now += timedelta(seconds=seconds)

    def sweep(self) -> None:
        services.expire_due_orders(now=self.now)

    def pause(self) -> None:
        services.pause_flash_sale(sale=self.sale, actor=SYSTEM, now=self.now)

    def resume(self) -> None:
        services.resume_flash_sale(sale=self.sale, actor=SYSTEM, now=self.now)

    def recount(self) -> None:
        assert services.recount_sale(sale=self.sale, actor=SYSTEM, now=self.now) == 0

    def check(self) -> None:
        adds_up(self.sale, self.now)
        for order in Order.objects.all():
            before = self.seen.get(order.pk, order.state)
            assert order.state == before or order.state in policies.ORDER_CHANGES[before]
            hold = StockHold.objects.get(line__order=order).state
            is_delivered = order.state == "refunded" and hold == "kept"  # the pieces are with the buyer
            assert is_delivered or hold == HOLD_OF_STATE.get(order.state, "given_back")
            self.seen[order.pk] = order.state
        for buyer in SaleBuyer.objects.all():
            running = StockHold.objects.filter(line__order__member_id=buyer.member_id, state__in=["held", "kept"])
            assert buyer.quantity == sum(hold.quantity for hold in running) <= LIMIT


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, max_size=25))
def test_every_history_adds_up(open_sale, new_member, history) -> None:
    with transaction.atomic():
        sale = open_sale(
            stock=STOCK, limit_per_member=LIMIT, hold_seconds=HOLD_SECONDS, ends_at=NOON + timedelta(days=1)
        )
        evening = Evening(sale, [new_member() for _ in range(BUYERS)])
        for step in history:
            evening.do(step)
        transaction.set_rollback(True)
