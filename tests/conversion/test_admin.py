"""Conversion in the admin: only one's own rows, and repair through the services."""

import pytest
from django.urls import reverse

from community_ops.accounts.models import Role
from conversion import services
from conversion.models import FlashSale, Order
from tests.conversion.conftest import HOLD, adds_up
from tests.factories.people import SYSTEM, make_person

pytestmark = pytest.mark.django_db
MODELS = [
    "product", "variant", "pricehistory", "flashsale", "saleitem", "salebuyer", "refusalcount", "order", "orderline",
    "stockhold",
]  # fmt: skip


def act(client, model, action, row):
    url = reverse(f"admin:conversion_{model}_changelist")
    return client.post(url, {"action": action, "_selected_action": [row.pk]}, follow=True)


@pytest.mark.parametrize("model", MODELS)
def test_lists_show_ones_own_rows_only(owner, stranger, signed_in, sale, buy, model) -> None:
    buy(sale)
    url = reverse(f"admin:conversion_{model}_changelist")
    assert signed_in(owner).get(url).status_code == 200
    foreign = signed_in(stranger).get(url)
    assert (foreign.status_code, foreign.context["cl"].queryset.count()) == (200, 0)


@pytest.mark.parametrize("action", ["pause", "cancel", "recount"])
def test_sales_are_repaired_by_the_services(owner, signed_in, sale, buy, monkeypatch, action) -> None:
    monkeypatch.setattr("community_ops.common.clock.now", lambda: sale.starts_at)
    sale.items.update(left=1)
    for _ in range(2):
        assert act(signed_in(owner), "flashsale", action, sale).status_code == 200
    sale.refresh_from_db()
    assert (sale.paused_at is not None, sale.state, sale.items.get().left) == {
        "pause": (True, "scheduled", 1),
        "cancel": (False, "cancelled", 1),
        "recount": (False, "scheduled", 3),
    }[action]


@pytest.mark.parametrize(("action", "state"), [("mark_paid", "paid"), ("cancel", "cancelled")])
def test_orders_are_settled_by_the_services(owner, signed_in, sale, buy, monkeypatch, action, state) -> None:
    order = buy(sale)
    monkeypatch.setattr("community_ops.common.clock.now", lambda: sale.starts_at)
    for _ in range(2):
        act(signed_in(owner), "order", action, order)
    order.refresh_from_db()
    assert order.state == state
    adds_up(sale)


def test_paid_orders_are_decided_by_the_services(owner, signed_in, sale, buy, monkeypatch) -> None:
    late, paid = buy(sale), buy(sale)
    services.pay_order(order=paid, actor=SYSTEM, now=sale.starts_at)
    services.pay_order(order=late, actor=SYSTEM, now=sale.starts_at + HOLD)
    monkeypatch.setattr("community_ops.common.clock.now", lambda: sale.starts_at + HOLD)
    for action, order, state in (
        ("accept_late", late, "paid"),
        ("mark_delivered", paid, "fulfilled"),
        ("mark_refunded", late, "refunded"),
    ):
        for _ in range(2):
            act(signed_in(owner), "order", action, order)
        order.refresh_from_db()
        assert order.state == state
    assert adds_up(sale, sale.starts_at + HOLD).sold == 1


def test_a_role_that_may_not_repairs_nothing(workspace, stranger, signed_in, sale, buy) -> None:
    order = buy(sale)
    for someone in (make_person(workspace, Role.VIEWER), stranger):
        act(signed_in(someone), "order", "mark_paid", order)
        act(signed_in(someone), "flashsale", "cancel", sale)
    assert Order.objects.get().state == "held"
    assert FlashSale.objects.get().state == "scheduled"


def test_nothing_is_editable(owner, signed_in, sale) -> None:
    client = signed_in(owner)
    assert client.get(reverse("admin:conversion_flashsale_add")).status_code == 403
    url = reverse("admin:conversion_flashsale_change", args=[sale.pk])
    assert client.get(url).status_code == 200
    assert client.post(url, {"name": "x"}).status_code == 403
