"""Each component says what it must say, also when there is little to say."""

from datetime import timedelta
from typing import Any

import pytest
from django import forms
from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message
from django.template.loader import get_template

from community_ops.common import clock
from tests.interface.conftest import Render
from tests.moments import NOON

TILE: dict[str, Any] = {"stage": "acquire", "label": "Confirmed joins", "value": 1204, "source": "platform"}
EMPTY = {"title": "No group yet", "text": "Start with one.", "action_url": "/new", "action_label": "Create"}
CHART: dict[str, Any] = {
    "id": "joins",
    "question": "Do more people join?",
    "labels": ["Mon", "Tue"],
    "series": [{"name": "Now", "values": [1, None]}, {"name": "Before", "values": [3, 1204], "is_previous": True}],
    "source": "import",
    "has_enough": True,
}


@pytest.fixture(autouse=True)
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)


def test_tile_shows_number_change_and_source(component: Render) -> None:
    html = component("_tile", tile={**TILE, "unit": "people", "change_rate": 0.18, "is_good": True, "series": [1, 2]})

    assert "1,204<small>people</small>" in html
    assert 'class="tile-change tone-good"' in html
    assert "<b>+18%</b>" in html
    assert "Platform" in html
    assert '<path d="M2.0 30.0 L118.0 2.0"/>' in html


def test_tile_says_so_when_the_platform_cannot_measure(component: Render) -> None:
    html = component("_tile", tile={**TILE, "value": None, "source": "unmeasured", "note": "Fill it in by hand."})

    assert "Not measurable on this platform" in html
    assert "Fill it in by hand." in html
    assert "tile-number" not in html


def test_tile_says_so_when_data_is_missing(component: Render) -> None:
    assert "Not enough data yet" in component("_tile", tile={**TILE, "value": None})


def test_tile_shows_zero_as_zero(component: Render) -> None:
    html = component("_tile", tile={**TILE, "value": 0})

    assert '<p class="tile-number">0</p>' in html
    assert "No earlier period" in html


def test_tile_writes_long_money_smaller(component: Render) -> None:
    html = component("_tile", tile={**TILE, "value": 57271389, "currency": "GBP"})

    assert '<p class="tile-number is-long">£572,713.89</p>' in html


def test_badge_has_word_and_tone(component: Render) -> None:
    html = component("_badge", kind="delivery", state="unknown", explain=True)

    assert "tone-warn" in html
    assert ">To be checked</span>" in html
    assert 'class="badge-note">It may have been sent or not.' in html


def test_badge_takes_words_of_the_page(component: Render) -> None:
    assert '<span class="badge tone-good">Ready</span>' in component("_badge", label="Ready", tone="good")


def test_table_shows_its_next_step_when_it_is_empty(component: Render) -> None:
    html = component("_table", rows=[], caption="Groups", empty=EMPTY)

    assert "<table" not in html
    assert 'href="/new">Create</a>' in html


def test_table_is_named_and_can_be_scrolled_by_keyboard(component: Render) -> None:
    html = component("_table", rows=[1], caption="Groups", table_id="groups", pager={"next_url": "?cursor=x"})

    assert 'aria-labelledby="groups-caption" tabindex="0"' in html
    assert '<caption id="groups-caption">Groups</caption>' in html
    assert 'rel="next" href="?cursor=x"' in html


def test_pager_counts_rows(component: Render) -> None:
    assert "51–100 of 1,204" in component("_pager", pager={"first": 51, "last": 100, "total": 1204})


def test_chart_carries_data_and_table(component: Render) -> None:
    html = component("_chart", chart=CHART)

    assert '<script id="joins-data" type="application/json">' in html
    assert '"isPrevious": true' in html
    assert '<th scope="row">Tue</th><td class="number">—</td><td class="number">1,204</td>' in html
    assert 'data-chart-js="/static/unfold/js/chart/chart.js"' in html


