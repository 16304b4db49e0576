"""What a plan will take, foreseen before it is scheduled."""

import time as time_module
from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from django.core.files.base import ContentFile
from hypothesis import given
from hypothesis import strategies as st

from community_ops.common import assets, dbtime
from messaging import forecasting, services
from messaging.forecasting import Calls, Card
from messaging.line import GUARD
from messaging.models import Assignee, Delivery, SendBudget, SendLimit, SendSlot, TaskItem
from messaging.platforms.base import Limit
from messaging.services.limits import BOOK, end_slots, limits_of, take_slots
from tests.factories.people import SYSTEM
from tests.messaging.conftest import make_endpoint
from tests.moments import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
ROBOT = ("connection", 1)
ONE_ROBOT = {ROBOT: (Limit(20, 60),)}


def send(number: int, endpoint, **changes):
    facts = {"source_key": f"f:{number}", "endpoint_id": endpoint and endpoint.pk, "text": "今晚八点", "due_at": NOON}
    facts |= {"origin": "test", "origin_id": 1, "target_id": number, "target_label": f"{number} 群"}
    return services.PlannedSend(**facts | changes)


def foresee(workspace, sends, now=NOON):
    return services.foresee(workspace_id=workspace.pk, sends=sends, now=now)


def a_day_at_most(count: int, endpoint, days: int = 1) -> None:
    facts = {"scope": "endpoint", "scope_id": endpoint.identity_id, "count": count, "seconds": days * 86_400}
    SendLimit.objects.create(workspace_id=endpoint.workspace_id, **facts)
    BOOK.forget()


def went_out(count: int, endpoint, *, days_ago: int) -> None:
    facts = {"workspace": endpoint.workspace, "scope": "endpoint", "scope_id": endpoint.identity_id}
    budget, _ = SendBudget.objects.get_or_create(**facts)
    moment = dbtime.now() - timedelta(days=days_ago)
    for _ in range(count):
        SendSlot.objects.create(workspace=endpoint.workspace, budget=budget, started_at=moment, ended_at=moment)


def reasons(found) -> list[tuple[int, str]]:
    return [(one.send.target_id, one.reason) for one in found.unreached]


@pytest.fixture
def table(workspace):
    content = ContentFile("名字,电话\n".encode(), name="名单.csv")
    return assets.store_table(content, workspace_id=workspace.pk, delete_after=NOON + timedelta(days=1))


def after(moment) -> float:
    return (moment - NOON).total_seconds()


# --- the simulation -----------------------------------------------------------------------------------


def test_of_sixty_messages_of_a_robot_with_twenty_a_minute_forty_follow_one_by_one() -> None:
    ends = forecasting.simulate([Calls(n, NOON, 1, ONE_ROBOT) for n in range(60)], used={}).ends
    assert 60 + 39 * 3 < after(max(ends.values())) < 62 + 39 * 3 * GUARD
    assert sum(after(end) < 60 for end in ends.values()) == 20


def test_what_was_used_before_counts() -> None:
    just_now = [NOON - timedelta(seconds=30)] * 20
    ends = forecasting.simulate([Calls(0, NOON, 1, ONE_ROBOT)], used={ROBOT: just_now}).ends
    assert 30 < after(ends[0]) < 31


def test_what_is_planned_beside_it_takes_its_place() -> None:
    others = [Calls(None, NOON - timedelta(seconds=1), 1, ONE_ROBOT) for _ in range(20)]
    ends = forecasting.simulate([Calls(0, NOON, 1, ONE_ROBOT), *others], used={}).ends
    assert after(ends[0]) > 59


def test_a_message_in_three_parts_takes_three_calls_one_after_the_other() -> None:
    ends = forecasting.simulate([Calls(0, NOON, 3, {})], used={}).ends
    assert after(ends[0]) == pytest.approx(3 * forecasting.CALL_SECONDS)


