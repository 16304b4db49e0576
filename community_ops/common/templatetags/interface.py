"""Template filters and tags of the interface; a builtin of every template. Formatting only, no reads."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.functional import Promise
from django.utils.html import format_html, json_script
from django.utils.safestring import SafeString
from django.utils.translation import get_language, pgettext
from heroicons.templatetags.heroicons import heroicon_micro, heroicon_outline

from community_ops.common import clock, once
from community_ops.common.templatetags import shapes, wording
from community_ops.common.templatetags.state_words import words_of

register = template.Library()

_FILTERS: dict[str, Callable[..., Any]] = {
    "grouped": wording.grouped,
    "money": wording.money,
    "as_percent": wording.as_percent,
    "signed_percent": wording.signed_percent,
    "signed": wording.signed,
    "duration": wording.duration,
    "since": wording.since,
    "ago": wording.ago,
    "in_zone": wording.in_zone,
    "day_in_zone": wording.day_in_zone,
    "time_in_zone": wording.time_in_zone,
    "countdown_text": wording.countdown_text,
    "share_of": shapes.share_of,
    "gauge_parts": shapes.gauge_parts,
    "sparkline": shapes.sparkline,
    "chart_rows": shapes.chart_rows,
}
for _name, _filter in _FILTERS.items():
    register.filter(_name, _filter)

register.simple_tag(wording.countdown_pattern)

# Filters of a table that start again from its first page when another filter changes.
_PAGE_PARAMETERS = ("page", "cursor")
_MICRO_SIZE = 16


@register.filter
def state_label(state: str, kind: str) -> str | Promise:
    """`{{ delivery.state|state_label:"delivery" }}` -> the words for people."""
    return words_of(kind, state).label


@register.filter
def source_words(source: str | list[str]) -> str:
    """Where a number comes from, of one source or of several: `platform` -> the words for people."""
    sources = [source] if isinstance(source, str) else source
    return pgettext("between names", ", ").join(str(words_of("source", one).label) for one in sources)


@register.filter
def state_tone(state: str, kind: str) -> str:
    """neutral, info, good, warn or bad."""
    return words_of(kind, state).tone


@register.filter
def state_help(state: str, kind: str) -> str | Promise:
    """One sentence that says what is known in this state, or nothing."""
    return words_of(kind, state).help


@register.filter
def iso(moment: datetime) -> str:
    """Machine-readable time for `datetime` attributes, to the millisecond."""
    return moment.isoformat(timespec="milliseconds")


@register.simple_tag
def server_now() -> str:
    """The server's time for countdown clocks, ISO 8601 to the millisecond."""
    return iso(clock.now())


@register.simple_tag
def moment(at: datetime | None, zone: str = "UTC") -> str:
    """A `<time>` written in the community's zone; the script adds the reader's own time where it differs."""
    if at is None:
        return wording.MISSING
    return format_html('<time datetime="{}" data-local>{}</time>', iso(at), wording.in_zone(at, zone))


@register.simple_tag
def html_lang() -> str:
    """The active language as a BCP 47 tag: "zh-Hans", "en"."""
    language, _, script = (get_language() or "en").partition("-")
    return f"{language}-{script.title()}" if len(script) == 4 else language


@register.simple_tag
def chart_js_url() -> str:
    """Chart.js as django-unfold carries it; tests/interface checks that the file is still there."""
    return static("unfold/js/chart/chart.js")


@register.filter
def chart_json(chart: Mapping[str, Any]) -> SafeString:
    """The chart's data as a JSON block named "<id>-data", read by the script of the page."""
    return json_script(shapes.chart_payload(chart), f"{chart['id']}-data")


@register.simple_tag
def icon(name: str, size: int = 20) -> str:
    """A heroicon as inline SVG for decoration; words beside it carry the meaning."""
    return _icon_markup(name, size)


@lru_cache(maxsize=256)
def _icon_markup(name: str, size: int) -> str:
    render = heroicon_micro if size <= _MICRO_SIZE else heroicon_outline
    return render(name, size=size, **{"class": "icon", "aria-hidden": "true"})


@register.simple_tag(takes_context=True)
def query_with(context: template.Context, **changes: str | int | None) -> str:
    """The page's query string with changes: None removes; another filter starts again at the first page.

    `{% query_with state="failed" %}` on `?state=due&cursor=x` -> `?state=failed`.
    """
    query = context["request"].GET.copy()
    if not any(name in _PAGE_PARAMETERS for name in changes):
        for name in _PAGE_PARAMETERS:
            query.pop(name, None)
    for name, value in changes.items():
        if value is None or value == "":
            query.pop(name, None)
        else:
            query[name] = str(value)
    return f"?{query.urlencode()}"


@register.simple_tag
def once_key() -> SafeString:
    """Of a form that makes something: its hidden key. Sent twice it makes one (`common.once`)."""
    return format_html('<input type="hidden" name="{}" value="{}">', once.FIELD, uuid.uuid4().hex)
