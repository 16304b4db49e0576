"""The composer in Chromium: many groups are chosen at once, and found by a word."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from groups.models import ChatGroup, Community
from tests.campaigns.conftest import SignIn, make_group
from tests.conftest import find_chromium
from tests.factories.people import Someone

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
BOXES = "input[name=groups]"
ALL = "[data-select-all=groups]"
SEARCH = "[data-narrow=groups]"


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def eleven_groups(community: Community) -> list[ChatGroup]:
    return [make_group(community, f"{'晨跑' if number < 10 else '夜读'} {number} 群") for number in range(1, 12)]


@pytest.fixture
def session(owner: Someone, signed_in: SignIn) -> str:
    return signed_in(owner).cookies["sessionid"].value


@pytest.fixture
def composer(eleven_groups, owner: Someone, session: str, live_server, chromium: Browser) -> Page:
    context = chromium.new_context()
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/w/{owner.workspace.slug}/announcements/new/")
    return page


def test_all_groups_are_chosen_by_one_tick_and_the_preview_hears_of_each(composer: Page) -> None:
    with composer.expect_request(lambda request: request.method == "POST") as asked:
        composer.locator(ALL).check()
    expect(composer.locator(f"{BOXES}:checked")).to_have_count(11)
    assert (asked.value.post_data or "").count("groups") == 11
    composer.locator(BOXES).first.uncheck()
    expect(composer.locator(ALL)).not_to_be_checked()


def test_a_word_narrows_the_list_and_all_means_what_is_seen(composer: Page) -> None:
    composer.locator(BOXES).first.check()
    composer.locator(SEARCH).fill("夜读")
    expect(composer.locator(f"{BOXES}:visible")).to_have_count(3)
    composer.locator(ALL).check()
    composer.locator(SEARCH).press("Enter")  # sends nothing
    composer.locator(SEARCH).fill("")
    expect(composer.locator(f"{BOXES}:visible")).to_have_count(11)
    expect(composer.locator(f"{BOXES}:checked")).to_have_count(3)
