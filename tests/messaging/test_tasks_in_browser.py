"""The colleague's phone in Chromium, 360 px wide: copy once, tick five groups, done, take one back.

The browser's driver runs a loop in the test's thread, so the database is asked aside while it is open.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect, sync_playwright

from community_ops.common import clock
from messaging import services
from messaging.models import HumanTask, TaskItem
from tests.conftest import find_chromium
from tests.factories.people import SYSTEM
from tests.races import at_once

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE = {"width": 360, "height": 740}
TEXT = "【开抢】羊毛衫 20:00 开抢，\n每人限 2 件。"
SMALL = """() => [...document.querySelectorAll("a.button, button, label.pick, summary, a.task-row, .back")]
    .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 44).map((one) => one.outerHTML)"""


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def five(person, plan, deliver) -> HumanTask:
    """A touch in five groups, handed over a minute ago."""
    now = clock.now()
    for number in range(1, 6):
        facts = {"origin_id": 77, "target_id": number, "target_label": f"晨跑 {number} 群", "text": TEXT}
        plan(person.endpoint, due_at=now - timedelta(minutes=1), **facts)
    deliver(now)
    return HumanTask.objects.get()


@pytest.fixture
def link(person) -> str:
    return "/t/" + services.issue_link(assignee=person, actor=SYSTEM, now=clock.now())


@pytest.fixture
def open_phone(link, live_server, chromium) -> Iterator[Callable[..., Page]]:
    """Her phone with the list open. Whatever the browser complains about fails the test."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def run(**facts: object) -> Page:
        context = chromium.new_context(viewport=PHONE, **{"locale": "en", "has_touch": True, **facts})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if is_complaint(message) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{live_server.url}{link}")
        return page

    yield run
    for context in contexts:
        context.close()
    assert complaints == []


def is_complaint(message: ConsoleMessage) -> bool:
    """A form that comes back refused is no fault of the page, although the browser notes its 422."""
    return message.type == "error" and "status of 422" not in message.text


def states() -> list[str]:
    (found,) = at_once([lambda: list(TaskItem.objects.order_by("id").values_list("state", flat=True))])
    return found


def assert_fits(page: Page, sign: Locator) -> None:
    """Of the page that has this sign: right after a click the browser is still at the one before, or at none."""
    expect(sign).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate(SMALL) == []


def open_card(page: Page) -> None:
    """A tap before the page's script has come is answered without it."""
    with page.expect_navigation(wait_until="load"):
        page.locator("a.task-row").click()


