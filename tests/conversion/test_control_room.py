"""抢购现场: what it calls the moment, what it says before a pause, and its record."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from community_ops.common import clock
from conversion import selectors, services
from conversion.models import FlashSale, Order
from tests.conversion.conftest import HOLD, terms_of
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def room(owner, signed_in):
    """The owner's page of a sale, in English: room(sale)."""
    client = signed_in(owner)

    def ask(sale: FlashSale):
        url = reverse("conversion:sale_detail", args=[owner.workspace.slug, sale.pk])
        return client.get(url, headers=ENGLISH)

    return ask


@pytest.fixture
def live(product, group) -> FlashSale:
    now = clock.now()
    terms = terms_of(product, group, starts_at=now, ends_at=now + timedelta(hours=1), stock=1)
    sale = services.create_flash_sale(terms=terms, actor=SYSTEM, now=now)
    services.schedule_flash_sale(sale=sale, actor=SYSTEM, now=now)
    return sale


def shown(sale, now) -> str:
    found = selectors.find_sale(sale.pk, now=now)
    assert found is not None
    return selectors.state_shown(found, now=now)


def log(sale) -> list[tuple[str, int | None]]:
    lines = selectors.sale_log(sale, at_most=20)
    return [(line.entry.verb, line.order.pk if line.order else None) for line in lines]


def test_sold_out_is_shown_only_when_all_is_paid(open_sale, buy) -> None:
    sale = open_sale(stock=1)
    assert shown(sale, NOON) == "open"
    order = buy(sale)
    assert shown(sale, NOON) == "all_held"
    assert shown(sale, NOON + HOLD) == "open"
    services.pay_order(order=order, actor=SYSTEM, now=NOON)
    assert shown(sale, NOON) == "sold_out"


def test_a_pause_is_shown_although_all_is_held(open_sale, buy) -> None:
    sale = open_sale(stock=1)
    buy(sale)
    services.pause_flash_sale(sale=sale, actor=SYSTEM, now=NOON)
    assert shown(sale, NOON) == "paused"


def test_the_room_and_the_list_say_that_all_is_held(room, live, member, owner, signed_in, api) -> None:
    services.place_order(sale=live, member=member, quantity=1, actor=SYSTEM, now=clock.now())
    listed = signed_in(owner).get(reverse("conversion:sale_list", args=[owner.workspace.slug]), headers=ENGLISH)
    for page in (room(live).content.decode(), listed.content.decode()):
        assert ">All held<" in page
        assert ">Sold out<" not in page
    assert "what is not paid in time comes back.</p>" in room(live).content.decode()
    assert api.get(f"/api/v1/flash-sales/{live.pk}/").json()["state"] == "sold_out"


def test_the_question_before_a_pause_says_that_messages_are_dropped(room, live) -> None:
    (pause,) = (one for one in room(live).context["dialogs"] if one["id"] == "ask-pause")
    assert "dropped" in pause["text"]


@pytest.mark.parametrize(("count", "words"), [(1, "1 order that waits"), (0, "0 orders that wait")])
def test_the_question_before_cancelling_counts_orders(room, live, member, count, words) -> None:
    for _ in range(count):
        services.place_order(sale=live, member=member, quantity=1, actor=SYSTEM, now=clock.now())
    (cancel,) = (one for one in room(live).context["dialogs"] if one["id"] == "ask-cancel")
    assert words in cancel["text"]


def test_the_record_names_who_did_what_to_an_order(room, live, member, owner) -> None:
    now = clock.now()
    order = services.place_order(sale=live, member=member, quantity=1, actor=SYSTEM, now=now)
    services.pay_order(order=order, actor=owner.actor, now=now)
    services.refund_order(order=order, actor=owner.actor, now=now, reason="尺码不合适")
    refunded, paid = room(live).context["log"][:2]
    assert refunded["title"] == f"Order {order.pk} of 李姐: marked as refunded"
    assert (refunded["actor"], refunded["text"]) == (owner.actor.label, "尺码不合适")
    assert paid["title"] == f"Order {order.pk} of 李姐: marked as paid"


def test_every_decision_about_an_order_is_in_the_record(open_sale, buy, owner) -> None:
    sale, hers = open_sale(), owner.actor
    kept, given_up, late = buy(sale), buy(sale), buy(sale)
    services.pay_order(order=kept, actor=hers, now=NOON)
    services.fulfil_order(order=kept, actor=hers, now=NOON)
    services.cancel_order(order=given_up, actor=hers, now=NOON)
    services.pay_order(order=late, actor=hers, now=NOON + HOLD)
    services.accept_late_payment(order=late, actor=hers, now=NOON + HOLD)
    assert log(sale)[:5] == [
        ("order.accepted", late.pk), ("order.paid_late", late.pk), ("order.cancelled", given_up.pk),
        ("order.fulfilled", kept.pk), ("order.paid", kept.pk),
    ]  # fmt: skip


def test_what_buyers_and_the_clock_did_is_not_in_the_record(open_sale, buy, owner) -> None:
    sale, other = open_sale(), open_sale()
    for order in (buy(sale), buy(sale)):
        services.pay_order(order=order, actor=SYSTEM, now=NOON)
    services.pay_order(order=buy(other), actor=owner.actor, now=NOON)
    buy(sale)
    services.cancel_flash_sale(sale=sale, actor=owner.actor, now=NOON)
    assert [verb for verb, _ in log(sale)] == ["flash_sale.cancelled", "flash_sale.scheduled", "flash_sale.created"]
    assert Order.objects.filter(sale=sale, state="cancelled").count() == 1


def test_the_record_asks_the_same_for_one_order_and_for_many(open_sale, buy, owner) -> None:
    sale, asked = open_sale(stock=9), []
    for _ in range(3):
        services.pay_order(order=buy(sale), actor=owner.actor, now=NOON)
        with CaptureQueriesContext(connection) as found:
            log(sale)
        asked.append(len(found))
    assert asked == [3, 3, 3]


def test_a_sold_out_sale_is_paused_only_while_something_is_held(room, live, member) -> None:
    def asked() -> list[str]:
        return [one["id"] for one in room(live).context["dialogs"]]

    order = services.place_order(sale=live, member=member, quantity=1, actor=SYSTEM, now=clock.now())
    assert asked() == ["ask-pause", "ask-cancel"]
    services.pay_order(order=order, actor=SYSTEM, now=clock.now())
    assert asked() == ["ask-cancel"]


def test_the_question_before_cancelling_says_that_groups_are_not_told(room, live) -> None:
    (cancel,) = (one for one in room(live).context["dialogs"] if one["id"] == "ask-cancel")
    assert "not told by themselves" in cancel["text"]


def test_the_record_of_a_move_says_from_when_to_when(room, open_sale) -> None:
    sale, end = open_sale(), NOON + timedelta(hours=2)
    services.reschedule_flash_sale(
        sale=sale, starts_at=sale.starts_at, ends_at=end, actor=SYSTEM, now=NOON, reason="仓库晚到"
    )
    (moved,) = (line for line in room(sale).context["log"] if line["title"] == "Moved")
    before, _, after = moved["text"].partition(" → ")
    assert "21:00" in before
    assert "22:00" in after
    assert after.endswith(" · 仓库晚到")
