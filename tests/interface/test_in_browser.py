"""The kit in Chromium: clocks, dialogs, menus, charts, counters, and the frame without script and on a phone."""

import mimetypes
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from community_ops.common import clock
from tests.conftest import find_chromium
from tests.interface.conftest import Render
from tests.interface.test_components import CHART, FRAME

pytestmark = pytest.mark.browser
ADDRESS = "http://kit.test/page"
CSP = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'"
PHONE = {"width": 360, "height": 740}
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser, render: Render) -> Iterator[Open]:
    """Show a template under the product's content security policy; anything the browser complains about fails."""
    complaints: list[str] = []
    contexts = []

    def run(
        source: str, *, viewport: dict[str, int] | None = None, script: bool = True, first: str = "", **context: object
    ) -> Page:
        html = render(source, **context)
        browser_context = chromium.new_context(
            viewport=viewport or {"width": 1440, "height": 900}, java_script_enabled=script
        )
        contexts.append(browser_context)
        page = browser_context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.route("**/*", lambda route: answer(route, html))
        page.add_init_script(first)
        page.goto(ADDRESS)
        return page

    yield run
    for browser_context in contexts:
        browser_context.close()
    assert complaints == []


def answer(route: Route, html: str) -> None:
    path = route.request.url.removeprefix("http://kit.test")
    if not path.startswith(settings.STATIC_URL):
        route.fulfill(body=html, content_type="text/html", headers={"Content-Security-Policy": CSP})
        return
    found = finders.find(path.removeprefix(settings.STATIC_URL))
    assert found, path
    kind = mimetypes.guess_type(found)[0] or "text/plain"
    route.fulfill(body=Path(found).read_bytes(), content_type=kind)


COUNTDOWN = '{% extends "base.html" %}{% block content %}{% include "components/_countdown.html" %}{% endblock %}'


def test_countdown_follows_the_servers_clock(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = clock.now() + timedelta(days=3)  # the server lives three days ahead of this device
    monkeypatch.setattr(clock, "now", lambda: ahead)

    page = open_page(COUNTDOWN, until=ahead + timedelta(minutes=10), label="Starts in")

    expect(page.locator(".countdown-face")).to_have_text(re.compile(r"^09:5\d$"))


def test_countdown_tells_its_end_once(open_page: Open) -> None:
    counting = "window.told = 0; document.addEventListener('countdown-over', () => window.told++)"
    page = open_page(COUNTDOWN, until=clock.now() + timedelta(seconds=6), ended="It has started", first=counting)

    expect(page.locator(".countdown-face")).to_have_text("It has started", timeout=20_000)

    expect(page.locator(".countdown [aria-live=polite]")).to_have_text("It has started")
    assert page.evaluate("window.told") == 1


def test_countdown_long_over_is_not_news(open_page: Open) -> None:
    page = open_page(
        '{% extends "public/base.html" %}{% block content %}{% include "components/_countdown.html" %}{% endblock %}',
        until=clock.now() - timedelta(minutes=5),
        ended="Over",
        reload=True,
    )
    page.evaluate("window.stayed = true")
    expect(page.locator(".countdown.is-over .countdown-face")).to_have_text("Over")

    assert page.evaluate("window.stayed")


def test_chart_is_drawn_under_the_content_policy(open_page: Open) -> None:
    page = open_page(
        '{% extends "base.html" %}{% block content %}{% include "components/_chart.html" %}{% endblock %}', chart=CHART
    )

    page.wait_for_function("window.Chart?.getChart(document.querySelector('canvas'))?.data.datasets.length === 2")


DIALOG = """{% extends "base.html" %}{% block content %}<a href="#send" data-dialog-open="send">Open</a>
{% include "components/_dialog.html" %}{% endblock %}"""
SEND = {"id": "send", "title": "Send?", "action": "/send", "confirm_label": "Send now", "needs_reason": True}


def test_dialog_opens_and_closes_by_keyboard(open_page: Open) -> None:
    page = open_page(DIALOG, dialog=SEND)
    page.get_by_text("Open", exact=True).press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()

    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_be_hidden()


def test_dialog_opens_without_script(open_page: Open) -> None:
    page = open_page(DIALOG, dialog=SEND, script=False)

    page.get_by_text("Open", exact=True).click()

    expect(page.get_by_role("button", name="Send now")).to_be_visible()


def test_navigation_opens_on_a_phone_without_script(open_page: Open) -> None:
    page = open_page('{% extends "base.html" %}', frame=FRAME, viewport=PHONE, script=False)
    expect(page.locator("#rail")).to_be_hidden()

    page.get_by_text("Menu").click()

    expect(page.locator("#rail").get_by_text("Build")).to_be_visible()


def test_slash_goes_to_the_search(open_page: Open) -> None:
    page = open_page('{% extends "base.html" %}', frame={**FRAME, "search_url": "/find"})

    page.keyboard.press("/")

    expect(page.get_by_role("searchbox")).to_be_focused()
    expect(page.get_by_role("searchbox")).to_have_value("")


def test_text_is_counted_as_the_platform_counts(open_page: Open) -> None:
    bubble = {"id": "b", "platform": "WeCom", "sender": "H", "text": "", "size": 0, "limit": 12, "unit": "bytes"}
    page = open_page(
        """{% extends "base.html" %}{% block content %}<textarea data-preview="b"></textarea>
        {% include "components/_bubble.html" %}{% endblock %}""",
        bubble=bubble,
    )
    page.locator("textarea").fill("今晚开抢")
    expect(page.locator("[data-size]")).to_have_text("12")
    expect(page.locator(".bubble")).to_have_text("今晚开抢")

    page.locator("textarea").fill("今晚开抢!")

    expect(page.locator(".is-too-long [data-size]")).to_have_text("13")


def test_a_form_is_sent_once(open_page: Open) -> None:
    page = open_page(
        '{% extends "public/base.html" %}{% block content %}'
        '<form data-once><button type="submit">Buy</button></form>{% endblock %}'
    )
    page.evaluate("""() => { window.sent = 0;
        document.addEventListener('submit', (event) => { if (!event.defaultPrevented) window.sent++;
        event.preventDefault(); }); }""")

    page.get_by_text("Buy").dblclick()

    assert page.evaluate("window.sent") == 1


SAMPLE = """{% extends "base.html" %}{% block content %}<div class="columns"><section></section><aside>
<section class="panel"><pre id="sample"><code>{"kind": "message", "occurred_at": "2026-11-29T20:00:00+08:00"}</code>
</pre></section></aside></div>{% endblock %}"""


def test_a_long_line_of_code_scrolls_inside_its_card(open_page: Open) -> None:
    page = open_page(SAMPLE, **FRAME)
    sizes = page.evaluate("""() => {
        const sample = document.getElementById("sample"), panel = sample.parentElement;
        return [sample.clientWidth <= panel.clientWidth, sample.scrollWidth > sample.clientWidth,
                document.documentElement.scrollWidth <= innerWidth];
    }""")
    assert sizes == [True, True, True]


@pytest.mark.parametrize("base", ["base.html", "public/base.html"])
def test_a_phone_never_scrolls_sideways(open_page: Open, base: str) -> None:
    page = open_page(
        f'{{% extends "{base}" %}}{{% block heading %}}{"长" * 60}{{% endblock %}}'
        f'{{% block content %}}<p>{"x" * 200}</p>{{% include "components/_chart.html" %}}{{% endblock %}}',
        frame=FRAME,
        chart=CHART,
        viewport=PHONE,
    )

    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