def test_chart_draws_nothing_without_enough_data(component: Render) -> None:
    html = component("_chart", chart={**CHART, "has_enough": False, "needed": "needs 7 days, has 3"})

    assert "Not enough data yet" in html
    assert "needs 7 days, has 3" in html
    assert "canvas" not in html
    assert "data-chart=" not in html


def test_chart_data_cannot_leave_its_block(component: Render) -> None:
    hostile = {**CHART, "series": [{"name": "</script><b>", "values": [1, 2]}]}

    html = component("_chart", chart=hostile)

    assert html.count("</script>") == 1
    assert "<b>" not in html


def test_countdown_is_written_by_the_server_and_carries_its_time(component: Render) -> None:
    html = component("_countdown", until=NOON + timedelta(minutes=12, seconds=9), label="Starts in", reload=True)

    assert 'data-server-now="2026-11-21T12:00:00.000+00:00"' in html
    assert 'role="timer" aria-live="off">12:09</time>' in html
    assert 'aria-live="polite"' in html
    assert "data-reload-when-over" in html


def test_bubble_warns_when_the_platform_would_refuse(component: Render) -> None:
    bubble = {"platform": "WeCom", "sender": "Helper", "text": "x", "size": 2100, "limit": 2048, "unit": "bytes"}

    html = component("_bubble", bubble=bubble)

    assert "is-too-long" in html
    assert "<span data-size>2,100</span> / 2,048 bytes" in html
    assert 'width="100.00"' in html


def test_bubble_never_prints_markup_of_its_text(component: Render) -> None:
    html = component("_bubble", bubble={"platform": "P", "sender": "<i>", "text": "<script>alert(1)</script>"})

    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_dialog_lists_whom_it_touches_and_asks_why(component: Render) -> None:
    dialog = {
        "id": "send", "title": "Send?", "action": "/send", "confirm_label": "Send now", "needs_reason": True,
        "names": ["Group 1", "<b>Group 2</b>"], "names_total": 1204, "hidden": {"version": 3},
    }  # fmt: skip

    html = component("_dialog", dialog=dialog)

    assert '<dialog class="dialog" id="send"' in html
    assert "csrfmiddlewaretoken" in html
    assert '<input type="hidden" name="version" value="3">' in html
    assert "&lt;b&gt;Group 2&lt;/b&gt;" in html
    assert "1,204 in all" in html
    assert 'name="reason" required' in html


class GroupForm(forms.Form):
    name = forms.CharField(help_text="What people read.")
    note = forms.CharField(required=False)
    kind = forms.ChoiceField(choices=[("a", "Long"), ("b", "Short")], widget=forms.RadioSelect)
    agree = forms.BooleanField()
    secret = forms.CharField(widget=forms.HiddenInput, required=False)


def test_field_ties_label_help_and_error_together(component: Render) -> None:
    html = component("_form", form=GroupForm({"note": "x"}))

    assert '<label for="id_name">Name</label>' in html
    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'id="id_name_helptext"' in html
    assert 'class="field-errors" id="id_name_error"' in html
    assert 'aria-invalid="true"' in html


def test_field_says_what_is_optional_and_groups_choices(component: Render) -> None:
    html = component("_form", form=GroupForm())

    assert html.count('class="field-optional"') == 1
    assert "<legend>Kind</legend>" in html
    assert 'type="hidden" name="secret"' in html
    assert "Secret" not in html


def test_steps_mark_done_and_current(component: Render) -> None:
    steps = [
        {"title": "Rules", "is_done": True, "minutes": 5},
        {"title": "Gate", "is_current": True, "minutes": 1, "url": "/gate", "action_label": "Choose"},
    ]

    html = component("_steps", steps=steps, done_count=1, step_count=2)

    assert "1 of 2 done" in html
    assert 'width="50.00"' in html
    assert "about 1 minute<" in html
    assert "about 5" not in html
    assert 'aria-current="step"' in html


