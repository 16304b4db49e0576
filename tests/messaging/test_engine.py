"""The engine with its threads, and its tasks: real connections, real time."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connections
from werkzeug import Response

from community_ops.common import clock, dbtime
from community_ops.common.models import JobPulse
from messaging import services, tasks
from messaging.models import Attempt, Delivery, Endpoint, SandboxPost
from messaging.ports import ALLOWED, Verdict
from messaging.services import claiming, senders
from messaging.services import delivery as engine
from tests.factories.people import SYSTEM
from tests.messaging.conftest import make_endpoint
from tests.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def ids_received(httpserver) -> list[str]:
    return [request.headers["webhook-id"] for request, _ in httpserver.log]


def test_a_run_sends_everything_due_once_and_ends(plan, hook, room, httpserver) -> None:
    httpserver.expect_request("/hook").respond_with_data("ok")
    due_at = clock.now()
    rows = [plan(endpoint, due_at=due_at) for endpoint in (hook, room) * 15]

    assert services.run_deliveries(worker="tests") == 30

    assert set(Delivery.objects.values_list("state", "attempt_count")) == {("accepted", 1)}
    assert sorted(ids_received(httpserver)) == sorted(str(row.pk) for row in rows[::2])
    assert Attempt.objects.count() == 30


def test_a_row_due_in_a_moment_is_taken_ahead_and_started_at_its_time(plan, room) -> None:
    due_at = clock.now() + timedelta(seconds=0.5)
    plan(room, due_at=due_at)

    services.run_deliveries(worker="tests")

    assert SandboxPost.objects.get().at >= due_at


def test_an_idle_run_locks_and_changes_nothing(plan, room, django_assert_max_num_queries) -> None:
    plan(room, due_at=clock.now() + timedelta(hours=1))
    with django_assert_max_num_queries(2):
        assert services.run_deliveries(worker="tests") == 0


def test_only_as_many_rows_are_sending_as_there_are_threads(plan, workspace, receivers) -> None:
    seen, release = [], threading.Event()

    def hold(request) -> Response:
        if len(seen) < 4:  # as many as one account has of eight
            seen.append(Delivery.objects.filter(state="sending").count())
            if len(seen) == 4:
                release.set()
        connections.close_all()  # this is the receiver's thread
        release.wait(5)
        return Response("ok")

    receivers.expect_request("/slow").respond_with_handler(hold)
    endpoint = make_endpoint(workspace, "webhook", url=receivers.url_for("/slow"), secret="s")
    for _ in range(12):
        plan(endpoint, due_at=clock.now())

    assert services.run_deliveries(worker="tests", senders=8) == 12

    assert 4 <= max(seen) <= 8


@pytest.mark.parametrize(
    ("is_same_team", "hanging_count"),
    [(True, 1), (False, 1), (False, 4)],
    ids=["another account of the team", "another team", "another team's several"],
)
def test_a_receiver_that_hangs_holds_up_nobody_else(
    plan, workspace, room, stranger, httpserver, monkeypatch, is_same_team, hanging_count
) -> None:
    """The hand is full of rows for it when the other row comes."""
    monkeypatch.setattr(senders, "HAND_LEAST", 4)
    other = room if is_same_team else make_endpoint(stranger.workspace, "sandbox")
    began: list[bool] = []
    went_first: list[bool] = []

    def hang(request) -> Response:
        began.append(True)
        if len(began) == 1:
            plan_for(other, due_at=clock.now())
        went_first.append(wait_for(SandboxPost.objects.exists, seconds=4))
        connections.close_all()  # this is the receiver's thread
        return Response("ok")

    httpserver.expect_request("/hook").respond_with_handler(hang)
    hooks = [
        make_endpoint(workspace, "webhook", url=httpserver.url_for("/hook"), secret="s") for _ in range(hanging_count)
    ]
    for number in range(3 if is_same_team else 12):
        plan(hooks[number % hanging_count], due_at=clock.now())

    services.run_deliveries(worker="tests", senders=3)

    assert all(went_first)


def test_one_row_that_fails_spoils_no_other(plan, room, guard, monkeypatch) -> None:
    """Its guard fails: nothing can be written in one go, so each is written by itself."""
    bad = plan(room, due_at=clock.now())
    for _ in range(3):
        plan(room, due_at=clock.now())

    def check(delivery: Delivery, now: object) -> Verdict:
        if delivery.pk == bad.pk:
            raise RuntimeError("its guard is broken")
        return ALLOWED

    monkeypatch.setattr(guard, "check", check)

    assert services.run_deliveries(worker="tests", seconds=3) == 3

    bad.refresh_from_db()
    assert bad.state == "planned"
    assert set(bad.attempts.values_list("outcome", flat=True)) == {"not_called"}
    assert SandboxPost.objects.count() == 3


@pytest.mark.parametrize(("place", "step"), [(senders, "look"), (senders, "answered"), (senders.Senders, "_written")])
def test_an_error_nobody_foresaw_takes_no_place(plan, room, monkeypatch, place, step) -> None:
    """One thread: a place that was kept, or a pen, would let nothing else go."""
    for _ in range(4):
        plan(room, due_at=clock.now())
    original, met = getattr(place, step), []

    def fail_once(*given: object, **more: object) -> object:
        if not met:
            met.append(True)
            raise MemoryError
        return original(*given, **more)

    monkeypatch.setattr(place, step, fail_once)

    assert services.run_deliveries(worker="tests", senders=1, seconds=5) == 3
    assert met


@pytest.mark.parametrize("senders", [1, 2, 16])
def test_a_run_of_any_size_sends_all(plan, room, senders) -> None:
    for _ in range(40):
        plan(room, due_at=clock.now())

    assert services.run_deliveries(worker="tests", senders=senders) == 40

    assert set(Delivery.objects.values_list("state", "attempt_count")) == {("accepted", 1)}


def plan_for(endpoint: Endpoint, *, due_at: datetime) -> None:
    planned = services.PlannedSend(
        source_key="test:other", endpoint_id=endpoint.pk, text="x", due_at=due_at, origin="test", origin_id=1,
        target_id=1,
    )  # fmt: skip
    services.plan_deliveries(workspace_id=endpoint.workspace_id, plans=[planned], actor=SYSTEM, now=clock.now())


def wait_for(condition: Callable[[], bool], *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (fulfilled := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return fulfilled


def test_rows_not_started_are_put_back_when_a_run_is_over(plan, room) -> None:
    plan(room, due_at=clock.now() + timedelta(seconds=1.5))

    assert services.run_deliveries(worker="tests", seconds=0.1) == 0

    assert list(Delivery.objects.values_list("state", "lease_owner")) == [("planned", "")]


@pytest.mark.postgres
def test_four_runs_at_once_share_the_rows_and_send_each_once(plan, hook, httpserver) -> None:
    httpserver.expect_request("/hook").respond_with_data("ok")
    rows = [plan(hook, due_at=clock.now()) for _ in range(200)]

    sent = at_once([lambda: services.run_deliveries(worker="tests", senders=2)] * 4)

    assert sum(sent) == 200
    assert sorted(ids_received(httpserver)) == sorted(str(row.pk) for row in rows)
    assert set(Delivery.objects.values_list("state", "attempt_count")) == {("accepted", 1)}


@pytest.mark.postgres
def test_the_twin_without_a_claim_sends_twice(plan, room) -> None:
    """The same race with read-then-send: proof that the test above can fail."""
    plan(room, due_at=clock.now())
    sent, both_have_read = [], threading.Barrier(2)

    def naive() -> None:
        rows = list(Delivery.objects.filter(state="planned"))
        both_have_read.wait(5)
        for row in rows:
            sent.append(row.pk)
            Delivery.objects.filter(pk=row.pk).update(state="accepted")

    at_once([naive, naive])

    assert len(sent) == 2


def test_ticks_may_come_twice_and_leave_their_pulse(plan, room) -> None:
    plan(room, due_at=clock.now())
    for _ in range(2):
        tasks.deliver_due()
        tasks.reap_stuck()

    assert SandboxPost.objects.count() == 1
    assert {"deliver_due", "reap_stuck"} <= set(JobPulse.objects.values_list("name", flat=True))


def test_a_tick_during_a_run_returns_at_once(plan, room) -> None:
    plan(room, due_at=clock.now())
    with tasks._running:
        tasks.deliver_due()
    assert not SandboxPost.objects.exists()


def test_a_run_starts_nothing_more_when_its_worker_is_asked_to_end(plan, room) -> None:
    plan(room, due_at=clock.now() + timedelta(seconds=1.5))
    stopping = threading.Event()
    stopping.set()

    assert services.run_deliveries(worker="tests", stopping=stopping) == 0

    assert list(Delivery.objects.values_list("state", "lease_owner")) == [("planned", "")]


def test_what_was_looked_at_when_a_run_ends_is_put_back(plan, room, monkeypatch) -> None:
    """Three rows: one lies ready, one is looked at just then, one is in hand."""
    team = senders.Senders("tests", 6, clock.now)
    looked_at, look = threading.Semaphore(0), senders.look

    def slow(delivery: Delivery, **facts: object) -> object:
        ready = look(delivery, **facts)
        looked_at.release()
        if not has_lain_down.is_set():
            has_lain_down.set()
        else:
            assert wait_for(lambda: team._is_over, seconds=10)
        return ready

    has_lain_down = threading.Event()
    monkeypatch.setattr(senders, "look", slow)
    monkeypatch.setattr(senders.Desk, "may_write", lambda desk, starts: False)
    monkeypatch.setattr(senders.Desk, "has_to_write", lambda desk: bool(desk.ended))
    for _ in range(3):
        plan(room, due_at=clock.now())

    with team:
        team.take(claiming.claim(owner="tests", limit=9, until=clock.now(), db_now=dbtime.now()))
        assert looked_at.acquire(timeout=10)
        assert looked_at.acquire(timeout=10)

    assert set(Delivery.objects.values_list("state", "lease_owner")) == {("planned", "")}
    assert not SandboxPost.objects.exists()


def test_a_person_who_cancels_at_the_last_moment_is_heard(plan, room, guard, workspace, monkeypatch) -> None:
    plan(room, due_at=clock.now())

    def cancelled_meanwhile(delivery: Delivery, now: object) -> Verdict:
        keys = [delivery.source_key]
        services.cancel_deliveries(
            workspace_id=workspace.pk, source_keys=keys, reason="x", actor=SYSTEM, now=clock.now()
        )
        return ALLOWED

    monkeypatch.setattr(guard, "check", cancelled_meanwhile)

    assert services.run_deliveries(worker="tests") == 0

    assert Delivery.objects.get().state == "cancelled"
    assert not SandboxPost.objects.exists()


def test_each_run_has_a_name_of_its_own() -> None:
    assert engine.owner_name("w") != engine.owner_name("w")
    assert len(engine.owner_name("w" * 200)) <= 80
