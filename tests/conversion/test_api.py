"""REST beyond the contract test: filters, computed states, counts, roles, warnings."""

from datetime import time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from community_ops.common import clock
from conversion.models import FlashSale, Order, RefusalCount
from conversion.selectors import flash_sales_visible_to, orders_visible_to
from conversion.services import expire_due_orders
from groups.models import GroupStaff
from messaging.services import create_quiet_hours
from tests.factories.people import SYSTEM

pytestmark = pytest.mark.django_db


@pytest.fixture
def body(product, group):
    now = clock.now()
    return {
        "product": product.pk,
        "groups": [group.pk],
        "starts_at": now.isoformat(),
        "ends_at": (now + timedelta(hours=1)).isoformat(),
        "stock": 3,
        "limit_per_member": 2,
        "price_amount": "199.00",
        "currency": "CNY",
    }


@pytest.fixture
def live(api, body):
    """A sale that is open now, as REST shows it."""
    made = api.post("/api/v1/flash-sales/", body).json()
    return api.post(f"/api/v1/flash-sales/{made['id']}/schedule/").json()


def order(api, live, member, quantity=1):
    return api.post(f"/api/v1/flash-sales/{live['id']}/orders/", {"member": member.pk, "quantity": quantity})


def shift(monkeypatch, **delta) -> None:
    later = clock.now() + timedelta(**delta)
    monkeypatch.setattr("community_ops.common.clock.now", lambda: later)


def test_a_sale_shows_what_was_asked_for(live, body, ladder) -> None:
    for field in ("product", "groups", "stock", "limit_per_member", "price_amount", "currency"):
        assert live[field] == body[field]
    assert (live["hold_seconds"], live["state"]) == (900, "open")
    assert [warning["code"] for warning in live["warnings"]] == ["nobody_can_buy"]
    assert live["playbook"] == ladder.pk  # left out: the built-in ladder
    assert live["url"].startswith("http")


def test_no_ladder_runs_when_the_playbook_is_null(api, body) -> None:
    assert api.post("/api/v1/flash-sales/", body | {"playbook": None}).json()["playbook"] is None


def test_missing_fields_are_all_named(api) -> None:
    answer = api.post("/api/v1/flash-sales/", {})
    assert answer.status_code == 400
    wanted = {"product", "groups", "starts_at", "ends_at", "stock", "price_amount", "currency"}
    assert set(answer.json()) == wanted
    assert not FlashSale.objects.exists()


def test_a_sale_in_another_currency_than_its_product_is_refused(api, body) -> None:
    answer = api.post("/api/v1/flash-sales/", body | {"currency": "GBP"})
    assert (answer.status_code, list(answer.json())) == (400, ["currency"])


def test_what_is_over_its_time_shows_as_expired_and_left_before_any_sweep(api, live, member, monkeypatch) -> None:
    made = order(api, live, member, 2).json()
    shift(monkeypatch, seconds=901)
    assert api.get(f"/api/v1/orders/{made['id']}/").json()["state"] == "expired"
    sale = api.get(f"/api/v1/flash-sales/{live['id']}/").json()
    assert (sale["held_count"], sale["left_count"]) == (0, 3)
    for state, count in (("held", 0), ("expired", 1)):
        assert len(api.get(f"/api/v1/orders/?state={state}").json()["results"]) == count
    expire_due_orders(now=clock.now())
    assert len(api.get("/api/v1/orders/?state=expired").json()["results"]) == 1


def test_paying_late_says_so(api, live, member, monkeypatch) -> None:
    made = order(api, live, member).json()
    shift(monkeypatch, seconds=901)
    for _ in range(2):
        answer = api.post(f"/api/v1/orders/{made['id']}/pay/")
        assert (answer.status_code, answer.json()["state"]) == (200, "paid_late")


def test_a_late_payment_is_accepted_delivered_and_refunded(api, live, member, monkeypatch) -> None:
    made = order(api, live, member).json()
    shift(monkeypatch, seconds=901)
    path = f"/api/v1/orders/{made['id']}"
    assert api.post(f"{path}/accept/").json()["code"] == "invalid_transition"
    api.post(f"{path}/pay/")
    for verb, state in (("accept", "paid"), ("fulfil", "fulfilled"), ("refund", "refunded")):
        for _ in range(2):
            answer = api.post(f"{path}/{verb}/")
            assert (answer.status_code, answer.json()["id"], answer.json()["state"]) == (200, made["id"], state)
    for verb in ("accept", "fulfil", "pay"):
        answer = api.post(f"{path}/{verb}/")
        assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
    assert Order.objects.get().state == "refunded"


def test_refusals_are_counted_by_reason_and_nothing_else_is_kept(api, live, member, new_member) -> None:
    order(api, live, member, 3)
    order(api, live, member, 2)
    few = order(api, live, new_member(), 2)
    assert (few.status_code, few.json()["code"], few.json()["extra"]["left"]) == (409, "sale_sold_out", 1)
    order(api, live, new_member(), 0)
    api.post(f"/api/v1/flash-sales/{live['id']}/pause/")
    assert order(api, live, member).json()["extra"]["state"] == "paused"
    counted = dict(RefusalCount.objects.values_list("reason", "count"))
    assert counted == {"limit": 1, "few_left": 1, "paused": 1}
    assert Order.objects.count() == 1


def test_a_refusal_with_a_key_is_counted_too(api, live, member) -> None:
    url = f"/api/v1/flash-sales/{live['id']}/orders/"
    for _ in range(2):
        answer = api.post(url, {"member": member.pk, "quantity": 3}, headers={"Idempotency-Key": "k"})
        assert answer.json()["code"] == "sale_limit_reached"
    assert RefusalCount.objects.get().count == 2