def test_hands_take_card_after_card_and_group_after_group() -> None:
    cards = [Card(1, NOON, (0, 1)), Card(1, NOON, (2,)), Card(2, NOON, (3,))]
    ends = forecasting.ends_by_hand(cards)
    assert [after(ends[n]) for n in range(4)] == [35, 55, 90, 35]


@given(st.lists(st.integers(min_value=0, max_value=40), min_size=1, max_size=60))
def test_no_window_of_the_forecast_holds_more_than_the_limit(delays) -> None:
    limits = {ROBOT: (Limit(3, 10), Limit(2, 1))}
    calls = [Calls(n, NOON + timedelta(seconds=delay), 1, limits) for n, delay in enumerate(delays)]
    ends = sorted(after(end) for end in forecasting.simulate(calls, used={}).ends.values())
    starts = [end - forecasting.CALL_SECONDS for end in ends]
    assert all(starts[n + 3] - starts[n] >= 10 for n in range(len(starts) - 3))
    assert all(starts[n + 2] - starts[n] >= 1 for n in range(len(starts) - 2))


def test_what_waits_for_one_robot_holds_up_nobody_else() -> None:
    other = {("connection", 2): (Limit(20, 60),)}
    calls = [*(Calls(n, NOON, 1, ONE_ROBOT) for n in range(60)), Calls(99, NOON, 1, other)]
    ends = forecasting.simulate(calls, used={}).ends
    assert after(ends[99]) < 5
    assert after(ends[59]) > 120


def test_what_does_not_go_out_when_its_turn_comes_takes_no_call() -> None:
    def refused(at):
        return "too_late" if at > NOON + timedelta(seconds=30) else ""

    late = [Calls(n, NOON, 1, ONE_ROBOT, refused) for n in range(40)]
    ran = forecasting.simulate([*late, Calls(99, NOON, 1, ONE_ROBOT)], used={})
    assert ran.refused == dict.fromkeys(range(20, 40), "too_late")
    assert 120 < after(ran.ends[99]) < 122  # behind their places: nobody moves up


def test_of_a_full_hour_not_all_go_when_its_first_slot_is_free() -> None:
    an_hour = {ROBOT: (Limit(100, 3600),)}
    ends = forecasting.simulate([Calls(n, NOON, 1, an_hour) for n in range(200)], used={}).ends
    assert sum(after(end) < 10 for end in ends.values()) == 100
    assert 3600 < min(after(end) for end in ends.values() if after(end) > 10) < 3630
    assert 3600 + 99 * 36 < after(max(ends.values())) < (3610 + 99 * 36) * GUARD


def test_a_day_spreads_nothing_out_before_it_is_full() -> None:
    a_day = {ROBOT: (Limit(10, 86_400),)}
    ends = forecasting.simulate([Calls(n, NOON, 1, a_day) for n in range(15)], used={}).ends
    assert sum(after(end) < 10 for end in ends.values()) == 10
    assert after(max(ends.values())) > 86_400 + 4 * 8_640


def test_who_comes_later_stands_behind_those_who_have_a_place() -> None:
    places = [Calls(None, NOON + timedelta(seconds=30 * n), 1, ONE_ROBOT, has_place=True) for n in (1, 2)]
    ends = forecasting.simulate([Calls(0, NOON, 1, ONE_ROBOT), *places], used={}).ends
    assert 63 < after(ends[0]) < 64


def test_twenty_thousand_that_wait_are_foreseen_quickly() -> None:
    limits = {ROBOT: (Limit(30, 1), Limit(1_000, 60))}
    began = time_module.process_time()
    ends = forecasting.simulate([Calls(n, NOON, 1, limits) for n in range(20_000)], used={}).ends
    assert len(ends) == 20_000
    assert time_module.process_time() - began < 3


def test_an_account_that_cools_down_starts_afterwards() -> None:
    until = {ROBOT: NOON + timedelta(seconds=45)}
    ends = forecasting.simulate([Calls(0, NOON, 1, ONE_ROBOT)], used={}, closed_until=until).ends
    assert 45 < after(ends[0]) < 46


