"""执行率: who did her part. Numerator, denominator, window and zero, as the docstring says."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from messaging import services
from messaging.models import HumanTask
from messaging.ports import Verdict
from messaging.task_selectors import KeptTo, kept_to_rate
from tests.factories.people import SYSTEM
from tests.moments import NOON

WEEK = timedelta(days=7)


def rates(workspace, *, since: datetime = NOON - WEEK, until: datetime = NOON + WEEK, now: datetime = NOON + WEEK):
    found = kept_to_rate(workspace_id=workspace.pk, since=since, until=until, now=now)
    return {row.assignee.name: row for row in found}


def figures(row: KeptTo) -> tuple[int, int, int, int]:
    return row.on_time, row.late, row.left_out, row.not_done


@pytest.fixture
def touch(plan, deliver):
    """A touch in one group of this person, handed over."""

    def make(person, **facts: Any) -> HumanTask:
        plan(person.endpoint, **facts)
        deliver(facts.get("due_at", NOON))
        return HumanTask.objects.latest("pk")

    return make


def done(task: HumanTask, *, minutes: float) -> None:
    services.finish_items(task=task, actor=SYSTEM, now=task.due_at + timedelta(minutes=minutes))


def test_each_end_is_counted_once(person, touch, workspace, guard) -> None:
    done(touch(person, text="一"), minutes=10)
    done(touch(person, text="二"), minutes=10.1)
    services.leave_out(task=touch(person, text="三"), note="群里在吵架", actor=SYSTEM, now=NOON)
    touch(person, text="四")
    row = rates(workspace)["阿May"]
    assert (figures(row), row.due_count, row.rate) == ((1, 1, 1, 1), 4, 0.25)
    assert row.reasons == {"群里在吵架": 1}


def test_a_later_latest_moment_counts_as_on_time(person, touch, workspace) -> None:
    done(touch(person, text="一", latest_at=NOON + timedelta(minutes=30)), minutes=30)
    done(touch(person, text="二", latest_at=NOON + timedelta(minutes=1)), minutes=9)  # ten minutes are always given
    assert rates(workspace)["阿May"].rate == 1.0


def test_what_was_taken_back_does_not_count_against_her(person, touch, workspace, guard) -> None:
    services.withdraw_task(task=touch(person, text="一"), actor=SYSTEM, now=NOON)
    touch(person, text="二")
    guard.verdict = Verdict(allowed=False, reason="sale_over")
    services.review_waiting(now=NOON)
    assert rates(workspace) == {}


def test_what_was_given_up_after_a_day_was_not_done(person, touch, workspace) -> None:
    touch(person)
    services.review_waiting(now=NOON + timedelta(days=2))
    assert figures(rates(workspace)["阿May"]) == (0, 0, 0, 1)


def test_what_still_has_time_is_not_counted_yet(person, touch, workspace) -> None:
    touch(person)
    assert rates(workspace, now=NOON + timedelta(minutes=10)) == {}
    assert figures(rates(workspace, now=NOON + timedelta(minutes=11))["阿May"]) == (0, 0, 0, 1)


def test_an_item_counts_for_whose_card_it_stands_on(person, new_person, touch, workspace) -> None:
    colleague = new_person("小周")
    hers = services.hand_on(task=touch(person), to=colleague, actor=SYSTEM, now=NOON)
    done(hers, minutes=3)
    assert {name: figures(row) for name, row in rates(workspace).items()} == {"小周": (1, 0, 0, 0)}


def test_the_window_begins_with_since_and_ends_before_until(person, touch, workspace, stranger) -> None:
    done(touch(person, text="一"), minutes=0)
    done(touch(person, text="二", due_at=NOON + WEEK), minutes=0)
    assert rates(workspace, since=NOON)["阿May"].due_count == 1
    assert rates(workspace, since=NOON + timedelta(seconds=1)) == {}
    assert rates(stranger.workspace) == {}


def test_nothing_due_is_no_rate(person) -> None:
    assert KeptTo(person).rate is None
