"""The live preview of a message in Chromium: honest about what only the server knows."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from messaging.platforms.base import Card
from messaging.showing import lines
from tests.common.test_pictures import drawn
from tests.interface.test_in_browser import Open, chromium, open_page

__all__ = ["chromium", "open_page"]  # fixtures
pytestmark = pytest.mark.browser
SOURCE = """{% extends "base.html" %}{% block content %}<textarea data-preview="b"></textarea>
<input type="file" data-picture><input type="file" data-file>{% include "components/_bubble.html" %}{% endblock %}"""


def bubble(*texts: str, **facts: Any) -> dict[str, Any]:
    parts = [{"lines": lines(text, is_markdown=True)} for text in texts]
    size = {"size": 20, "limit": 12, "unit": "bytes"}
    return {"id": "b", "platform": "WeCom", "sender": "H", "parts": parts} | size | facts


def test_typing_shows_the_text_plain_and_in_one_piece(open_page: Open) -> None:
    page = open_page(SOURCE, bubble=bubble("**one**", "two", may_split=True))
    expect(page.locator(".bubble")).to_have_text(["one", "two"])
    expect(page.locator(".bubble-part").first).to_contain_text("Message 1 of 2")

    page.locator("textarea").fill("**three and more**")

    expect(page.locator(".bubble")).to_have_text(["**three and more**"])
    expect(page.locator(".bubble-part")).to_have_count(0)
    expect(page.locator("[data-size]")).to_have_text("18")
    expect(page.locator(".is-too-long")).to_have_count(0)


def test_a_size_that_the_browser_can_only_guess_says_so(open_page: Open) -> None:
    page = open_page(SOURCE, bubble=bubble("one", size=103, limit=120, extra=100))

    page.locator("textarea").fill("四")

    expect(page.locator("[data-size]")).to_have_text("≈ 103")
    page.locator("textarea").fill("x" * 21)
    expect(page.locator(".is-too-long [data-size]")).to_have_text("≈ 121")


def test_utf16_counts_an_emoji_twice(open_page: Open) -> None:
    page = open_page(SOURCE, bubble=bubble("", unit="utf16"))
    page.locator("textarea").fill("字👍")
    expect(page.locator("[data-size]")).to_have_text("3")


def test_a_chosen_picture_is_shown_before_it_is_sent(open_page: Open, tmp_path: Path) -> None:
    shown = bubble("one")
    shown["parts"][0]["has_new_image"] = True
    page = open_page(SOURCE, bubble=shown)
    (tmp_path / "x.png").write_bytes(drawn())

    page.locator("[data-picture]").set_input_files(tmp_path / "x.png")

    expect(page.locator(".bubble-image")).to_be_visible()
    assert str(page.locator(".bubble-image").get_attribute("src")).startswith("data:image/png;base64,")


def test_a_chosen_file_is_named_with_its_size_before_it_is_sent(open_page: Open, tmp_path: Path) -> None:
    shown = bubble("one")
    shown["parts"].append({"lines": [], "has_new_file": True})
    page = open_page(SOURCE, bubble=shown)
    place = page.locator(".bubble-file")
    expect(place).to_have_text("The chosen file")

    for name, size, words in [("价目 <b>.txt", 512, "512 bytes"), ("x.pdf", 3 * 2**19, "1.5\u00a0MB")]:
        (tmp_path / name).write_bytes(b"x" * size)
        page.locator("[data-file]").set_input_files(tmp_path / name)
        expect(place).to_have_text(f"{name} {words}", use_inner_text=True)


def test_typing_leaves_a_card_and_a_file_as_they_are(open_page: Open) -> None:
    shown = bubble()
    shown["parts"] = [
        {"lines": [], "image_url": ""},
        {"lines": [], "card": Card(title="Gift box", url="https://shop.example/")},
        {"lines": [], "has_new_file": True},
    ]
    page = open_page(SOURCE, bubble=shown)

    page.locator("textarea").fill("see below")

    expect(page.locator(".bubble-card b")).to_have_text("Gift box")
    expect(page.locator(".bubble-file")).to_have_text("The chosen file")

    shown["parts"][0]["lines"] = lines("one", is_markdown=False)
    page = open_page(SOURCE, bubble=shown)
    page.locator("textarea").fill("two")
    expect(page.locator(".bubble:not(.bubble-extra)")).to_have_text(["two"])
    expect(page.locator(".bubble-card b")).to_have_text("Gift box")
