"""Limits: no window holds more than it may, waiting loses nothing, and the line is kept."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.urls import reverse
from werkzeug import Response

from community_ops.common import clock, dbtime
from community_ops.common.errors import InvalidTransition
from messaging import selectors, services
from messaging.line import GUARD
from messaging.models import Attempt, Delivery, SendBudget, SendLimit, SendSlot
from messaging.platforms.base import Limit, Scope
from messaging.services import claiming, limits, recording
from messaging.services.limits import limits_of, scope_ids, take_slots
from messaging.services.recording import Start
from tests.factories.people import SYSTEM
from tests.messaging.conftest import SECRET, make_endpoint
from tests.moments import NOON
from tests.races import at_once

pytestmark = pytest.mark.django_db
DB_NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
real_now = dbtime.now
WINDOW = GUARD * SECOND  # a second of a window, with the guard for the platform's clock


def limit(endpoint, count: int, seconds: int, scope: str = "connection") -> SendLimit:
    return SendLimit.objects.create(
        workspace=endpoint.workspace, scope=scope, scope_id=scope_ids(endpoint)[scope], count=count, seconds=seconds
    )


def take(delivery, db_now: datetime = DB_NOW) -> datetime | None:
    delivery.refresh_from_db()
    taken = take_slots(
        limits_of(delivery.endpoint), workspace_id=delivery.workspace_id, delivery=delivery, db_now=db_now
    )
    return taken if isinstance(taken, datetime) else None


def end(delivery, db_now: datetime) -> None:
    limits.end_slots(delivery_id=delivery.pk, db_now=db_now)


def test_a_robot_has_its_platforms_limit_and_a_room_none(robot, room) -> None:
    assert limits_of(robot) == {("connection", robot.connection.identity_id): (Limit(20, 60),)}
    assert limits_of(room) == {}


def test_an_own_limit_stands_in_the_platforms_place_for_the_same_window(robot) -> None:
    limit(robot, 60, 60)
    limit(robot, 5, 1)
    limit(robot, 100, 60, scope="workspace")
    assert limits_of(robot) == {
        ("connection", robot.connection.identity_id): (Limit(5, 1), Limit(60, 60)),
        ("workspace", robot.workspace_id): (Limit(100, 60, Scope.WORKSPACE),),
    }


def test_limits_of_another_endpoint_are_not_mine(robot, workspace) -> None:
    other = make_endpoint(workspace, "webhook", url="https://hooks.example.com/x", secret="s")
    limit(other, 1, 1)
    limit(other, 1, 1, scope="endpoint")
    assert ("connection", other.connection.identity_id) not in limits_of(robot)


def test_a_full_window_says_when_the_filling_call_has_been_over_long_enough(plan, room) -> None:
    limit(room, 2, 10)
    first, second, third = (plan(room) for _ in range(3))
    assert [take(first), take(second)] == [None, None]
    end(first, DB_NOW + 3 * SECOND)
    end(second, DB_NOW + SECOND)
    assert take(third, DB_NOW + 4 * SECOND) == DB_NOW + SECOND + 10 * WINDOW
    assert SendSlot.objects.count() == 2
    Delivery.objects.filter(pk=third.pk).update(reason="limit")
    assert take(third, DB_NOW + SECOND + 10 * WINDOW) is None


def test_a_running_call_keeps_its_slot(plan, room) -> None:
    limit(room, 1, 10)
    running, waiting = plan(room), plan(room)
    take(running)
    Delivery.objects.filter(pk=waiting.pk).update(reason="limit")
    assert take(waiting, DB_NOW + 60 * SECOND) == DB_NOW + 60 * SECOND + 10 * WINDOW


def test_every_window_of_every_scope_has_to_have_room(plan, room) -> None:
    limit(room, 1, 5)
    limit(room, 3, 60, scope="endpoint")
    limit(room, 2, 100, scope="workspace")
    rows = [plan(room) for _ in range(3)]
    for number, row in enumerate(rows[:2]):
        Delivery.objects.filter(pk=row.pk).update(reason="limit")
        assert take(row, DB_NOW + number * 10 * SECOND) is None
        end(row, DB_NOW + number * 10 * SECOND)
    Delivery.objects.filter(pk=rows[2].pk).update(reason="limit")
    assert take(rows[2], DB_NOW + 20 * SECOND) == DB_NOW + 100 * WINDOW
    assert SendSlot.objects.count() == 6


def test_those_who_wait_stand_in_line_and_newcomers_behind_them(plan, room) -> None:
    limit(room, 1, 10)
    first, second, third, late = (plan(room) for _ in range(4))
    take(first)
    end(first, DB_NOW)
    assert [take(second, DB_NOW), take(third, DB_NOW)] == [DB_NOW + 10 * WINDOW, DB_NOW + 20 * WINDOW]
    assert take(late, DB_NOW + 15 * SECOND) == DB_NOW + 30 * WINDOW  # a slot is free, but it is somebody's
    Delivery.objects.filter(pk=second.pk).update(reason="limit")
    assert take(second, DB_NOW + 15 * SECOND) is None


def test_a_long_window_with_room_slows_nobody_in_line(plan, room) -> None:
    limit(room, 1, 10)
    limit(room, 30, 86_400)
    first, *others = (plan(room) for _ in range(4))
    take(first)
    end(first, DB_NOW)
    assert [take(one) for one in others] == [DB_NOW + number * 10 * WINDOW for number in (1, 2, 3)]


def test_whoever_finds_a_long_window_full_at_her_place_lines_up_anew(plan, room) -> None:
    limit(room, 20, 86_400)
    for row in [plan(room) for _ in range(20)]:
        take(row)
        end(row, DB_NOW)
    waiting = [plan(room) for _ in range(3)]
    Delivery.objects.filter(pk__in=[row.pk for row in waiting]).update(reason="limit")
    pace = 86_400 / 20 * WINDOW
    places = [take(row, DB_NOW + 60 * SECOND) for row in waiting]
    assert places == [DB_NOW + 86_400 * WINDOW + number * pace for number in range(3)]


def test_whoever_comes_a_little_early_keeps_her_place_before_the_others(plan, room) -> None:
    limit(room, 2, 86_400)
    for row in [plan(room), plan(room)]:
        take(row)
        end(row, DB_NOW)
    waiting = [plan(room), plan(room)]
    first_place, _ = (take(row) for row in waiting)
    Delivery.objects.filter(pk=waiting[0].pk).update(reason="limit")
    assert take(waiting[0], first_place - SECOND) == first_place


def test_of_running_and_ended_calls_the_one_that_fills_the_window_is_found(plan, room) -> None:
    limit(room, 3, 10)
    running, first, second, waiting = (plan(room) for _ in range(4))
    for row, ended in ((running, None), (first, DB_NOW + SECOND), (second, DB_NOW + 4 * SECOND)):
        take(row)
        if ended is not None:
            end(row, ended)
    assert take(waiting, DB_NOW + 5 * SECOND) == DB_NOW + SECOND + 10 * WINDOW


def test_places_of_cancelled_rows_are_given_back(plan, room) -> None:
    limit(room, 1, 10)
    first, second = plan(room), plan(room)
    take(first)
    end(first, DB_NOW)
    take(second)
    Delivery.objects.filter(pk=second.pk).update(reason="limit")
    assert limits.heal_queues(db_now=DB_NOW) == 0
    Delivery.objects.filter(pk=second.pk).update(state="cancelled")
    assert limits.heal_queues(db_now=DB_NOW) == 1
    assert take(plan(room), DB_NOW + 11 * SECOND) is None


def test_waiting_costs_no_try_and_says_why(plan, hook, httpserver) -> None:
    httpserver.expect_request("/hook").respond_with_data("ok")
    limit(hook, 1, 60)
    rows = [plan(hook, due_at=clock.now()) for _ in range(2)]
    assert services.deliver_due(worker="tests", now=clock.now()) == 1
    rows[1].refresh_from_db()
    assert (rows[1].state, rows[1].reason, rows[1].attempt_count) == ("planned", "limit", 0)
    assert 59 * SECOND < rows[1].next_try_at - clock.now() <= 60 * WINDOW
    assert SendSlot.objects.get(delivery=rows[0]).ended_at is not None


def test_whoever_would_wait_past_the_cut_off_expires(plan, hook, httpserver) -> None:
    httpserver.expect_request("/hook").respond_with_data("ok")
    limit(hook, 1, 60)
    now = clock.now()
    rows = [plan(hook, due_at=now, latest_at=now + timedelta(seconds=5)) for _ in range(2)]
    services.deliver_due(worker="tests", now=now)
    services.deliver_due(worker="tests", now=now + timedelta(seconds=61))
    rows[1].refresh_from_db()
    assert (rows[1].state, rows[1].reason) == ("expired", "too_late")


def test_too_fast_makes_the_whole_account_wait_and_costs_no_try(plan, hook, httpserver, cooled) -> None:
    httpserver.expect_ordered_request("/hook").respond_with_data("", status=429, headers={"Retry-After": "7"})
    for _ in range(2):
        httpserver.expect_ordered_request("/hook").respond_with_data("ok")
    now = clock.now()
    rows = [plan(hook, due_at=now) for _ in range(2)]
    services.deliver_due(worker="tests", now=now)
    for row in rows:
        row.refresh_from_db()
    assert [(row.state, row.reason, row.attempt_count) for row in rows] == [
        ("planned", "retrying", 1), ("planned", "limit", 0),
    ]  # fmt: skip
    assert rows[0].attempt_limit == rows[1].attempt_limit + 1
    assert len(httpserver.log) == 1
    budget = SendBudget.objects.get(scope="connection")
    assert timedelta(seconds=5) < budget.cooldown_until - dbtime.now() <= timedelta(seconds=7)
    cooled()
    services.deliver_due(worker="tests", now=now + timedelta(seconds=20))
    assert set(Delivery.objects.values_list("state", flat=True)) == {"accepted"}


def test_a_call_whose_worker_died_ends_when_it_is_found(plan, hook) -> None:
    limit(hook, 1, 10)
    row = plan(hook)
    take(row)
    Delivery.objects.update(state="sending", attempt_count=1, lease_until=dbtime.now() - SECOND)
    services.reap_stuck(now=clock.now())
    assert SendSlot.objects.get().ended_at is not None


def test_a_row_that_was_moved_meanwhile_takes_no_slot(plan, hook) -> None:
    limit(hook, 1, 10)
    row = plan(hook)
    Delivery.objects.update(lease_owner="somebody else")
    begun = recording.begin_within(Start(row, "tests", clock.now(), dbtime.now()), limits_of(hook))
    assert begun is False
    assert not SendSlot.objects.exists()


def test_slots_that_count_nowhere_are_forgotten(plan, robot) -> None:
    rows = [plan(robot) for _ in range(2)]
    for row in rows:
        take(row)
    end(rows[0], DB_NOW - timedelta(seconds=61))
    end(rows[1], DB_NOW - timedelta(seconds=59))
    assert limits.forget_old_slots(db_now=DB_NOW) == 1
    assert SendSlot.objects.get().delivery_id == rows[1].pk


def test_slots_are_kept_longer_where_an_own_limit_needs_them_and_only_there(plan, robot, workspace) -> None:
    other = make_endpoint(workspace, "wecom_robot", key="another-key-of-another-robot")
    limit(robot, 100, 3_600)
    rows = [plan(robot), plan(robot), plan(other), plan(other)]
    for row, minutes in zip(rows, (59, 61, 59, 0), strict=True):
        take(row, DB_NOW - timedelta(minutes=minutes))
        end(row, DB_NOW - timedelta(minutes=minutes))
    assert limits.forget_old_slots(db_now=DB_NOW) == 2
    assert set(SendSlot.objects.values_list("delivery_id", flat=True)) == {rows[0].pk, rows[3].pk}


def test_forgetting_goes_on_where_it_stopped(plan, robot, room) -> None:
    limit(room, 100, 3_600)
    for row in [plan(endpoint) for endpoint in (robot, room) for _ in range(3)]:
        take(row)
        end(row, DB_NOW)
    later = DB_NOW + timedelta(hours=2)
    assert [limits.forget_old_slots(db_now=later, limit=4) for _ in range(3)] == [4, 2, 0]


def test_forgetting_asks_few_questions(plan, robot, room, django_assert_num_queries) -> None:
    with django_assert_num_queries(2):
        limits.forget_old_slots(db_now=DB_NOW)
    for endpoint in (robot, room):
        limit(endpoint, 100, 3_600)
        take(plan(endpoint))
    with django_assert_num_queries(3):
        limits.forget_old_slots(db_now=DB_NOW)


def days_ago(plan, endpoint, days: int) -> Delivery:
    row, moment = plan(endpoint), DB_NOW - timedelta(days=days)
    take(row, moment)
    end(row, moment)
    return row


def test_thirty_days_hold_what_went_out_29_days_ago_and_not_31(plan, room) -> None:
    limit(room, 21, 30 * 86_400)
    for days in (31, *[29] * 20):
        days_ago(plan, room, days)
    assert limits.use_of(room, db_now=DB_NOW)[0].used_count == 20
    last, above = plan(room), plan(room)
    assert take(last) is None
    assert take(above) == DB_NOW - timedelta(days=29) + 30 * 86_400 * WINDOW


def test_the_slots_of_a_month_are_kept_for_their_own_budget_only(plan, robot, workspace) -> None:
    other = make_endpoint(workspace, "wecom_robot", key="another-key-of-another-robot")
    limit(robot, 100, 30 * 86_400)
    rows = [days_ago(plan, endpoint, days) for endpoint in (robot, other) for days in (31, 29)]
    limits.forget_old_slots(db_now=DB_NOW)
    assert SendSlot.objects.get().delivery_id == rows[1].pk


@pytest.mark.django_db(transaction=True)
def test_a_race_for_the_last_slot_has_one_winner(plan, hook) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("row locks: PostgreSQL only")
    limit(hook, 3, 60)
    rows = [plan(hook) for _ in range(8)]
    known = limits_of(hook)

    def one(row):
        with transaction.atomic():
            return take_slots(known, workspace_id=row.workspace_id, delivery=row, db_now=dbtime.now())

    results = at_once([lambda row=row: one(row) for row in rows])
    assert sum(isinstance(result, list) for result in results) == 3
    assert SendSlot.objects.count() == 3


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_twin_without_a_lock_gives_the_last_slot_to_both(plan, hook) -> None:
    """Count, then take: proof that the race above is one, and that the lock of the budget decides it."""
    budget = SendBudget.objects.create(
        workspace=hook.workspace, scope="connection", scope_id=hook.connection.identity_id
    )
    rows, both_have_counted = [plan(hook) for _ in range(2)], threading.Barrier(2)

    def naive(row) -> bool:
        has_room = not SendSlot.objects.filter(budget=budget).exists()
        both_have_counted.wait(timeout=20)
        if has_room:
            facts = {"workspace_id": row.workspace_id, "budget": budget, "delivery": row}
            SendSlot.objects.create(**facts, started_at=dbtime.now())
        return has_room

    assert at_once([lambda row=row: naive(row) for row in rows]) == [True, True]
    assert limits.use_of(hook, db_now=dbtime.now()) == []
    limit(hook, 1, 60)
    assert [one.used_count for one in limits.use_of(hook, db_now=dbtime.now())] == [2]


@pytest.mark.django_db(transaction=True)
def test_no_window_on_the_receivers_clock_holds_more(plan, workspace, httpserver) -> None:
    """Two engines, a backlog that never ends; two channels with windows of their own.

    How much of what is allowed is used: tests/faults/test_limit_windows.py.
    """
    windows = {"/slow": (20, 3), "/quick": (5, 1)}
    arrivals: dict[str, list[float]] = {path: [] for path in windows}

    def arrive(request):
        arrivals[request.path].append(time.monotonic())
        return Response("ok")

    now, duration = clock.now(), 10.0
    for path, (count, seconds) in windows.items():
        httpserver.expect_request(path).respond_with_handler(arrive)
        channel = make_endpoint(workspace, "webhook", url=httpserver.url_for(path), secret=SECRET)
        limit(channel, count, seconds)
        for _ in range(int(duration / seconds * count) + 2 * count):
            plan(channel, due_at=now)
    began = time.monotonic()
    run_engines(seconds=duration)
    for path, (count, seconds) in windows.items():
        inside = [moment for moment in arrivals[path] if moment <= began + duration]
        assert max(sum(moment <= other < moment + seconds for other in inside) for moment in inside) <= count
        assert len(inside) > count
    assert set(Attempt.objects.values_list("outcome", flat=True)) == {"accepted"}


def run_engines(*, seconds: float) -> None:
    """Two at once, each beginning again as the tick does; a run ends when all it knows of waits."""
    stopping = threading.Event()

    def run(worker: str) -> None:
        try:
            while not stopping.wait(0.2):
                services.run_deliveries(worker=worker, stopping=stopping)
        finally:
            connections.close_all()

    engines = [threading.Thread(target=run, args=(f"w{number}",)) for number in range(2)]
    for engine in engines:
        engine.start()
    time.sleep(seconds)
    stopping.set()
    for engine in engines:
        engine.join()


def test_a_fan_out_of_one_workspace_does_not_hold_up_another(plan, room, stranger) -> None:
    other = make_endpoint(stranger.workspace, "sandbox")
    for _ in range(30):
        plan(room)
    late = services.plan_deliveries(
        workspace_id=stranger.workspace.pk,
        plans=[
            services.PlannedSend(
                source_key="test:late", endpoint_id=other.pk, text="x", due_at=NOON + SECOND, origin="test",
                origin_id=1, target_id=1,
            )
        ],
        actor=SYSTEM,
        now=NOON,
    )  # fmt: skip
    taken = claiming.claim(owner="t", limit=10, until=NOON + 2 * SECOND, db_now=DB_NOW)
    assert late[0].pk in {row.pk for row in taken}
    assert len(taken) == 10
    rest = claiming.claim(owner="u", limit=64, until=NOON + 2 * SECOND, db_now=DB_NOW)
    assert len(rest) == 21


def test_a_test_message_counts_and_waits_like_any_other(owner, hook, httpserver) -> None:
    httpserver.expect_request("/hook").respond_with_data("ok")
    limit(hook, 1, 60)
    services.send_test_message(endpoint=hook, actor=owner.actor, now=clock.now())
    with pytest.raises(InvalidTransition):
        services.send_test_message(endpoint=hook, actor=owner.actor, now=clock.now())
    assert len(httpserver.log) == 1
    slot = SendSlot.objects.get()
    assert (slot.delivery_id, slot.ended_at is not None) == (None, True)


def die_during_a_test(hook, owner, monkeypatch) -> None:
    """The process ends before it can end its slots; another one finds them."""
    with monkeypatch.context() as gone:
        gone.setattr(limits, "end_slots", lambda **facts: (_ for _ in ()).throw(OperationalError("gone")))
        with pytest.raises(OperationalError):
            services.send_test_message(endpoint=hook, actor=owner.actor, now=NOON)
    assert SendSlot.objects.get().ended_at is None


def tick_after(monkeypatch, wait: timedelta) -> None:
    """The tick, so long after now on the database's clock."""
    then = dbtime.now() + wait
    with monkeypatch.context() as later:
        later.setattr(dbtime, "now", lambda: then)
        services.tidy_limits()


