"""What every template and static file of ours must keep: own host only, nothing inline, small, translatable."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import get_template

from community_ops.common.templatetags.interface import chart_js_url
from tests.interface.conftest import Render

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STATIC = ROOT / "community_ops" / "static" / "community_ops"
OWN_FILES = sorted(path for path in STATIC.rglob("*") if path.is_file())
COMMENT = re.compile(r"\{% comment.*?endcomment %\}|\{#.*?#\}", re.DOTALL)
OTHER_HOST = re.compile(r"(?:https?:)?//(?!www\.w3\.org/)[a-z0-9-]+\.[a-z]", re.IGNORECASE)
CJK = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
KIB = 1024


def source(path: Path) -> str:
    return COMMENT.sub("", path.read_text())


def offenders(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    found = [(path, pattern.search(source(path))) for path in paths]
    return [f"{path.relative_to(ROOT)}: {match[0]}" for path, match in found if match]


def bytes_of(*names: str) -> int:
    return sum(Path(finders.find(name)).stat().st_size for name in names)


def test_chart_library_is_where_its_tag_says() -> None:
    name = chart_js_url().removeprefix(settings.STATIC_URL)

    found = finders.find(name)

    assert found
    assert "Chart" in Path(found).read_text()[:400]


def test_nothing_is_loaded_from_another_host() -> None:
    assert offenders(OTHER_HOST, [*TEMPLATES, *OWN_FILES]) == []


def test_no_template_has_inline_style_or_script() -> None:
    inline = re.compile(r"""\sstyle\s*=|<style|\son[a-z]+\s*=\s*["']|javascript:|<script(?![^>]*(?:\ssrc=|json))""")

    assert offenders(inline, TEMPLATES) == []


def test_no_template_calculates() -> None:
    assert offenders(re.compile(r"\|add:|widthratio|\|divisibleby"), TEMPLATES) == []


def test_words_stand_in_the_locale_file_not_in_templates() -> None:
    assert offenders(CJK, TEMPLATES) == []


def test_no_label_is_left_untranslated() -> None:
    bare = re.compile(
        r"""(?:placeholder|aria-label|alt)="(?=[^"{]*[A-Za-z]{3})[^"{]*"|<(?:h[1-3]|button|label)[^>]*>\s*[A-Z][a-z]"""
    )

    assert offenders(bare, TEMPLATES) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_every_template_compiles(path: Path) -> None:
    assert get_template(str(path.relative_to(ROOT / "templates")))


def test_members_page_stays_below_50_kb(render: Render) -> None:
    page = len(render('{% extends "public/base.html" %}').encode())
    files = bytes_of(
        *(f"community_ops/{name}" for name in ("public.css", "public.js", "clock.js", "pieces.js", "mark.svg"))
    )

    assert page + files < 50 * KIB - 20 * KIB  # 20 KB are left for the page's own content


def test_frame_of_the_dashboard_stays_below_its_share(render: Render) -> None:
    page = len(render('{% extends "base.html" %}').encode())
    files = bytes_of("django_htmx/htmx-2.min.js", *(f"community_ops/{path.name}" for path in OWN_FILES))

    assert page + files < 150 * KIB  # of 200 KB on first load


def test_members_page_needs_neither_htmx_nor_the_dashboards_files(render: Render) -> None:
    html = render('{% extends "public/base.html" %}')

    assert re.findall(r'(?:src|href)="([^"]+)"', html) == [
        "/static/community_ops/mark.svg",
        "/static/community_ops/public.css",
        "/static/community_ops/public.js",
    ]


def test_style_of_members_pages_is_for_old_browsers_too() -> None:
    css = re.sub(r"/\*.*?\*/", "", (STATIC / "public.css").read_text(), flags=re.DOTALL)

    assert re.findall(r"light-dark\(|:has\(|color-mix\(|@layer|@container|inset:|\bgap:|dvh", css) == []


def test_htmx_may_not_run_code_or_write_style(render: Render) -> None:
    html = render('{% extends "base.html" %}')

    for switch in ('"allowEval":false', '"includeIndicatorStyles":false', '"allowScriptTags":false'):
        assert switch in html