def test_gauge_says_every_part_in_words(component: Render) -> None:
    html = component("_gauge", gauge={"sold": 187, "held": 23, "proof": 6, "left": 1084}, unit="pcs")

    for words in ("Paid", "Waiting for payment", "Payment to be checked", "Left", "1,084<small>pcs</small>"):
        assert words in html


def test_progress_can_be_cancelled_only_while_it_runs(component: Render) -> None:
    progress = {"label": "Import", "done": 5, "total": 10, "cancel_url": "/cancel"}

    assert 'action="/cancel"' in component("_progress", progress={**progress, "state": "running"})
    assert 'action="/cancel"' not in component("_progress", progress={**progress, "state": "done"})


def test_timeline_writes_times_in_the_zone(component: Render) -> None:
    html = component("_timeline", items=[{"at": NOON, "title": "Sent"}], zone="Asia/Shanghai")

    assert '<time datetime="2026-11-21T12:00:00.000+00:00" data-local>21 Nov, 20:00</time>' in html


def test_timeline_without_items_names_the_next_step(component: Render) -> None:
    assert "No group yet" in component("_timeline", items=[], zone="UTC", empty=EMPTY)


def test_toasts_take_their_tone_from_the_level(component: Render) -> None:
    messages = [Message(constants.SUCCESS, "Saved."), Message(constants.ERROR, "Not saved.")]

    html = component("_toasts", messages=messages, oob=True)

    assert 'hx-swap-oob="beforeend:#toasts"' in html
    assert html.count("data-fades") == 1
    assert html.index("toast tone-good") < html.index("Saved.") < html.index("toast tone-bad")


def test_filters_stay_in_the_address_and_paging_starts_again(render: Render) -> None:
    html = render('{% query_with state="failed" q=None %}', query="?state=due&q=x&group=7&cursor=abc")

    assert html == "?state=failed&amp;group=7"


def test_paging_keeps_the_filters(render: Render) -> None:
    assert render('{% query_with cursor="next" %}', query="?state=due") == "?state=due&amp;cursor=next"


def test_icons_are_decoration(render: Render) -> None:
    html = render('{% icon "sun" 20 %}')

    assert html.startswith("<svg")
    assert 'aria-hidden="true"' in html


FRAME = {
    "workspace": {"name": "Three shops", "pk": 1},
    "workspaces": [{"name": "Three shops", "pk": 1, "url": "/w/a"}, {"name": "<b>Books", "pk": 2, "url": "/w/b"}],
    "navigation": [
        {"items": [{"label": "Today", "url": "/t", "icon": "sun", "is_current": True, "children": []}]},
        {
            "items": [
                {"label": "Build", "url": "/b", "stage": "build", "is_current": False,
                 "children": [{"label": "Rules", "url": "/r", "is_current": False}]},
            ]
        },
    ],
}  # fmt: skip


def test_frame_shows_where_i_am(render: Render) -> None:
    html = render('{% extends "base.html" %}{% block heading %}Groups{% endblock %}', frame=FRAME)

    assert '<a class="rail-item" href="/t" aria-current="page">' in html
    assert "mark-build" in html
    assert 'href="/r"' not in html  # the children of another item
    assert "<h1>Groups</h1>" in html
    assert "&lt;b&gt;Books" in html
    assert "data-search" not in html


def test_search_appears_with_its_address(render: Render) -> None:
    html = render('{% extends "base.html" %}', frame={**FRAME, "search_url": "/find"})

    assert 'role="search" action="/find"' in html


@pytest.mark.parametrize("name", ["403", "403_csrf", "404", "500", "503"])
def test_error_pages_need_no_context(name: str) -> None:
    html = get_template(f"{name}.html").render()

    assert "<h1>" in html
    assert 'lang="en"' in html


def test_sign_in_keeps_where_to_go(render: Render) -> None:
    html = render('{% include "accounts/sign_in.html" %}', form=GroupForm(), next="/w/a/groups?x=1&y=2")

    assert '<input type="hidden" name="next" value="/w/a/groups?x=1&amp;y=2">' in html