def test_a_test_message_whose_process_died_does_not_block_its_chat(plan, hook, owner, httpserver, monkeypatch) -> None:
    httpserver.expect_request("/hook").respond_with_data("ok")
    limit(hook, 1, 1)
    die_during_a_test(hook, owner, monkeypatch)
    row, lease = plan(hook), limits.TEST_LEASE
    tick_after(monkeypatch, lease - SECOND)
    assert isinstance(take(row), datetime)
    tick_after(monkeypatch, lease + SECOND)

    monkeypatch.setattr(dbtime, "now", lambda: real_now() + lease + 3 * SECOND)
    services.deliver_due(worker="tests", now=NOON)

    assert Delivery.objects.get().state == "accepted"
    assert [request.get_json()["delivery"] > 0 for request, _ in httpserver.log] == [False, True]


def test_a_lost_test_message_counts_for_the_window_after_it_was_found(
    plan, hook, owner, httpserver, monkeypatch
) -> None:
    httpserver.expect_request("/hook").respond_with_data("ok")
    limit(hook, 1, 60)
    die_during_a_test(hook, owner, monkeypatch)
    tick_after(monkeypatch, 2 * limits.TEST_LEASE)
    found_at = SendSlot.objects.get().ended_at
    tick_after(monkeypatch, 3 * limits.TEST_LEASE)
    assert SendSlot.objects.get().ended_at == found_at
    assert take(plan(hook), found_at + SECOND) == found_at + 60 * WINDOW
    assert take(plan(hook), found_at + 61 * SECOND) is None


def test_the_running_call_of_a_delivery_is_not_ended_by_the_tick(plan, hook, monkeypatch) -> None:
    limit(hook, 1, 10)
    take(plan(hook), dbtime.now())
    tick_after(monkeypatch, 10 * limits.TEST_LEASE)
    assert SendSlot.objects.get().ended_at is None


def test_the_channels_page_says_what_is_used_now(signed_in, owner, workspace, plan, robot) -> None:
    for _ in range(3):
        take(plan(robot), dbtime.now())
    limit(robot, 7, 3600, scope="endpoint")
    use = {(use.limit.scope, use.limit.seconds): (use.used_count, use.is_own) for use in selectors.limit_use(robot)}
    assert use == {("connection", 60): (3, False), ("endpoint", 3600): (0, True)}
    address = reverse("messaging:endpoint_edit", args=[workspace.slug, robot.pk])
    page = signed_in(owner).get(address, headers={"Accept-Language": "en"})
    assert "3 of 20 used in this minute" in page.content.decode()
    assert "0 of 7 used in this hour" in page.content.decode()
