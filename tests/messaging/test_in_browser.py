"""In Chromium: a word in a row of the record changes the tabs, and sending again is asked about first; a room.

The browser's driver runs a loop in the test's thread, so the database is asked aside while it is open.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from messaging.models import Delivery, Endpoint, SandboxPost
from tests.conftest import find_chromium
from tests.moments import NOON
from tests.races import at_once

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def doubts(plan, room) -> list[Delivery]:
    rows = [plan(room), plan(room)]
    Delivery.objects.update(state="unknown", reason="no_answer")
    return rows


@pytest.fixture
def session(owner, signed_in) -> str:
    return signed_in(owner).cookies["sessionid"].value


def states() -> list[str]:
    (found,) = at_once([lambda: list(Delivery.objects.order_by("id").values_list("state", flat=True))])
    return found


def opened(chromium, live_server, session, path) -> Page:
    context = chromium.new_context()
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}{path}")
    return page


def test_the_record_is_decided_row_by_row(live_server, owner, doubts, session, chromium) -> None:
    page = opened(chromium, live_server, session, f"/w/{owner.workspace.slug}/deliveries/?state=unknown")
    chosen = page.locator("#delivery-tabs a[aria-current] .number")
    expect(chosen).to_have_text("2")

    page.locator(f"#delivery-{doubts[0].pk} button[value=sent]").click()
    expect(chosen).to_have_text("1")
    expect(page.locator(f"#delivery-{doubts[0].pk} .badge.tone-good")).to_be_visible()

    page.locator(f"#delivery-{doubts[1].pk} a[data-dialog-open]").click()
    question = page.locator("#delivery-question")
    expect(question).to_contain_text("晨跑 1 群")
    assert states() == ["confirmed", "unknown"]
    question.locator("button.button-bad").click()
    expect(chosen).to_have_text("0")
    assert states() == ["confirmed", "planned"]
    assert page.url.endswith("?state=unknown")


@pytest.fixture
def crowded(room) -> Endpoint:
    for number in range(30):
        SandboxPost.objects.create(workspace=room.workspace, endpoint=room, text=f"第 {number} 条", at=NOON)
    return room


def test_a_room_opens_at_the_newest_without_script(live_server, owner, crowded, session, chromium) -> None:
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/w/{owner.workspace.slug}/rooms/{crowded.pk}/")
    expect(page.get_by_text("第 29 条")).to_be_in_viewport()
    expect(page.get_by_text("第 0 条", exact=True)).not_to_be_in_viewport()
