"""Each platform's page says how to begin, what it can do, its limits and what nobody knows, in this order."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from messaging.models import Platform

PAGES = Path(settings.BASE_DIR) / "docs" / "platforms"
SECTIONS = [("Credentials", "Setting it up"), ("What it can do",), ("Limits",), ("What we cannot know",)]


@pytest.mark.parametrize("platform", Platform.values)
def test_each_platforms_page_has_its_sections_in_order_and_words_in_them(platform) -> None:
    page = (PAGES / f"{platform}.md").read_text(encoding="utf-8")
    begun = {
        title: (match.start(), match.end()) for match in re.finditer(r"(?m)^## (.+)$", page) for title in [match[1]]
    }
    found = [next((begun[title] for title in titles if title in begun), None) for titles in SECTIONS]
    assert None not in found
    assert found == sorted(found)
    assert all(len(page[end:].partition("\n## ")[0].split()) > 10 for _, end in found)
    assert found[-1] == max(begun.values())