def test_the_fullest_window_is_found_among_all_that_hold_a_wanted_call() -> None:
    hours = {NOON + timedelta(hours=n): 1 for n in (0, 1, 24, 25, 26)}
    window = forecasting.fullest_window(86_400, hours, {NOON + timedelta(hours=20): 5})
    assert (window.until_at, window.counts, window.total) == (NOON + timedelta(hours=26), (3, 5), 8)


def test_the_fullest_window_may_end_after_the_wanted_calls_but_holds_one() -> None:
    wanted = {NOON: 2}
    others = {NOON - timedelta(hours=2): 1, NOON + timedelta(hours=23): 4, NOON + timedelta(hours=25): 9}
    window = forecasting.fullest_window(86_400, wanted, others)
    assert (window.until_at, window.counts) == (NOON + timedelta(hours=23), (2, 4))


# --- of a workspace -----------------------------------------------------------------------------------


def test_a_plan_says_how_long_it_takes_and_who_hears_last(workspace, robot, hook) -> None:
    found = foresee(workspace, [*(send(number, robot) for number in range(25)), send(99, hook)])
    assert (found.robot_count, found.hand_counts, found.unreached, found.allowances) == (26, {}, [], ())
    assert 60 + 4 * 3 < found.seconds < 62 + 4 * 3 * GUARD
    assert found.last is not None
    assert found.last.send.target_id == 24
    assert found.is_after(NOON + timedelta(seconds=30))
    assert not found.is_after(NOON + timedelta(minutes=5))


def test_what_cannot_be_reached_is_named_with_its_reason(workspace, room, hook) -> None:
    services.archive_endpoint(endpoint=hook, actor=SYSTEM, now=NOON)
    found = foresee(workspace, [send(1, None), send(2, room), send(3, hook)])
    assert reasons(found) == [(1, "no_endpoint"), (3, "endpoint_archived")]
    assert found.robot_count == 1


def test_what_would_come_after_its_latest_moment_is_not_counted_as_sent(workspace, robot) -> None:
    cut_off = {"latest_at": NOON + timedelta(seconds=30)}
    found = foresee(workspace, [send(number, robot, **cut_off) for number in range(60)])
    assert (found.robot_count, len(found.unreached)) == (20, 40)
    assert {one.reason for one in found.unreached} == {"too_late"}
    assert found.seconds < 30


def test_what_send_rules_hold_back_is_not_reached(workspace, room) -> None:
    rule = {"workspace_id": workspace.pk, "from_on": date(2026, 11, 1), "until_on": None, "actor": SYSTEM, "now": NOON}
    services.create_quiet_hours(begins=time(22), ends=time(8), **rule)
    services.create_frequency_cap(purpose="", count=1, days=1, **rule)
    late = NOON + timedelta(hours=11)
    sends = [send(1, room), send(2, room, due_at=late), send(3, room, target_id=1), send(4, room, exemption="staff")]
    assert reasons(foresee(workspace, sends)) == [(2, "quiet_hours"), (1, "cap")]


def test_what_waits_until_the_quiet_hours_begin_is_not_reached(workspace, robot) -> None:
    rule = {"workspace_id": workspace.pk, "from_on": date(2026, 11, 1), "until_on": None, "actor": SYSTEM, "now": NOON}
    services.create_quiet_hours(begins=time(12, 1), ends=time(13), **rule)
    found = foresee(workspace, [send(number, robot) for number in range(21)])
    assert reasons(found) == [(20, "quiet_hours")]


def test_a_text_that_is_too_long_is_not_reached_unless_it_may_be_cut(workspace, robot) -> None:
    words = "今晚八点。" * 200  # 3,000 bytes of 2,048
    found = foresee(workspace, [send(1, robot, text=words), send(2, robot, text=words, may_split=True)])
    assert reasons(found) == [(1, "too_long")]
    assert found.seconds == pytest.approx(2 * forecasting.CALL_SECONDS)


