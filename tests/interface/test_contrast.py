"""WCAG 2.2 AA, computed from the colour tokens of both style sheets in both themes."""

import re
from pathlib import Path

import pytest
from django.conf import settings

STATIC = Path(settings.BASE_DIR) / "community_ops" / "static" / "community_ops"
TEXT, MARK = 4.5, 3.0  # success criteria 1.4.3 and 1.4.11
GROUNDS = ("surface", "canvas", "sunken")
TONES = ("neutral", "info", "good", "warn", "bad")
TEXT_PAIRS = [
    *((ink, ground) for ink in ("ink", "ink-2", "ink-3") for ground in GROUNDS),
    *((ink, "bubble-ground") for ink in ("ink-2", "ink-3")),
    ("ink", "bubble"), ("ink", "accent-soft"),
    ("accent", "surface"), ("accent", "canvas"), ("accent", "sunken"), ("accent", "accent-soft"),
    ("accent-ink", "accent"), ("accent-ink", "accent-hover"),
    *((f"{tone}-ink", f"{tone}-soft") for tone in TONES),
    *((f"{tone}-ink", ground) for tone in TONES for ground in ("surface", "canvas")),
]  # fmt: skip
MARK_PAIRS = [
    *(
        (f"stage-{stage}", ground)
        for stage in ("build", "acquire", "activate", "retain", "convert", "culture")
        for ground in ("surface", "canvas")
    ),
    ("line-input", "surface"),
    ("accent", "neutral-soft"),
]
PUBLIC_TEXT_PAIRS = [
    *((ink, ground) for ink in ("ink", "ink-2", "ink-3") for ground in ("surface", "canvas")),
    ("ink-2", "accent-soft"), ("accent", "surface"), ("accent", "canvas"), ("accent", "accent-soft"),
    ("accent-ink", "accent"), ("accent-ink", "accent-hover"), ("bad-ink", "surface"),
    *((f"{tone}-ink", f"{tone}-soft") for tone in ("info", "good", "warn", "bad")),
]  # fmt: skip


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def operator_themes() -> dict[str, dict[str, str]]:
    css = (STATIC / "app.css").read_text()
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);", css)
    return {"light": {n: light for n, light, _ in pairs}, "dark": {n: dark for n, _, dark in pairs}}


def public_themes() -> dict[str, dict[str, str]]:
    light, dark = (STATIC / "public.css").read_text().split("@media (prefers-color-scheme: dark)", 1)
    dark = dark.split("*, *::before", 1)[0]
    return {name: dict(re.findall(r"--([\w-]+): (#\w{6})", css)) for name, css in (("light", light), ("dark", dark))}


def too_weak(theme: dict[str, str], pairs: list[tuple[str, str]], least: float) -> list[str]:
    measured = [(ink, ground, contrast(theme[ink], theme[ground])) for ink, ground in pairs]
    return [f"{ink} on {ground}: {value:.2f}" for ink, ground, value in measured if value < least]


def test_the_formula_agrees_with_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_of_the_dashboard_is_readable(theme: str) -> None:
    assert too_weak(operator_themes()[theme], TEXT_PAIRS, TEXT) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_and_borders_of_the_dashboard_are_visible(theme: str) -> None:
    assert too_weak(operator_themes()[theme], MARK_PAIRS, MARK) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_of_members_pages_is_readable(theme: str) -> None:
    assert too_weak(public_themes()[theme], PUBLIC_TEXT_PAIRS, TEXT) == []
    assert too_weak(public_themes()[theme], [("line-input", "surface"), ("accent", "line")], MARK) == []


def test_browsers_without_light_dark_get_the_same_light_colours() -> None:
    fallback = (STATIC / "app.css").read_text().split("@supports", 1)[0]

    plain = dict(re.findall(r"--([\w-]+): (#\w{6});", fallback))
    assert plain == operator_themes()["light"]


def test_pages_use_only_tokens_for_colour() -> None:
    for name in ("app.css", "public.css"):
        rules = (STATIC / name).read_text().split("*, *::before", 1)[1]
        assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?![^{]*\{)|rgba?\(|hsla?\(", rules) == []
