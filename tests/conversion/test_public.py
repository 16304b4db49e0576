"""/s/<code>/ as members meet it, without script."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse
from django.utils import translation

from community_ops.common import clock
from conversion import services
from conversion.errors import SaleNotOpen, SaleSoldOut
from conversion.models import FlashSale, Order, RefusalCount, SaleBuyer
from conversion.wording import told_to_member
from members.models import Member
from members.services import issue_pass
from tests.conversion.conftest import terms_of
from tests.factories.people import SYSTEM

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def live(product, group):
    """Sales around this moment: live(starts_in=…)."""

    def make(starts_in=timedelta(0), **changes) -> FlashSale:
        now = clock.now()
        terms = terms_of(product, group, starts_at=now + starts_in, ends_at=now + starts_in + HOUR, **changes)
        sale = services.create_flash_sale(terms=terms, actor=SYSTEM, now=now)
        services.schedule_flash_sale(sale=sale, actor=SYSTEM, now=now)
        return sale

    return make


@pytest.fixture
def phone_of():
    """A phone on which the member has opened her personal link."""

    def make(member: Member) -> Client:
        client = Client()
        code = issue_pass(member=member, actor=SYSTEM, now=clock.now())
        assert client.get(f"/p/{code}").status_code == 302
        return client

    return make


def url(sale, name="public_sale", *more) -> str:
    return reverse(f"conversion:{name}", args=[sale.public_code, *more])


def buy(client, sale, quantity=1, key="k1"):
    return client.post(url(sale, "public_sale_buy"), {"quantity": quantity, "key": key}, follow=True)


def test_before_the_start_there_is_a_countdown_and_no_button(live, member, phone_of) -> None:
    sale = live(starts_in=HOUR)
    page = phone_of(member).get(url(sale))
    text = page.content.decode()
    assert page.status_code == 200
    assert "data-countdown" in text
    assert 'name="quantity"' not in text
    assert "¥199.00" in text


def test_a_member_buys_pays_and_sees_it(live, member, phone_of) -> None:
    sale, phone = live(payment_mode="sandbox"), phone_of(member)
    page = buy(phone, sale, 2)
    order = Order.objects.get()
    assert (order.member, order.state, order.source) == (member, "held", "page")
    assert "请在" in page.content.decode() or "Please pay before" in page.content.decode()
    phone.post(url(sale, "public_order_pay", order.pk))
    order.refresh_from_db()
    assert order.state == "paid"
    assert Order.objects.count() == 1


def test_two_taps_are_one_order(live, member, phone_of) -> None:
    sale, phone = live(), phone_of(member)
    for _ in range(2):
        buy(phone, sale)
    assert Order.objects.count() == 1
    assert SaleBuyer.objects.get().quantity == 1


def test_there_is_no_button_that_pays_unless_it_is_a_trial(live, member, phone_of) -> None:
    sale, phone = live(), phone_of(member)
    page = buy(phone, sale)
    order = Order.objects.get()
    pay_url = url(sale, "public_order_pay", order.pk)
    assert pay_url not in page.content.decode()
    assert phone.post(pay_url).status_code == 404
    order.refresh_from_db()
    assert order.state == "held"


def test_she_gives_up_her_own_order_only(live, member, new_member, phone_of) -> None:
    sale = live()
    buy(phone_of(member), sale)
    order = Order.objects.get()
    cancel_url = url(sale, "public_order_cancel", order.pk)
    assert phone_of(new_member()).post(cancel_url).status_code == 404
    assert Client().post(cancel_url).status_code == 404
    order.refresh_from_db()
    assert order.state == "held"
    phone_of(member).post(cancel_url)
    order.refresh_from_db()
    assert order.state == "cancelled"


def test_refusals_are_said_and_counted(live, member, new_member, phone_of) -> None:
    sale, later = live(stock=2), live(starts_in=HOUR)
    assert "alert" in buy(phone_of(member), sale, 3).content.decode()
    buy(phone_of(member), sale, 2, key="k2")
    buy(phone_of(new_member()), sale)
    buy(phone_of(member), later)
    counted = sorted(RefusalCount.objects.values_list("reason", "count"))
    assert counted == [("limit", 1), ("not_open", 1), ("sold_out", 1)]
    assert Order.objects.count() == 1


@pytest.mark.parametrize("quantity", ["", "0", "-1", "x", "1.5", "9" * 30])
def test_odd_quantities_buy_nothing(live, member, phone_of, quantity) -> None:
    assert buy(phone_of(member), live(), quantity).status_code == 200
    assert not Order.objects.exists()


def test_nobody_in_particular_buys_nothing(live) -> None:
    assert buy(Client(), live()).status_code == 200
    assert not Order.objects.exists()


def test_who_registers_becomes_a_member_and_may_buy(live, community) -> None:
    sale, phone = live(allow_registration=True), Client()
    answer = phone.post(url(sale, "public_sale_register"), {"name": "王哥", "phone": "13800138000"})
    assert answer.status_code == 302
    buy(phone, sale)
    assert Order.objects.get().member.display_name == "王哥"
    assert Member.objects.get(display_name="王哥").community == community


def test_registration_is_refused_where_it_is_off_or_wrong(live) -> None:
    closed, opened = live(), live(allow_registration=True)
    facts = {"name": "王哥", "phone": "13800138000"}
    assert Client().post(url(closed, "public_sale_register"), facts).status_code == 404
    for wrong in ({"phone": "abc"}, {"name": ""}, {"name": "a\x00b"}):
        answer = Client().post(url(opened, "public_sale_register"), facts | wrong)
        assert answer.status_code == 422
        assert list(answer.context["register_form"].errors) == list(wrong)
    assert not Member.objects.exists()


def test_the_live_part_comes_alone(live, member, buy) -> None:
    sale = live()
    services.place_order(sale=sale, member=member, quantity=2, actor=SYSTEM, now=clock.now())
    answer = Client().get(url(sale), headers={"X-Fragment": "1"})
    assert "<html" not in answer.content.decode()
    assert (answer.context["counts"].held, answer.context["counts"].left) == (2, 1)
    assert "no-store" in answer["Cache-Control"]


def test_sold_out_is_said_only_when_it_is_true(live, member) -> None:
    sale = live(stock=1)
    order = services.place_order(sale=sale, member=member, quantity=1, actor=SYSTEM, now=clock.now())
    held = Client().get(url(sale)).content.decode()
    services.pay_order(order=order, actor=SYSTEM, now=clock.now())
    sold = Client().get(url(sale)).content.decode()
    assert "抢光了,1 件全部卖完。" not in held
    assert held != sold


def test_one_piece_is_said_as_one(live, member) -> None:
    sale = live(stock=1)
    type(sale.community).objects.update(locale="en")
    order = services.place_order(sale=sale, member=member, quantity=1, actor=SYSTEM, now=clock.now())
    held = Client().get(url(sale)).content.decode()
    assert "1 is not paid yet" in held
    assert "1 piece, not one more" in held
    services.pay_order(order=order, actor=SYSTEM, now=clock.now())
    assert "Sold out: 1 piece, and it is gone." in Client().get(url(sale)).content.decode()


def test_the_live_part_says_when_the_rest_of_the_page_is_old(live, member, phone_of) -> None:
    sale, phone = live(stock=1), phone_of(member)

    def state(client=phone, **headers) -> str:
        return client.get(url(sale), headers=headers).context["page_state"]

    assert state() == state(**{"X-Fragment": "1"})
    assert f'data-page-state="{state()}"' in phone.get(url(sale), headers={"X-Fragment": "1"}).content.decode()
    seen = [state(), state(Client())]
    services.pause_flash_sale(sale=sale, actor=SYSTEM, now=clock.now())
    seen.append(state())
    services.resume_flash_sale(sale=sale, actor=SYSTEM, now=clock.now())
    assert state() == seen[0]
    buy(phone, sale)
    seen.append(state())
    services.pay_order(order=Order.objects.get(), actor=SYSTEM, now=clock.now())
    seen.append(state())
    assert len(set(seen)) == len(seen)


def test_a_moved_sale_loads_the_rules_of_an_open_page_anew(live) -> None:
    sale = live()
    seen = [Client().get(url(sale)).context["page_state"]]
    services.reschedule_flash_sale(
        sale=sale, starts_at=sale.starts_at, ends_at=sale.ends_at + HOUR, actor=SYSTEM, now=clock.now()
    )
    seen.append(Client().get(url(sale), headers={"X-Fragment": "1"}).context["page_state"])
    assert seen[0] != seen[1]


def test_who_has_some_already_reads_how_many_more_are_possible(live, member, new_member, phone_of) -> None:
    sale, phone = live(limit_per_member=3, stock=9), phone_of(member)
    type(sale.community).objects.update(locale="en")
    buy(phone, sale)
    assert 'max="2"' in phone.get(url(sale)).content.decode()
    text = buy(phone, sale, 3, key="k2").content.decode()
    assert "At most 3 per person: you have 1 already, 2 more is possible." in text
    assert "at most 2 more for you" in text
    buy(phone, sale, 2, key="k3")
    assert "and you have them already" in buy(phone, sale, 1, key="k4").content.decode()
    assert "At most 3 per person.</" in buy(phone_of(new_member()), sale, 4, key="k5").content.decode()


@pytest.mark.parametrize("stop", ["pause", "sold out"])
def test_nobody_is_asked_to_buy_more_where_nothing_can_be_bought(live, member, phone_of, stop) -> None:
    sale, phone = live(stock=1 if stop == "sold out" else 3), phone_of(member)
    buy(phone, sale)
    if stop == "pause":
        services.pause_flash_sale(sale=sale, actor=SYSTEM, now=clock.now())
    page = phone.get(url(sale))
    assert page.context["can_buy"] is False
    assert 'name="quantity"' not in page.content.decode()


def test_a_pause_is_told_and_counted_as_one(live, member, phone_of) -> None:
    sale = live()
    services.pause_flash_sale(sale=sale, actor=SYSTEM, now=clock.now())
    page = buy(phone_of(member), sale)
    refusal = SaleNotOpen(state="paused")
    assert refusal.extra == {"state": "paused"}
    with translation.override("zh-hans"):
        assert str(SaleNotOpen(state="paused").message) in page.content.decode()
        assert str(SaleNotOpen(state="paused").message) != str(SaleNotOpen(state="ended").message)
    assert list(RefusalCount.objects.values_list("reason", "count")) == [("paused", 1)]
    assert not Order.objects.exists()


def test_who_asks_for_more_than_is_left_hears_how_many(live, member, phone_of) -> None:
    sale = live(stock=1)
    page = buy(phone_of(member), sale, 2)
    with translation.override("zh-hans"):
        assert str(SaleSoldOut(left=1).message) in page.content.decode()
    assert "1" in str(SaleSoldOut(left=1).message)
    assert list(RefusalCount.objects.values_list("reason", "count")) == [("few_left", 1)]
    assert not Order.objects.exists()


@pytest.mark.parametrize("state", ["paid_late", "refunded"])
def test_the_member_reads_what_happens_with_the_money(live, member, phone_of, state) -> None:
    sale, phone = live(), phone_of(member)
    buy(phone, sale)
    Order.objects.update(state=state, paid_at=clock.now())
    for page in (phone.get(url(sale)), phone.get("/me/")):
        with translation.override("zh-hans"):
            told = told_to_member(state)
            label = Order(state=state).get_state_display()
        assert told in page.content.decode()
        assert f">{label}<" not in page.content.decode()
        assert "data-until" not in page.content.decode().partition('id="order-')[2]


def test_drafts_and_unknown_codes_are_not_found(new_sale) -> None:
    assert Client().get(url(new_sale())).status_code == 404
    for code in ("x", "a" * 22, "a" * 200):
        assert Client().get(f"/s/{code}/").status_code == 404


@pytest.mark.parametrize("change", ["pause", "cancel"])
def test_a_stopped_sale_says_so(live, member, phone_of, change) -> None:
    sale = live()
    getattr(services, f"{change}_flash_sale")(sale=sale, actor=SYSTEM, now=clock.now(), reason="x")
    page = phone_of(member).get(url(sale))
    assert page.context["moment"] in ("paused", "cancelled")
    assert 'name="quantity"' not in page.content.decode()


def test_the_page_is_light(live, member, phone_of) -> None:
    page = phone_of(member).get(url(live()))
    files = ["public.css", "public.js", "clock.js", "pieces.js", "mark.svg"]
    loaded = sum(Path(finders.find(f"community_ops/{name}")).stat().st_size for name in files)
    assert len(page.content) + loaded < 50_000


def test_a_customer_reads_no_word_of_colleagues(live, member, phone_of) -> None:
    sale, phone = live(), phone_of(member)
    text = buy(phone, sale).content.decode()
    assert "同事" not in text
    assert "colleague" not in text


def test_a_refunded_order_is_called_refunded() -> None:
    with translation.override("en"):
        assert told_to_member("refunded").startswith("This order was refunded")