def test_a_card_and_a_file_are_calls_too(workspace, robot, hook, table) -> None:
    card = services.Card(title="看看", url="https://example.com/a")
    found = foresee(workspace, [send(1, robot, card=card, file_id=table.pk)])
    assert found.seconds == pytest.approx(3 * forecasting.CALL_SECONDS)
    assert reasons(foresee(workspace, [send(1, hook, file_id=table.pk)])) == [(1, "file_not_taken")]


def test_channels_that_fail_now_are_named(workspace, plan, robot, hook) -> None:
    failed = plan(robot)
    type(failed).objects.filter(pk=failed.pk).update(state="failed", reason="refused", sending_at=NOON)
    (failing,) = foresee(workspace, [send(1, robot), send(2, robot), send(3, hook)]).failing
    assert (failing.name, failing.send_count) == (robot.name, 2)
    assert failing.words


def test_an_account_that_was_told_too_fast_goes_on_when_it_has_cooled_down(workspace, robot) -> None:
    until = dbtime.now() + timedelta(seconds=90)
    SendBudget.objects.create(
        workspace=workspace, scope="connection", scope_id=robot.connection.identity_id, cooldown_until=until
    )
    assert 85 < foresee(workspace, [send(1, robot)]).seconds < 91


def test_what_is_planned_over_another_chat_of_the_same_account_takes_its_place(workspace, plan) -> None:
    first = make_endpoint(workspace, "discord", token=f"{'a' * 20}.bcdef.{'g' * 30}", chat="1234567890123456")
    config = {"connection": first.connection, "name": "2 群", "config": {"chat": "1234567890123457"}}
    second = services.add_chat(**config, actor=SYSTEM, now=NOON)
    for number in range(50):  # fifty a second
        plan(second, target_id=number)
    assert foresee(workspace, [send(1, first)]).seconds > 1


def test_the_forecast_lets_wait_as_long_as_the_engine_does(workspace, hook, plan) -> None:
    SendLimit.objects.create(workspace=workspace, scope="endpoint", scope_id=hook.identity_id, count=10, seconds=3600)
    BOOK.forget()
    found = foresee(workspace, [send(number, hook) for number in range(30)])
    db_now, waits = dbtime.now(), []
    for number in range(30):
        facts = {"workspace_id": workspace.pk, "delivery": plan(hook, target_id=number)}
        taken = take_slots(limits_of(hook), **facts, db_now=db_now)
        if isinstance(taken, list):
            end_slots(db_now=db_now, slot_ids=taken)
        else:
            waits.append((taken - db_now).total_seconds())
    foreseen = [after(row.at) for row in found.rows if after(row.at) > 60]
    assert len(waits) == len(foreseen) == 20
    assert foreseen == pytest.approx(waits, abs=2)


def test_what_waits_in_line_already_keeps_its_place(workspace, robot, plan) -> None:
    for number in (1, 2):
        row = plan(robot, target_id=number, due_at=NOON - timedelta(minutes=5))
        Delivery.objects.filter(pk=row.pk).update(reason="limit", next_try_at=NOON + timedelta(seconds=30 * number))
    assert 63 < foresee(workspace, [send(9, robot)]).seconds < 64


# --- allowances ---------------------------------------------------------------------------------------


def test_a_limit_of_a_day_is_an_allowance(workspace, hook) -> None:
    a_day_at_most(31, hook)
    (allowance,) = foresee(workspace, [send(n, hook) for n in range(34)]).allowances
    assert (allowance.wanted_count, allowance.limit.count, allowance.used_count) == (34, 31, 0)
    assert (allowance.name, allowance.missing_count, allowance.is_too_little) == (hook.name, 3, True)


