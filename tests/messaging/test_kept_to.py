"""执行率: who did her part. Numerator, denominator, window and zero, as the docstring says."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from messaging import services
from messaging.models import HumanTask
from messaging.ports import Verdict
from messaging.services import NewItem
from messaging.task_selectors import Breakdowns, Kept, KeptTo, kept_to
from tests.factories.people import SYSTEM
from tests.moments import NOON

WEEK = timedelta(days=7)


def rates(workspace, *, since: datetime = NOON - WEEK, until: datetime = NOON + WEEK, now: datetime = NOON + WEEK):
    return {row.assignee.name: row for row in found(workspace, since=since, until=until, now=now).people}


def found(workspace, **window: datetime) -> Breakdowns:
    window = {"since": NOON - WEEK, "until": NOON + WEEK, "now": NOON + WEEK} | window
    return kept_to(replace(SYSTEM, workspace_id=workspace.pk), **window)


def figures(row: Kept) -> tuple[int, int, int, int]:
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


# --- by group ----------------------------------------------------------------------------------------


def by_group(workspace) -> dict[str, tuple[int, int, int, int]]:
    return {row.name: figures(row) for row in found(workspace).groups}


def test_the_same_items_are_counted_by_the_group_they_were_for(person, new_person, plan, deliver, workspace) -> None:
    colleague = new_person("小周")
    for one, number in ((person, 1), (person, 2), (colleague, 1)):
        plan(one.endpoint, origin_id=one.pk, target_id=number, target_label=f"{number} 群")
    deliver()
    hers, his = HumanTask.objects.filter(assignee=person).get(), HumanTask.objects.filter(assignee=colleague).get()
    done(his, minutes=3)
    first, second = hers.items.order_by("pk")
    services.finish_items(task=hers, item_ids=[first.pk], actor=SYSTEM, now=NOON + timedelta(minutes=11))
    services.leave_out(task=hers, item_ids=[second.pk], note="群主不让发", actor=SYSTEM, now=NOON)
    assert by_group(workspace) == {"1 群": (1, 1, 0, 0), "2 群": (0, 0, 1, 0)}
    assert [row.name for row in found(workspace).groups] == ["1 群", "2 群"]
    assert found(workspace).groups[1].reasons == {"群主不让发": 1}
    assert found(workspace).groups[0].rate == 0.5


def test_what_is_for_no_group_stands_in_no_groups_row(person, workspace) -> None:
    task = services.create_task(
        assignee=person, kind="private", title="私聊", text="在吗", items=[NewItem("李姐")], due_at=NOON, actor=SYSTEM,
        now=NOON,
    )  # fmt: skip
    done(task, minutes=0)
    assert figures(rates(workspace)["阿May"]) == (1, 0, 0, 0)
    assert by_group(workspace) == {}


def test_a_group_has_the_name_of_its_newest_item(person, touch, workspace) -> None:
    done(touch(person, text="一", target_label="旧名"), minutes=0)
    done(touch(person, text="二", target_label="新名"), minutes=0)
    assert by_group(workspace) == {"新名": (2, 0, 0, 0)}


def test_a_helper_sees_her_own_items_in_both(person, new_person, plan, deliver, workspace, helper) -> None:
    colleague = new_person("小周", user=helper.user)
    for one, number in ((person, 1), (colleague, 2)):
        plan(one.endpoint, origin_id=one.pk, target_id=number, target_label=f"{number} 群")
    deliver()
    window = {"since": NOON - WEEK, "until": NOON + WEEK, "now": NOON + WEEK}
    hers = kept_to(helper.actor, **window)
    assert ([row.name for row in hers.people], [row.name for row in hers.groups]) == (["小周"], ["2 群"])


def test_one_query_however_many_items(person, touch, workspace, django_assert_num_queries) -> None:
    for number in range(3):
        touch(person, text=str(number))
        with django_assert_num_queries(1):
            found(workspace)
