"""What a plan takes, in Chromium: nothing of it is cut off on a phone, on the page or in a question."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from campaigns.models import PlaybookStep
from campaigns.services import ForecastWords
from campaigns.services.forecast_words import ForecastLine
from campaigns.services.forecasting import StepForecast
from messaging.services import Hand
from tests.interface.test_in_browser import PHONE, Open, chromium, open_page
from tests.moments import NOON

__all__ = ["chromium", "open_page"]  # fixtures
pytestmark = pytest.mark.browser
LATE = NOON + timedelta(minutes=4)


def words() -> ForecastWords:
    """Long names and numbers, and every part there is."""
    step = StepForecast(PlaybookStep(name="开抢"), NOON, 1234, 5678, 90, None, True)
    row = {
        "name": "开抢" * 20,
        "step": step,
        "when": "11月21日 20:00",
        "last": "11月21日 20:04",
        "last_group": "群" * 60,
    }
    hand = Hand(1, "阿May" * 20, 12, 3456, 0, LATE, is_told=False, has_link=True, has_opened=False)
    lines = [ForecastLine("共 70 条。"), ForecastLine("x" * 200, "warn")]
    return ForecastWords(lines, [{"hand": hand, "until": "11月21日 20:04"}], "估算", [row], is_plan=True)


def dialog() -> dict[str, Any]:
    return {"id": "ask", "title": "排期吗？", "action": "/", "confirm_label": "排期", "forecast": words()}


def test_a_forecast_fits_a_phone(open_page: Open) -> None:
    source = """{% extends "base.html" %}{% block content %}{% include "components/_forecast.html" %}{% endblock %}"""
    page = open_page(source, forecast=words(), forecast_id="a", viewport=PHONE)

    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    expect(page.locator(".forecast-lines .is-warn")).to_have_count(1)


def test_a_forecast_in_a_question_is_not_cut_off(open_page: Open) -> None:
    source = """{% extends "base.html" %}{% block content %}<a href="#ask" data-dialog-open="ask">ask</a>
{% include "components/_dialog.html" %}{% endblock %}"""
    page = open_page(source, dialog=dialog(), viewport=PHONE)
    page.get_by_text("ask", exact=True).click()

    expect(page.get_by_text("11月21日 20:04").last).to_be_visible()
    for part in page.locator("#ask, #ask .table-scroll").all():
        assert part.evaluate("node => node.scrollWidth <= node.clientWidth")
