"""A sale in Chromium: the phone page and 抢购现场 are live, and one impatient thumb is one order.

The browser's driver runs a loop in the test's thread, so the database is asked aside while it is open.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from community_ops.common import clock
from conversion import services
from conversion.models import FlashSale, Order
from members.models import Member
from members.services import issue_pass
from tests.conftest import find_chromium
from tests.conversion.conftest import terms_of
from tests.factories.people import SYSTEM
from tests.races import at_once

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def live(product, group) -> FlashSale:
    now = clock.now()
    terms = terms_of(product, group, starts_at=now, ends_at=now + timedelta(hours=1), payment_mode="sandbox")
    sale = services.create_flash_sale(terms=terms, actor=SYSTEM, now=now)
    services.schedule_flash_sale(sale=sale, actor=SYSTEM, now=now)
    return sale


@pytest.fixture
def pass_code(member) -> str:
    return issue_pass(member=member, actor=SYSTEM, now=clock.now())


@pytest.fixture
def second_member(new_member) -> Member:
    return new_member()


@pytest.fixture
def session(owner, signed_in) -> str:
    return signed_in(owner).cookies["sessionid"].value


def aside(job: Callable[[], Any]) -> Any:
    """Ask the database from another thread."""
    (result,) = at_once([job])
    return result


def buy(sale, member, quantity) -> None:
    place = partial(services.place_order, sale=sale, member=member, quantity=quantity, actor=SYSTEM, now=clock.now())
    assert isinstance(aside(place), Order)


def phone_of(chromium, live_server, code, **options) -> BrowserContext:
    context = chromium.new_context(viewport=PHONE, **options)
    context.new_page().goto(f"{live_server.url}/p/{code}")
    return context


def test_two_quick_taps_are_one_order_and_the_stock_moves_by_itself(
    live_server, live, pass_code, second_member, chromium
) -> None:
    page = phone_of(chromium, live_server, pass_code).pages[0]
    page.goto(f"{live_server.url}/s/{live.public_code}/")
    page.locator(".sticky-action button").dblclick()
    expect(page.locator("section[id^=order-]")).to_have_count(1)
    assert aside(Order.objects.count) == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    buy(live, second_member, 2)
    expect(page.locator(".left b").first).not_to_contain_text("2", timeout=10_000)


def test_the_phone_page_works_without_script(live_server, live, pass_code, chromium) -> None:
    page = phone_of(chromium, live_server, pass_code, java_script_enabled=False).pages[0]
    page.goto(f"{live_server.url}/s/{live.public_code}/")
    page.locator("input[name=quantity]").fill("2")
    page.locator(".sticky-action button").click()
    page.locator("section[id^=order-] .button-primary").click()
    assert aside(Order.objects.get).state == "paid"


def test_the_phone_page_follows_the_sale_by_itself(live_server, live, member, pass_code, chromium) -> None:
    def change(verb, **what) -> None:
        result = aside(partial(getattr(services, verb), actor=SYSTEM, now=clock.now(), **what))
        assert not isinstance(result, Exception), result

    page = phone_of(chromium, live_server, pass_code).pages[0]
    page.goto(f"{live_server.url}/s/{live.public_code}/")
    buy_form = page.locator("input[name=quantity]")
    buy_form.focus()
    change("pause_flash_sale", sale=live)
    expect(page.locator(".notice.tone-warn")).to_be_visible(timeout=10_000)
    page.wait_for_timeout(2500)
    expect(buy_form).to_be_visible()  # not in the middle of typing
    buy_form.blur()
    expect(buy_form).to_have_count(0, timeout=10_000)
    change("resume_flash_sale", sale=live)
    expect(buy_form).to_be_visible(timeout=10_000)
    buy(live, member, 1)
    order = page.locator("section[id^=order-]")
    expect(order.locator("[data-countdown]")).to_be_visible(timeout=10_000)
    change("pay_order", order=aside(Order.objects.get))
    expect(order.locator(".badge.tone-good")).to_be_visible(timeout=10_000)
    expect(order.locator("[data-countdown]")).to_have_count(0)


def test_the_control_room_shows_new_orders_by_itself(live_server, live, member, owner, session, chromium) -> None:
    context = chromium.new_context()
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/w/{owner.workspace.slug}/flash-sales/{live.pk}/")
    buy(live, member, 1)
    row = page.locator("tr[id^=order-]")
    expect(row).to_contain_text("李姐", timeout=10_000)
    row.locator("a[data-dialog-open]").first.click()
    question = page.locator("#order-question")
    expect(question).to_contain_text("李姐")
    page.wait_for_timeout(2500)  # what is refreshed meanwhile does not close the question
    assert aside(Order.objects.get).state == "held"
    question.locator("button.button-primary").click()
    expect(row.locator(".badge.tone-good")).to_be_visible(timeout=10_000)
    assert aside(Order.objects.get).state == "paid"


def test_an_error_leaves_when_the_next_thing_is_done(live_server, live, member, owner, session, chromium) -> None:
    buy(live, member, 1)
    order = aside(Order.objects.get)
    aside(partial(services.pay_order, order=order, actor=SYSTEM, now=clock.now()))
    context = chromium.new_context()
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/w/{owner.workspace.slug}/orders/{order.pk}/cancel/")
    page.locator("dialog button.button-bad").evaluate("button => button.click()")
    errors = page.locator("#toasts .toast.tone-bad")
    expect(errors).to_have_count(1)
    with page.expect_response("**/fulfil/"):
        page.locator(f"#order-{order.pk} form[hx-post] button").click()
    expect(errors).to_have_count(0)
    assert aside(Order.objects.get).state == "fulfilled"


def test_nothing_is_kept_for_her_on_the_page_once_her_time_is_over(live_server, live, pass_code, chromium) -> None:
    aside(lambda: FlashSale.objects.update(hold_seconds=10))
    page = phone_of(chromium, live_server, pass_code).pages[0]
    page.goto(f"{live_server.url}/s/{live.public_code}/")
    page.locator(".sticky-action button").click()
    order = page.locator("section[id^=order-]")
    expect(order.locator(".notice.tone-good")).to_be_visible()
    page.locator("input[name=quantity]").focus()  # so the page does not load in the middle of typing
    expect(order.locator(".countdown.is-over")).to_be_visible(timeout=15_000)
    expect(order.locator(".notice.tone-good")).to_be_hidden(timeout=200)
    expect(order.locator("button").first).to_be_hidden(timeout=200)
    page.locator("input[name=quantity]").blur()
    expect(order.locator(".countdown")).to_have_count(0, timeout=10_000)
