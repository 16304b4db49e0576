"""The worker with its threads: real connections, real time."""

import threading
import time
from collections import Counter

import pytest
from django.db import connections
from werkzeug import Response

from community_ops.common import clock, dbtime
from messaging import tasks
from messaging.services import webhooks
from messaging.services.webhooks import calling, claiming
from messaging.webhook_models import WebhookCall, WebhookTry
from tests.factories.people import make_workspace
from tests.messaging.webhooks.conftest import received, subscribe
from tests.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_run_makes_everything_due_once_and_ends(workspace, happen, httpserver) -> None:
    httpserver.expect_request("/told").respond_with_data("ok")
    for _ in range(3):
        subscribe(workspace, httpserver.url_for("/told"))
    happen(6)

    tasks.call_webhooks()
    tasks.call_webhooks()

    assert Counter(WebhookCall.objects.values_list("state", "attempt_count")) == {("done", 1): 18}
    assert len(received(httpserver)) == WebhookTry.objects.count() == 18


def test_two_workers_make_each_call_once_and_at_most_two_at_a_time(workspace, happen, receivers) -> None:
    running, most, lock = Counter(), Counter(), threading.Lock()

    def slowly(request) -> Response:
        with lock:
            running[request.path] += 1
            most[request.path] = max(most[request.path], running[request.path])
        time.sleep(0.05)
        with lock:
            running[request.path] -= 1
        return Response("")

    for path in ("/a", "/b"):
        receivers.expect_request(path).respond_with_handler(slowly)
        subscribe(workspace, receivers.url_for(path))
    happen(20)

    counts = at_once([lambda: webhooks.run_calls(worker="tests")] * 2)

    assert sum(counts) == 40, counts
    sent = Counter((request.path, request.headers["webhook-id"]) for request in received(receivers))
    assert len(sent) == 40
    assert set(sent.values()) == {1}
    assert max(most.values()) == claiming.AT_ONCE
    assert Counter(WebhookCall.objects.values_list("state", "attempt_count")) == {("done", 1): 40}


def test_two_claims_that_know_nothing_of_each_others_rows_would_call_twice(workspace, happen, httpserver) -> None:
    """The twin without the conditional update: both workers read the same rows and both call."""
    httpserver.expect_request("/a").respond_with_data("")
    subscribe(workspace, httpserver.url_for("/a"))
    happen(4)
    barrier = threading.Barrier(2)

    def naive() -> int:
        rows = list(WebhookCall.objects.filter(state="pending"))
        barrier.wait(timeout=20)
        return len([calling._tried(row, clock.now()) for row in rows])

    assert at_once([naive, naive]) == [4, 4]
    assert set(Counter(request.headers["webhook-id"] for request in received(httpserver)).values()) == {2}


def test_a_silent_receiver_does_not_hold_up_the_others(workspace, happen, receivers) -> None:
    over = threading.Event()

    def hang(request) -> Response:
        over.wait(10)
        return Response("late", status=500)

    receivers.expect_request("/silent").respond_with_handler(hang)
    receivers.expect_request("/quick").respond_with_data("")
    silent, _ = subscribe(workspace, receivers.url_for("/silent"))
    quick, _ = subscribe(workspace, receivers.url_for("/quick"))
    happen(12)
    stopping = threading.Event()
    worker = threading.Thread(target=lambda: _closing(stopping))
    begun = time.monotonic()
    worker.start()
    while quick.calls.filter(state="done").count() < 12 and time.monotonic() - begun < 4:
        time.sleep(0.02)
    running = silent.calls.exclude(lease_owner="").count()
    stopping.set()
    over.set()
    worker.join(timeout=15)

    assert quick.calls.filter(state="done").count() == 12
    assert running == claiming.AT_ONCE
    assert Counter(silent.calls.values_list("attempt_count", "lease_owner")) == {(0, ""): 10, (1, ""): 2}


def test_the_silent_receivers_of_one_team_do_not_hold_up_another_team(workspace, happen, receivers) -> None:
    hanging, over, told = threading.Semaphore(0), threading.Event(), threading.Event()

    def hang(request) -> Response:
        hanging.release()
        over.wait(10)
        return Response("late", status=500)

    def answer(request) -> Response:
        told.set()
        return Response("")

    receivers.expect_request("/silent").respond_with_handler(hang)
    receivers.expect_request("/quick").respond_with_handler(answer)
    for _ in range(8):
        subscribe(workspace, receivers.url_for("/silent"))
    happen(2)
    other = make_workspace("other")
    subscribe(other, receivers.url_for("/quick"))
    stopping = threading.Event()
    worker = threading.Thread(target=lambda: _closing(stopping))
    worker.start()
    hang_together = [hanging.acquire(timeout=20) for _ in range(6)]
    happen(space=other)
    is_told = told.wait(20)
    ended = WebhookTry.objects.filter(call__workspace=workspace).count()
    running = WebhookCall.objects.filter(workspace=workspace).exclude(lease_owner="").count()
    stopping.set()
    over.set()
    worker.join(timeout=15)

    assert (all(hang_together), is_told, ended, running) == (True, True, 0, 6)


def test_more_subscriptions_of_one_team_than_threads_leave_the_other_teams_their_turn(workspace, happen) -> None:
    """With two threads free, two of twenty-one may be chosen: not two of the team that may start no more."""
    for _ in range(20):
        subscribe(workspace, "https://tools.example/x")
    other = make_workspace("other")
    subscribe(other, "https://tools.example/y")
    happen()
    happen(space=other)
    at = {"owner": "tests", "now": clock.now(), "db_now": dbtime.now()}

    taken = claiming.claim(limit=2, calls_of={workspace.pk: 6}, **at)

    assert [row.workspace_id for row in taken] == [other.pk]
    assert claiming.claim(limit=2, calls_of={workspace.pk: 4}, **at) == []
    assert len(claiming.claim(limit=8, **at)) == 6


def _closing(stopping: threading.Event) -> int:
    try:
        return webhooks.run_calls(worker="tests", stopping=stopping)
    finally:
        connections.close_all()


def test_an_idle_tick_asks_for_the_time_and_one_thing_more(workspace, django_assert_max_num_queries) -> None:
    subscribe(workspace, "https://tools.example/x")
    with django_assert_max_num_queries(2):
        assert webhooks.run_calls(worker="tests") == 0


def test_a_worker_that_is_asked_to_end_starts_no_more_calls(workspace, happen, httpserver) -> None:
    subscribe(workspace, httpserver.url_for("/told"))
    happen()
    stopping = threading.Event()
    stopping.set()
    assert webhooks.run_calls(worker="tests", stopping=stopping) == 0
    assert WebhookCall.objects.get().attempt_count == 0
