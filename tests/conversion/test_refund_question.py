"""What the question before a refund says of pieces, sale and messages."""

from datetime import timedelta

import pytest
from django.urls import reverse

from campaigns.models import Touch
from conversion import selectors, services
from conversion.models import FlashSale
from conversion.policies import SaleMoment
from conversion.services import tell_conditions
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid(buy):
    def make(sale, quantity=1):
        order = buy(sale, quantity)
        services.pay_order(order=order, actor=SYSTEM, now=NOON)
        return order

    return make


@pytest.fixture
def question(owner, signed_in, time_machine):
    """The facts of the dialog, in English."""

    def ask(order, now=NOON) -> dict[str, str]:
        time_machine.move_to(now)
        url = reverse("conversion:order_refund", args=[owner.workspace.slug, order.pk])
        page = signed_in(owner).get(url, headers={"Accept-Language": "en"})
        return {fact["label"]: fact["value"] for fact in page.context["dialog"]["facts"]}

    return ask


def test_a_refund_that_reopens_a_sold_out_sale_says_so_with_its_messages(open_sale, paid, ladder, question) -> None:
    order = paid(open_sale(stock=2, playbook=ladder), 2)
    tell_conditions(now=NOON)
    facts = question(order)
    assert facts["Pieces"] == "2 are on sale again at once."
    assert "open again" in facts["Sale"]
    assert facts["Messages"].endswith(": Start, Last 10 minutes, Result")


@pytest.mark.parametrize("seconds", [0, 59, 61, 3000])
def test_a_refund_does_what_its_question_said(open_sale, paid, ladder, owner, seconds) -> None:
    now = NOON + timedelta(seconds=seconds)
    order = paid(open_sale(stock=1, playbook=ladder))
    tell_conditions(now=NOON)
    called_off = Touch.objects.filter(state="stopped", reason="sold_out")
    before = set(called_off.values_list("step__name", flat=True))
    said = selectors.refund_effects(order, owner.actor, now=now)
    services.refund_order(order=order, actor=SYSTEM, now=now)
    sale = selectors.find_sale(order.sale_id, now=now)
    assert (said.pieces, said.reopens, selectors.moment_of(sale, now=now)) == (1, True, SaleMoment.OPEN)
    planned = set(Touch.objects.filter(state="planned").values_list("step__name", flat=True))
    assert set(said.steps) == before & planned
    assert len(said.steps) == {0: 3, 59: 3, 61: 2, 3000: 2}[seconds]


def test_a_refund_in_a_running_sale_says_how_many_pieces_go_back(sale, paid, question) -> None:
    assert question(paid(sale)) == {"Pieces": "1 is on sale again at once."}


def test_a_refund_in_a_pause_says_that_pieces_wait(sale, paid, question) -> None:
    order = paid(sale)
    services.pause_flash_sale(sale=sale, actor=SYSTEM, now=NOON)
    assert question(order) == {"Pieces": "1 is on sale again as soon as the paused sale goes on."}


@pytest.mark.parametrize("end", ["over", "cancelled"])
def test_a_refund_after_the_sale_says_that_nothing_is_sold_again(open_sale, paid, ladder, question, end) -> None:
    sale = open_sale(stock=1, playbook=ladder)
    order = paid(sale)
    tell_conditions(now=NOON)
    if end == "cancelled":
        services.cancel_flash_sale(sale=FlashSale.objects.get(), actor=SYSTEM, now=NOON)
    facts = question(order, now=sale.ends_at if end == "over" else NOON)
    assert facts == {"Pieces": "1 counts as left. The sale is over: nothing is sold again."}


def test_a_refund_of_what_was_delivered_gives_no_piece_back(sale, paid, question) -> None:
    order = paid(sale)
    services.fulfil_order(order=order, actor=SYSTEM, now=NOON)
    assert question(order) == {"Pieces": "None comes back: the order was delivered."}


def test_a_refund_of_a_late_payment_gives_no_piece_back(sale, buy, question) -> None:
    order = buy(sale)
    services.pay_order(order=order, actor=SYSTEM, now=order.expires_at)
    assert question(order)["Pieces"].startswith("None comes back: they were free again")