def test_one_key_is_one_order(api, live, member) -> None:
    url = f"/api/v1/flash-sales/{live['id']}/orders/"
    answers = [api.post(url, {"member": member.pk, "quantity": 1}, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert Order.objects.count() == 1


def test_moving_over_rest(api, live) -> None:
    url = f"/api/v1/flash-sales/{live['id']}/move/"
    later = (clock.now() + timedelta(hours=3)).isoformat()
    answer = api.post(url, {"starts_at": live["starts_at"], "ends_at": later})
    assert (answer.status_code, answer.json()["starts_at"]) == (200, live["starts_at"])
    answer = api.post(url, {"starts_at": live["starts_at"], "ends_at": live["starts_at"]})
    assert (answer.status_code, list(answer.json())) == (400, ["ends_at"])
    answer = api.post(url, {"starts_at": later, "ends_at": "2099-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")


def test_a_move_says_what_of_the_ladder_the_send_rules_would_hold_back(api, workspace, body, live) -> None:
    now = clock.now()
    facts = {"from_on": now.date() - timedelta(days=1), "until_on": None, "actor": SYSTEM, "now": now}
    create_quiet_hours(workspace_id=workspace.pk, begins=time(0), ends=time(23, 59), **facts)
    ahead = {"starts_at": (now + timedelta(days=5)).isoformat(), "ends_at": (now + timedelta(days=6)).isoformat()}
    planned = api.post("/api/v1/flash-sales/", body | ahead).json()
    api.post(f"/api/v1/flash-sales/{planned['id']}/schedule/")
    window = {"starts_at": (now + timedelta(days=6)).isoformat(), "ends_at": (now + timedelta(days=7)).isoformat()}
    answer = api.post(f"/api/v1/flash-sales/{planned['id']}/move/", window)
    assert [warning["code"] for warning in answer.json()["warnings"]] == ["quiet_hours"]
    ends = {"starts_at": live["starts_at"], "ends_at": (now + timedelta(hours=2)).isoformat()}
    answer = api.post(f"/api/v1/flash-sales/{live['id']}/move/", ends)
    assert answer.json()["warnings"] == []  # a sale that is on is exempt


def test_the_reason_of_a_pause_is_kept(api, live) -> None:
    answer = api.post(f"/api/v1/flash-sales/{live['id']}/pause/", {"reason": "价格写错了"})
    assert (answer.json()["state"], answer.json()["pause_reason"]) == ("paused", "价格写错了")


@pytest.mark.parametrize("name", ["flash_sale", "member", "community", "state"])
@pytest.mark.parametrize("value", ["999999999", "abc"])
def test_unknown_filters_are_400_naming_them(api, name, value) -> None:
    answer = api.get(f"/api/v1/orders/?{name}={value}")
    assert (answer.status_code, list(answer.json())) == (400, [name])


def test_filters_narrow_the_list(api, live, member, new_member) -> None:
    order(api, live, member)
    order(api, live, new_member())
    assert len(api.get(f"/api/v1/orders/?flash_sale={live['id']}").json()["results"]) == 2
    assert len(api.get(f"/api/v1/orders/?member={member.pk}").json()["results"]) == 1


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        ("viewer", "flash-sales/{sale}/orders/", 403),
        ("viewer", "flash-sales/{sale}/pause/", 403),
        ("viewer", "orders/1/refund/", 403),
        ("moderator", "flash-sales/{sale}/pause/", 403),
        ("moderator", "products/", 403),
        ("moderator", "flash-sales/", 403),
        ("operator", "flash-sales/{sale}/pause/", 200),
    ],
)
def test_roles_are_held(workspace, api_of, live, role, path, status) -> None:
    answer = api_of(workspace, role).post(f"/api/v1/{path.format(sale=live['id'])}")
    assert answer.status_code == status
    assert not Order.objects.exists()


def test_a_stranger_finds_nothing(foreign_api, api, live, member) -> None:
    made = order(api, live, member).json()
    for path in (f"flash-sales/{live['id']}", f"orders/{made['id']}", f"products/{live['product']}"):
        assert foreign_api.get(f"/api/v1/{path}/").status_code == 404
    for path in (f"flash-sales/{live['id']}/cancel", f"orders/{made['id']}/pay", f"flash-sales/{live['id']}/orders"):
        assert foreign_api.post(f"/api/v1/{path}/").status_code == 404
    assert Order.objects.get().state == "held"
    assert FlashSale.objects.get().state == "scheduled"


def test_a_helper_sees_the_sales_of_her_groups_only(helper, live, group, signed_in) -> None:
    assert not flash_sales_visible_to(helper.actor).exists()
    GroupStaff.objects.create(workspace=helper.workspace, group=group, user=helper.user, role="helper")
    assert flash_sales_visible_to(helper.actor).get().pk == live["id"]
    assert not orders_visible_to(helper.actor).exists()


def test_lists_ask_the_same_for_one_and_for_many(api, body, member) -> None:
    def queries(path) -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert api.get(path).status_code == 200
        return len(asked)

    def add() -> None:
        made = api.post("/api/v1/flash-sales/", body).json()
        api.post(f"/api/v1/flash-sales/{made['id']}/schedule/")
        order(api, made, member)

    add()
    paths = ["/api/v1/flash-sales/", "/api/v1/orders/", "/api/v1/products/"]
    one = [queries(path) for path in paths]
    for _ in range(4):
        add()
    assert [queries(path) for path in paths] == one
