"""What a plan will take, foreseen before it is scheduled."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import forecasting, services
from messaging.forecasting import Calls, Card
from messaging.models import SendLimit
from messaging.platforms.base import Limit
from messaging.services.forecast import forecast
from messaging.services.limits import BOOK, GUARD
from tests.moments import NOON

ROBOT = ("connection", 1)
ONE_ROBOT = {ROBOT: (Limit(20, 60),)}


def send(number: int, endpoint, **changes):
    facts = {"source_key": f"f:{number}", "endpoint_id": endpoint and endpoint.pk, "text": "今晚八点", "due_at": NOON}
    facts |= {"origin": "test", "origin_id": 1, "target_id": number, "target_label": f"{number} 群"}
    return services.PlannedSend(**facts | changes)


def after(moment) -> float:
    return (moment - NOON).total_seconds()


# --- the simulation -----------------------------------------------------------------------------------


def test_sixty_messages_of_a_robot_with_twenty_a_minute_take_two_more_windows() -> None:
    ends = forecasting.ends_of([Calls(n, NOON, 1, ONE_ROBOT) for n in range(60)], used={}, guard=1.0)
    assert 120 < after(max(ends.values())) < 123
    assert sum(after(end) < 60 for end in ends.values()) == 20


def test_what_was_used_before_counts() -> None:
    just_now = [NOON - timedelta(seconds=30)] * 20
    ends = forecasting.ends_of([Calls(0, NOON, 1, ONE_ROBOT)], used={ROBOT: just_now}, guard=1.0)
    assert 30 < after(ends[0]) < 31


def test_what_is_planned_beside_it_takes_its_place() -> None:
    others = [Calls(None, NOON - timedelta(seconds=1), 1, ONE_ROBOT) for _ in range(20)]
    ends = forecasting.ends_of([Calls(0, NOON, 1, ONE_ROBOT), *others], used={}, guard=1.0)
    assert after(ends[0]) > 59


def test_a_message_in_three_parts_takes_three_calls_one_after_the_other() -> None:
    ends = forecasting.ends_of([Calls(0, NOON, 3, {})], used={}, guard=1.0)
    assert after(ends[0]) == pytest.approx(3 * forecasting.CALL_SECONDS)


def test_hands_take_card_after_card_and_group_after_group() -> None:
    cards = [Card(1, NOON, (0, 1)), Card(1, NOON, (2,)), Card(2, NOON, (3,))]
    ends = forecasting.ends_by_hand(cards)
    assert [after(ends[n]) for n in range(4)] == [35, 55, 90, 35]


@given(st.lists(st.integers(min_value=0, max_value=40), min_size=1, max_size=60))
def test_no_window_of_the_forecast_holds_more_than_the_limit(delays) -> None:
    limits = {ROBOT: (Limit(3, 10), Limit(2, 1))}
    calls = [Calls(n, NOON + timedelta(seconds=delay), 1, limits) for n, delay in enumerate(delays)]
    ends = sorted(after(end) for end in forecasting.ends_of(calls, used={}, guard=1.0).values())
    starts = [end - forecasting.CALL_SECONDS for end in ends]
    assert all(starts[n + 3] - starts[n] >= 10 for n in range(len(starts) - 3))
    assert all(starts[n + 2] - starts[n] >= 1 for n in range(len(starts) - 2))


# --- of a workspace -----------------------------------------------------------------------------------


def test_a_plan_says_how_long_it_takes_and_who_hears_last(workspace, robot, hook) -> None:
    sends = [*(send(number, robot) for number in range(25)), send(99, hook)]
    found = forecast(workspace_id=workspace.pk, sends=sends)
    assert (found.robot_count, found.hand_counts, found.unreached, found.allowances) == (26, {}, [], [])
    assert 60 < found.seconds < 65 * GUARD
    assert found.last is not None
    assert found.last.target_id == 24
    assert found.is_after(NOON + timedelta(seconds=30))
    assert not found.is_after(NOON + timedelta(minutes=5))


def test_what_cannot_be_reached_is_named_with_its_reason(workspace, room) -> None:
    found = forecast(workspace_id=workspace.pk, sends=[send(1, None), send(2, room)])
    assert [(one.send.target_id, one.reason) for one in found.unreached] == [(1, "no_endpoint")]
    assert found.robot_count == 1


def test_a_limit_of_a_day_is_an_allowance(workspace, hook) -> None:
    SendLimit.objects.create(workspace=workspace, scope="endpoint", scope_id=hook.pk, count=31, seconds=86_400)
    BOOK.forget()
    (allowance,) = forecast(workspace_id=workspace.pk, sends=[send(n, hook) for n in range(34)]).allowances
    assert (allowance.wanted_count, allowance.limit.count, allowance.used_count) == (34, 31, 0)
    assert allowance.is_too_little


def test_a_plan_without_sends_takes_nothing(workspace) -> None:
    found = forecast(workspace_id=workspace.pk, sends=[])
    assert (found.seconds, found.last, found.last_at) == (0.0, None, None)


def test_a_large_plan_asks_no_more_questions_than_a_small_one(
    workspace, robot, hook, django_assert_max_num_queries
) -> None:
    for count in (1, 60):
        BOOK.forget()
        with django_assert_max_num_queries(8):  # PostgreSQL is asked for its time too
            forecast(workspace_id=workspace.pk, sends=[send(n, (robot, hook)[n % 2]) for n in range(count)])