def test_she_copies_once_ticks_five_and_takes_one_back(five, open_phone) -> None:
    page = open_phone(permissions=["clipboard-read", "clipboard-write"])
    assert_fits(page, page.locator("a.task-row"))
    open_card(page)
    assert_fits(page, page.locator("[data-copy-form]"))

    page.locator("[data-copy-form] button").click()
    expect(page.locator("[data-copy-label]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == TEXT
    expect(page.locator("textarea.task-text")).to_have_value(TEXT)
    expect(page.locator(".sticky-action .button")).to_have_class("button button-primary")

    for box in page.locator("input[name=items]").all():
        box.check()
    expect(page.locator("[data-tick-count]")).to_have_text("5/5")
    expect(page.locator("[data-select-all=items]")).to_be_checked()
    page.locator(".sticky-action button").click()
    expect(page.locator(".notice.tone-good")).to_be_visible()
    assert page.url.endswith("/t/")
    assert states() == ["done"] * 5

    undo_all = page.locator(".notice.tone-good button")
    assert_fits(page, undo_all)
    assert undo_all.evaluate("one => one.getBoundingClientRect().height") < 60  # on one line
    undo_all.click()
    expect(page.locator("[data-copy-form]")).to_be_visible()
    assert states() == ["open"] * 5
    page.locator(".pick-all").click()
    page.locator(".sticky-action button").click()

    page.get_by_text("Ended today").wait_for()
    page.locator(".task-later a").click()
    undo = page.get_by_role("button", name="Undo").first
    assert_fits(page, undo)
    undo.click()
    expect(page.locator("[data-copy-form]")).to_be_visible()
    assert sorted(states()) == ["done"] * 4 + ["open"]


def test_the_refusal_goes_once_she_ticks(five, open_phone) -> None:
    page = open_phone()
    open_card(page)
    page.locator(".sticky-action button").click()
    expect(page.get_by_text("Nothing is ticked yet.")).to_be_visible()
    page.locator("input[name=items]").first.check()
    expect(page.get_by_text("Nothing is ticked yet.")).to_have_count(0)

    page.locator("#leave-out summary").click()
    page.locator("#leave-out button[type=submit]").click()
    expect(page.locator("#leave-out .field-errors")).to_have_count(2)
    page.locator("input[name=leave-items]").first.uncheck()
    expect(page.get_by_text("Please choose why it is not done.", exact=True)).to_be_visible()
    page.locator("input[name=leave-reason]").first.check()
    expect(page.locator("#leave-out [data-form-errors]")).to_have_count(0)
    expect(page.locator("#leave-out .field-errors")).to_have_count(0)


def test_one_tap_ticks_all(five, open_phone) -> None:
    page = open_phone()
    open_card(page)
    page.locator(".pick-all").click()
    expect(page.locator("input[name=items]:checked")).to_have_count(5)
    page.locator("input[name=items]").first.uncheck()
    expect(page.locator("[data-select-all=items]")).not_to_be_checked()
    expect(page.locator("[data-tick-count]")).to_have_text("4/5")


def test_all_of_what_is_left_out_ticks_nothing_of_what_is_sent(five, open_phone) -> None:
    page = open_phone()
    open_card(page)
    page.locator("#leave-out summary").click()
    every = page.locator("[data-select-all=leave-items]")
    every.check()
    expect(page.locator("input[name=leave-items]:checked")).to_have_count(5)
    expect(page.locator("input[name=items]:checked")).to_have_count(0)


def test_a_phone_without_a_clipboard_gets_the_text_in_hand(five, open_phone) -> None:
    page = open_phone()
    page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard', { value: undefined });"
        "document.execCommand = () => { window.selected = document.activeElement.value; return false; };"
    )
    open_card(page)
    page.locator("[data-copy-form] button").click()
    expect(page.locator("[data-copy-label]")).to_have_text("Please long-press the text")
    assert page.evaluate("window.selected") == TEXT


def test_without_script_everything_is_done_too(five, open_phone) -> None:
    page = open_phone(java_script_enabled=False)
    open_card(page)
    expect(page.locator(".pick-all")).to_be_hidden()
    page.locator("[data-copy-form] button").click()
    expect(page.locator("textarea.task-text")).to_have_value(TEXT)
    for box in page.locator("input[name=items]").all():
        box.check()
    page.locator(".sticky-action button").click()
    expect(page.locator(".notice.tone-good")).to_be_visible()
    assert states() == ["done"] * 5


def test_what_may_not_be_posted_any_more_is_said_at_once(five, open_phone, guard) -> None:
    page = open_phone()
    open_card(page)
    guard.verdict = guard.verdict.__class__(allowed=False, reason="sale_over")
    page.locator("[data-copy-form] button").click()
    expect(page.locator(".notice.tone-warn")).to_contain_text("Do not post this any more")
    expect(page.locator("[data-copy-form]")).to_have_count(0)
    assert states() == ["withdrawn"] * 5


def test_she_leaves_one_of_five_out(five, open_phone) -> None:
    page = open_phone()
    open_card(page)
    page.locator("#leave-out summary").click()
    box = page.locator("#leave-out input[name=leave-items]").first
    assert_fits(page, box)
    box.check()
    page.locator("#leave-out input[name=leave-reason]").first.check()
    page.locator("#leave-out button").click()
    expect(page.locator(".notice.tone-good")).to_contain_text("left out")
    assert sorted(states()) == ["left_out"] + ["open"] * 4


@pytest.fixture
def ten(person, plan, deliver) -> HumanTask:
    """A touch in ten groups, the last with a name that takes two lines."""
    now = clock.now()
    names = [*(f"晨跑 {number} 群" for number in range(1, 10)), "夜跑群 · 一个名字特别长特别长特别长的群，看会不会挤坏"]
    for number, name in enumerate(names):
        facts = {"origin_id": 77, "target_id": number, "target_label": name, "text": TEXT}
        plan(person.endpoint, due_at=now - timedelta(minutes=1), **facts)
    deliver(now)
    return HumanTask.objects.get()


def test_in_a_long_list_she_finds_the_place_that_is_left_out(ten, open_phone) -> None:
    page = open_phone(locale="zh-CN")
    open_card(page)
    page.locator("#leave-out summary").click()
    boxes = page.locator("#leave-out input[name=leave-items]")
    assert_fits(page, page.locator("[data-narrow]"))
    assert {box.bounding_box()["width"] for box in boxes.all()} == {22}  # a long name squeezes none
    tools = [page.locator(f"#leave-out .cluster > {one}").bounding_box() for one in ("label", "input")]
    assert tools[0]["x"] + tools[0]["width"] <= tools[1]["x"]
    assert abs(tools[0]["y"] + tools[0]["height"] / 2 - tools[1]["y"] - tools[1]["height"] / 2) < 2  # in one line

    page.locator("[data-narrow]").fill("夜跑")
    expect(page.locator("#leave-out input[name=leave-items]:visible")).to_have_count(1)
    page.locator("#leave-out [data-select-all]").check()
    page.locator("#leave-out input[type=radio]").first.check()
    page.locator("#leave-out button[type=submit]").click()
    expect(page.locator(".notice.tone-good")).to_be_visible()
    assert sorted(states()) == ["left_out"] + ["open"] * 9
    page.locator(".rows form button").click()
    expect(page.locator(".notice.tone-good")).to_be_visible()
    assert states() == ["open"] * 10