def test_an_allowance_of_a_day_is_counted_day_by_day(workspace, hook) -> None:
    a_day_at_most(10, hook)
    sends = [send(n, hook, due_at=NOON + timedelta(days=n // 8)) for n in range(24)]
    (allowance,) = foresee(workspace, sends).allowances
    assert (allowance.wanted_count, allowance.missing_count) == (8, 0)


def test_what_others_plan_and_what_went_out_counts_too(workspace, hook, plan, deliver, httpserver) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    a_day_at_most(10, hook)
    plan(hook)
    deliver()
    plan(hook, due_at=NOON + timedelta(hours=2))
    (allowance,) = foresee(workspace, [send(1, hook, due_at=NOON + timedelta(hours=3))]).allowances
    assert (allowance.used_count, allowance.others_count, allowance.wanted_count) == (1, 1, 1)


def test_a_limit_of_a_month_is_an_allowance(workspace, hook) -> None:
    a_day_at_most(31, hook, days=30)
    went_out(12, hook, days_ago=10)
    went_out(5, hook, days_ago=31)
    found = foresee(workspace, [send(n, hook) for n in range(34)])
    (allowance,) = found.allowances
    assert (allowance.limit.seconds, allowance.limit.count) == (2_592_000, 31)
    assert (allowance.used_count, allowance.wanted_count, allowance.missing_count) == (12, 34, 15)
    assert sum(row.at < NOON + timedelta(hours=1) for row in found.rows) == 19
    assert found.last_at > NOON + timedelta(days=20)


def test_what_is_planned_within_a_month_after_it_shares_its_allowance(workspace, hook, plan) -> None:
    a_day_at_most(3, hook, days=30)
    for number, days in enumerate((20, 29, 31)):
        plan(hook, due_at=NOON + timedelta(days=days), target_id=number)
    found = foresee(workspace, [send(n, hook) for n in range(2)])
    (allowance,) = found.allowances
    assert (allowance.wanted_count, allowance.others_count, allowance.missing_count) == (2, 2, 1)
    assert allowance.until_at == NOON + timedelta(days=29)
    assert found.seconds < 1  # they stand in nobody's way


def test_what_is_planned_a_month_before_it_shares_its_allowance(workspace, hook, plan) -> None:
    a_day_at_most(3, hook, days=30)
    for number, days in enumerate((29, 31)):
        plan(hook, due_at=NOON + timedelta(days=60 - days), target_id=number)
    (allowance,) = foresee(workspace, [send(1, hook, due_at=NOON + timedelta(days=60))]).allowances
    assert (allowance.others_count, allowance.missing_count) == (1, 0)


def test_too_many_others_are_said_to_be_cut(workspace, hook, plan, monkeypatch) -> None:
    monkeypatch.setattr("messaging.services.forecast_facts.MOST_OTHERS", 1)
    a_day_at_most(3, hook, days=30)
    for days in (20, 21):
        plan(hook, due_at=NOON + timedelta(days=days))
    assert foresee(workspace, [send(1, hook)]).is_cut


# --- by hand ------------------------------------------------------------------------------------------


def test_who_posts_by_hand_is_named_with_her_cards_and_groups(workspace, room, new_person) -> None:
    may, zhou = new_person("阿May"), new_person("小周")
    sends = [send(number, may.endpoint) for number in range(3)]
    sends += [send(9, zhou.endpoint, text="别的话"), send(8, zhou.endpoint), send(7, room)]
    found = foresee(workspace, sends)
    assert [(hand.name, hand.card_count, hand.send_count) for hand in found.hands] == [("阿May", 1, 3), ("小周", 2, 2)]
    assert (found.robot_count, found.hand_counts) == (1, {may.pk: 3, zhou.pk: 2})
    assert found.last is not None
    assert found.last.person == may.pk
    assert after(found.last_at) == 75


def test_cards_she_has_and_will_have_keep_her_busy(workspace, person, card, plan) -> None:
    assert TaskItem.objects.count() == 3
    plan(person.endpoint, due_at=NOON + timedelta(seconds=1), target_id=8)
    found = foresee(workspace, [send(1, person.endpoint, due_at=NOON + timedelta(seconds=2))])
    assert after(found.last_at) == 75 + 35 + 35


def test_a_channel_by_hand_with_nobody_behind_it_is_no_robot(workspace, person) -> None:
    endpoint = person.endpoint
    person.delete()
    found = foresee(workspace, [send(1, endpoint)])
    assert (found.robot_count, reasons(found)) == (0, [(1, "no_endpoint")])


def test_what_she_can_only_post_too_late_is_said_of_her(workspace, person) -> None:
    cut_off = {"latest_at": NOON + timedelta(seconds=60)}
    (hand,) = foresee(workspace, [send(number, person.endpoint, **cut_off) for number in range(4)]).hands
    assert (hand.send_count, hand.late_count) == (4, 2)
    assert after(hand.until_at) == 95


# --- what it costs ------------------------------------------------------------------------------------


def test_what_a_rule_holds_when_she_comes_to_it_is_there_when_it_lets_go(workspace, person) -> None:
    rule = {"workspace_id": workspace.pk, "from_on": date(2026, 11, 1), "until_on": None, "actor": SYSTEM, "now": NOON}
    services.create_quiet_hours(begins=time(22), ends=time(8), **rule)
    late = NOON + timedelta(hours=1, minutes=59, seconds=10)  # in Shanghai; her second group is after ten
    sends = [send(number, person.endpoint, due_at=late, zone="Asia/Shanghai") for number in (1, 2)]
    found = foresee(workspace, sends)
    assert [after(row.at) for row in found.rows] == [after(late) + 35, 12 * 3600]
    found = foresee(workspace, [replace(one, latest_at=late + timedelta(minutes=30)) for one in sends])
    assert reasons(found) == [(2, "quiet_hours")]
    assert [row.is_blocked for row in found.rows] == [False, True]
    assert [hand.send_count for hand in found.hands] == [1]
    too_late = replace(sends[0], due_at=late + timedelta(seconds=30), latest_at=NOON + 2 * HOUR)
    assert foresee(workspace, [too_late]).hands == ()


def test_it_says_of_each_hand_whether_she_hears_of_it(workspace, new_person, room) -> None:
    silent, told = new_person("无声"), new_person("阿May")
    Assignee.objects.filter(pk=told.pk).update(notice_endpoint=room)
    services.issue_link(assignee=told, actor=SYSTEM, now=NOON)

    def heard() -> list[tuple[str, bool, bool, bool]]:
        found = foresee(workspace, [send(1, silent.endpoint), send(2, told.endpoint)])
        return sorted((hand.name, hand.is_told, hand.has_link, hand.has_opened) for hand in found.hands)

    assert heard() == [("无声", False, False, False), ("阿May", True, True, False)]
    services.note_link_use(assignee=Assignee.objects.get(pk=told.pk), now=NOON)
    assert heard() == [("无声", False, False, False), ("阿May", True, True, True)]


def test_a_plan_without_sends_takes_nothing(workspace) -> None:
    found = foresee(workspace, [])
    assert (found.seconds, found.last, found.last_at) == (0.0, None, None)


def test_what_is_late_already_begins_now(workspace, room) -> None:
    found = foresee(workspace, [send(1, room, due_at=NOON - timedelta(hours=1))])
    assert (found.first_at, round(found.seconds, 1)) == (NOON, 0.3)


def test_a_large_plan_asks_no_more_questions_than_a_small_one(
    workspace, robot, hook, person, django_assert_max_num_queries
) -> None:
    for count in (1, 60):
        BOOK.forget()
        with django_assert_max_num_queries(18):  # PostgreSQL is asked for its time too
            foresee(workspace, [send(n, (robot, hook, person.endpoint)[n % 3]) for n in range(count)])


def test_a_forecast_changes_nothing(workspace, robot, person) -> None:
    foresee(workspace, [send(1, robot), send(2, person.endpoint)])
    assert not Delivery.objects.exists()
    assert not SendBudget.objects.exists()
