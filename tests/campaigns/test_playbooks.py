"""The library of playbooks, and the plan that is shown before anything is scheduled."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from campaigns import library, selectors, services
from campaigns.models import Playbook, PlaybookStep
from community_ops.accounts.models import Workspace
from community_ops.common import placeholders
from groups.models import ChatGroup
from messaging.models import Delivery
from messaging.ports import text_contexts
from messaging.selectors import size_problem
from tests.campaigns.conftest import END, START, make_community, make_group
from tests.factories.people import Someone, make_workspace
from tests.moments import NOON

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
# What a flash sale can fill; a test below holds that conversion knows them all.
NAMES = {
    "product", "price", "stock", "left", "sold", "starts_at", "ends_at", "start_time", "end_time", "minutes_left",
    "as_of", "link",
}  # fmt: skip
STEPS = [pytest.param(step, id=f"{book.key}:{step.key}") for book in library.BUILT_IN for step in book.steps]


@pytest.mark.parametrize("step", STEPS)
def test_words_use_true_values_only_and_fit_every_platform(step: library.Step) -> None:
    for text in (step.zh, step.en):
        assert placeholders.names_in(text) <= NAMES
        assert size_problem("wecom_robot", text * 2) is None
        assert not re.search(r"\d+ ?人|people bought|最后一次|仅此|手慢无", text)


@pytest.mark.parametrize("step", STEPS)
def test_touch_before_its_anchor_expires_before_it(step: library.Step) -> None:
    if step.local_time is None and step.offset_seconds < 0:
        assert 0 < step.latest_seconds <= -step.offset_seconds
    assert step.anchor == "condition" or not step.condition


def test_both_ladders_end_with_one_result() -> None:
    for book in library.BUILT_IN:
        results = [step for step in book.steps if step.anchor == "end" and step.offset_seconds == 0]
        assert [step.stops_on for step in results] == [("sold_out",)]
        assert [step.key for step in book.steps if not step.stops_on] == ["sold-out"]


def test_library_is_known_once_when_asked_twice(workspace: Workspace) -> None:
    for _ in range(2):
        services.ensure_built_in_playbooks(workspace_id=workspace.pk, now=NOON)
    assert Playbook.objects.count() == len(library.BUILT_IN)
    assert PlaybookStep.objects.count() == sum(len(book.steps) for book in library.BUILT_IN)


def test_every_workspace_gets_the_library(workspace: Workspace) -> None:
    make_workspace()
    assert services.ensure_built_in_everywhere(now=NOON) == Workspace.objects.count()
    assert services.ensure_built_in_everywhere(now=NOON) == 0


def test_newest_version_is_shown(ladder: Playbook, owner: Someone) -> None:
    newer = Playbook.objects.create(workspace=ladder.workspace, key=ladder.key, version=2, name="新的")
    assert newer in selectors.playbooks_visible_to(owner.actor)
    assert ladder not in selectors.playbooks_visible_to(owner.actor)


Line = tuple[str, datetime | None, str]


def plan(playbook: Playbook, *groups: ChatGroup, starts_at: datetime = START, ends_at: datetime = END) -> list[Line]:
    touches = services.preview_run(playbook=playbook, starts_at=starts_at, ends_at=ends_at, groups=groups, now=NOON)
    return [(touch.step.key, touch.due_at, str(touch.skipped_reason)) for touch in touches]


def test_preview_shows_the_whole_ladder_and_plans_nothing(ladder: Playbook, group: ChatGroup) -> None:
    day = datetime(2026, 11, 28, tzinfo=UTC)  # the sale starts at 20:00 in Shanghai, 12:00 UTC
    assert plan(ladder, group) == [
        ("days-before-3", day.replace(day=25, hour=2), ""),
        ("days-before-2", day.replace(day=26, hour=2), ""),
        ("days-before-1", day.replace(day=27, hour=2), ""),
        ("rain-notice", day.replace(day=27, hour=12), ""),
        ("morning", day.replace(hour=1), ""),
        ("hour-before", START - HOUR, ""),
        ("minutes-before-10", START - 10 * MINUTE, ""),
        ("start", START, ""),
        ("minutes-left-10", END - 10 * MINUTE, ""),
        ("result", END, ""),
        ("half-sold", None, ""),
        ("sold-out", None, ""),
    ]
    assert not Delivery.objects.exists()


def test_preview_says_why_steps_are_skipped(ladder: Playbook, group: ChatGroup) -> None:
    starts_at = NOON + 30 * MINUTE
    reasons = {
        key: reason for key, _, reason in plan(ladder, group, starts_at=starts_at, ends_at=starts_at + 8 * MINUTE)
    }
    assert {key for key, reason in reasons.items() if reason == "past"} == {
        "days-before-3", "days-before-2", "days-before-1", "rain-notice", "morning", "hour-before",
    }  # fmt: skip
    assert reasons["minutes-left-10"] == "too_short"
    assert [key for key, reason in reasons.items() if not reason] == [
        "minutes-before-10", "start", "result", "half-sold", "sold-out",
    ]  # fmt: skip


def test_preview_says_which_groups_cannot_be_reached(minute_ladder: Playbook, silent_group: ChatGroup) -> None:
    assert {reason for _, _, reason in plan(minute_ladder, silent_group)} == {"no_endpoint"}


def test_words_and_wall_times_are_those_of_the_community(ladder: Playbook, group: ChatGroup) -> None:
    london = make_community(group.workspace, name="Knitters", locale="en", timezone="Europe/London")
    english = make_group(london, "Knitters 1")
    touches = services.preview_run(playbook=ladder, starts_at=START, ends_at=END, groups=[group, english], now=NOON)
    mornings = {touch.group: touch for touch in touches if touch.step.key == "morning"}
    assert mornings[group].text.startswith("早上好")
    assert mornings[english].text.startswith("Good morning")
    assert mornings[english].due_at == START.replace(hour=9)


def test_words_fall_back_to_the_base_language(ladder: Playbook, group: ChatGroup) -> None:
    group.community.locale = "zh-hant"
    touches = services.preview_run(playbook=ladder, starts_at=START, ends_at=END, groups=[group], now=NOON)
    assert any(touch.text.startswith("开抢了") for touch in touches)


def test_flash_sales_can_fill_every_placeholder() -> None:
    assert text_contexts.get("flash_sale").names() >= NAMES
