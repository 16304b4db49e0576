"""What arrives, what is tried again, and what becomes of a receiver that is gone."""

import base64
import json
import logging
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from werkzeug import Response

from community_ops.common import dbtime, net, outbox
from community_ops.common.errors import InvalidTransition
from community_ops.common.models import AuditEntry, EventReceipt, OutboxEvent
from messaging import tasks
from messaging.platforms.signing import signature, signing_key
from messaging.services import webhooks
from messaging.services.webhooks import claiming
from messaging.webhook_models import TryOutcome, WebhookCall, WebhookSubscription, WebhookTry
from messaging.webhook_policies import RETRY_DELAYS_SECONDS, after_try
from tests.factories.people import SYSTEM
from tests.messaging.webhooks.conftest import received, subscribe
from tests.moments import NOON

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_the_headers_and_the_tiny_body_are_exactly_those_of_the_documents(
    workspace, httpserver, happen, at, call
) -> None:
    httpserver.expect_request("/told").respond_with_data("thank you")
    subscription, key = subscribe(workspace, httpserver.url_for("/told"), events=["member.joined"])
    happen()
    event = OutboxEvent.objects.get()

    assert call() == 1

    (request,) = received(httpserver)
    body = request.get_data()
    assert json.loads(body) == {
        "type": "member.joined",
        "id": f"evt_{event.pk}",
        "timestamp": "2026-11-21T12:00:00Z",
        "workspace": workspace.pk,
        "data": {"member": event.payload["member_id"], "group": 7, "joined_at": "2026-11-21T12:00:00Z"},
    }
    stamp = request.headers["webhook-timestamp"]
    assert abs(int(stamp) - dbtime.now().timestamp()) < 30
    made = signature(signing_key(key), f"evt_{event.pk}", stamp, body)
    ours = ("webhook-id", "webhook-timestamp", "webhook-signature", "content-type", "user-agent")
    assert [request.headers[name] for name in ours] == [
        f"evt_{event.pk}", stamp, made, "application/json", "community-ops/1",
    ]  # fmt: skip
    done = subscription.calls.get()
    assert (done.state, done.attempt_count, done.done_at) == ("done", 1, NOON)
    one = done.tries.get()
    assert (one.number, one.http_status, one.outcome, one.text) == (1, 200, "done", "")


def test_the_signature_is_the_published_example_of_standard_webhooks() -> None:
    key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_only_live_subscriptions_that_want_the_event_are_told(workspace, stranger, happen, at) -> None:
    wanted, _ = subscribe(workspace, "https://a.example/x", events=["member.left", "member.joined"])
    everything, _ = subscribe(workspace, "https://b.example/x")
    subscribe(workspace, "https://c.example/x", events=["order.paid"])
    subscribe(stranger.workspace, "https://d.example/x")
    off, _ = subscribe(workspace, "https://e.example/x")
    gone, _ = subscribe(workspace, "https://f.example/x")
    webhooks.switch_off(subscription=off, actor=SYSTEM, now=NOON)
    webhooks.archive_subscription(subscription=gone, actor=SYSTEM, now=NOON)

    happen()

    told = WebhookCall.objects.order_by("subscription_id").values_list("subscription_id", flat=True)
    assert list(told) == [wanted.pk, everything.pk]


def test_an_event_is_written_down_once_when_its_handler_runs_twice(subscription, happen, at) -> None:
    happen()
    EventReceipt.objects.update(state="pending")
    outbox.drain(now=NOON)
    assert WebhookCall.objects.count() == 1


def test_an_event_names_nobody(subscription, happen, at, only_call) -> None:
    happen()
    assert set(json.loads(only_call().body)["data"]) == {"member", "group", "joined_at"}
    assert only_call().body.isascii()


@pytest.mark.parametrize("status", [300, 301, 400, 401, 403, 404, 409, 418, 429, 500, 503])
def test_an_answer_other_than_2xx_is_tried_again(subscription, happen, call, httpserver, only_call, status) -> None:
    httpserver.expect_request("/told").respond_with_data("secret words", status=status)
    happen()
    call()
    row, one = only_call(), WebhookTry.objects.get()
    assert (row.state, row.attempt_count, row.lease_owner) == ("pending", 1, "")
    assert timedelta(seconds=4.4) < row.next_try_at - NOON < timedelta(seconds=5.6)
    assert (one.outcome, one.http_status, one.text) == ("refused", status, "")
    assert call() == 0


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_an_arrival(subscription, happen, call, httpserver, only_call, status) -> None:
    httpserver.expect_request("/told").respond_with_data("", status=status)
    happen()
    call()
    assert only_call().state == "done"


def test_the_waits_grow_and_end_three_days_after_the_first_try() -> None:
    now, moments, number = NOON, [], 0
    while (then := after_try(TryOutcome.REFUSED, number=(number := number + 1), first_try_at=NOON, now=now)).at:
        moments.append((then.at - now).total_seconds())
        now = then.at
    assert tuple(moments[:9]) == RETRY_DELAYS_SECONDS
    assert set(moments[8:-1]) == {28_800}
    assert now - NOON == 3 * DAY
    assert then.state == "given_up"


def test_a_wait_is_jittered_by_a_tenth_and_a_receivers_wish_is_kept_up_to_an_hour() -> None:
    def wait(number: int = 4, **facts: float) -> float:
        then = after_try(TryOutcome.REFUSED, number=number, first_try_at=NOON, now=NOON, **facts)
        return (then.at - NOON).total_seconds()

    assert (wait(lot=0.0), wait(lot=0.5), wait(lot=1.0)) == (540, 600, 660)
    assert (wait(wish_seconds=900), wait(wish_seconds=1), wait(1, wish_seconds=86_400)) == (900, 600, 3600)


def test_a_receiver_that_says_when_is_tried_then(subscription, happen, call, httpserver, only_call) -> None:
    httpserver.expect_request("/told").respond_with_data("", status=429, headers={"Retry-After": "90"})
    happen()
    call()
    assert only_call().next_try_at == NOON + timedelta(seconds=90)


def test_a_call_that_fails_and_then_arrives_keeps_its_id(subscription, happen, call, httpserver, only_call) -> None:
    httpserver.expect_ordered_request("/told").respond_with_data("", status=500)
    httpserver.expect_ordered_request("/told").respond_with_data("")
    happen()
    call()
    subscription.refresh_from_db()
    assert subscription.failing_since == NOON
    call(only_call().next_try_at)

    first, second = received(httpserver)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.get_data() == second.get_data()
    subscription.refresh_from_db()
    assert (only_call().state, only_call().attempt_count, subscription.failing_since) == ("done", 2, None)


def test_410_switches_the_subscription_off(subscription, happen, call, httpserver) -> None:
    httpserver.expect_request("/told").respond_with_data("", status=410)
    happen(2)
    call()
    subscription.refresh_from_db()
    assert (subscription.is_on, subscription.off_reason, subscription.switched_off_at) == (False, "gone", NOON)
    assert set(WebhookCall.objects.values_list("state", flat=True)) == {"given_up"}
    entry = AuditEntry.objects.get(verb="webhook.switched_off")
    assert (entry.actor_label, entry.after["reason"]) == ("messaging.call_webhooks", "gone")
    happen()
    assert (call(NOON + DAY), WebhookCall.objects.count(), len(received(httpserver))) == (0, 2, 1)


def test_after_three_days_in_vain_a_call_is_given_up_and_its_subscription_switched_off(
    subscription, happen, call, httpserver, only_call
) -> None:
    httpserver.expect_request("/told").respond_with_data("", status=500)
    happen()
    call()
    while (row := only_call()).state == "pending":
        assert subscription.is_on
        call(row.next_try_at)
        subscription.refresh_from_db()

    assert row.tries.latest("number").at == NOON + 3 * DAY
    assert (row.state, row.attempt_count) == ("given_up", row.tries.count())
    assert (subscription.is_on, subscription.off_reason) == (False, "failing")
    assert AuditEntry.objects.filter(verb="webhook.switched_off").count() == 1


def test_a_call_is_given_up_without_more_when_others_get_through(
    workspace, subscription, happen, call, at, httpserver, only_call
) -> None:
    httpserver.expect_request("/told").respond_with_data("", status=500)
    happen()
    call()
    for day in (1, 2):
        WebhookCall.objects.filter(state="pending").update(next_try_at=NOON + day * DAY)
        call(NOON + day * DAY)
    httpserver.clear_all_handlers()
    httpserver.expect_request("/told").respond_with_data("")
    webhooks.send_test(subscription=subscription, actor=SYSTEM, now=NOON + 2.5 * DAY)
    WebhookCall.objects.filter(event="member.joined").update(next_try_at=NOON + 3 * DAY)
    call(NOON + 2.5 * DAY)
    httpserver.clear_all_handlers()
    httpserver.expect_request("/told").respond_with_data("", status=500)
    call(NOON + 3 * DAY)
    subscription.refresh_from_db()
    assert WebhookCall.objects.get(event="member.joined").state == "given_up"
    assert subscription.is_on


def test_a_call_is_made_again_when_its_worker_died_before_the_answer_was_written_down(
    subscription, happen, call, at, httpserver, only_call
) -> None:
    httpserver.expect_request("/told").respond_with_data("")
    happen()
    db_now = dbtime.now()
    (held,) = claiming.claim(owner="died", limit=5, now=NOON, db_now=db_now)
    assert claiming.claim(owner="other", limit=5, now=NOON, db_now=db_now) == []
    assert call() == 0  # the lease still runs

    WebhookCall.objects.update(lease_until=db_now - timedelta(seconds=1))
    call(NOON + timedelta(seconds=20))
    assert [one.outcome for one in WebhookTry.objects.all()] == ["lost"]
    call(only_call().next_try_at)

    assert [one.outcome for one in WebhookTry.objects.order_by("number")] == ["lost", "done"]
    assert received(httpserver)[0].headers["webhook-id"] == held.webhook_id
    late = claiming.finish(held, claiming.Ended(TryOutcome.REFUSED), now=NOON)
    assert (late, only_call().state, WebhookTry.objects.count()) == (False, "done", 2)


def test_one_subscription_has_two_calls_running_and_leaves_the_others_their_turn(workspace, happen, at) -> None:
    slow, _ = subscribe(workspace, "https://slow.example/x")
    happen(20)
    quick, _ = subscribe(workspace, "https://quick.example/x")
    happen(1)

    db_now = dbtime.now()
    first = claiming.claim(owner="a", limit=8, now=NOON, db_now=db_now)
    second = claiming.claim(owner="b", limit=8, now=NOON, db_now=db_now)

    assert sorted(row.subscription_id for row in first) == [slow.pk, slow.pk, quick.pk]
    assert second == []


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x", "https://2130706433/x", "https://0x7f.1/x", "https://[::1]/x", "https://10.0.0.1/x",
        "https://[::ffff:10.0.0.1]/x", "https://169.254.169.254/x", "https://[64:ff9b::a00:1]/x", "https://localhost/x",
        "https://100.64.0.1/x", "https://0/x",
    ],
)  # fmt: skip
def test_an_address_of_our_own_network_is_not_called_whatever_its_spelling(
    workspace, happen, call, at, settings, only_call, url
) -> None:
    subscribe(workspace, "https://public.example/x")
    WebhookSubscription.objects.update(secret={"url": url, "keys": [{"key": "whsec_c2VjcmV0", "until": None}]})
    settings.ALLOW_LOOPBACK_ENDPOINTS = False
    happen()
    call()
    assert (only_call().state, WebhookTry.objects.get().outcome) == ("pending", "address")


def test_what_a_receiver_or_an_address_says_is_neither_kept_nor_logged(
    workspace, happen, call, at, httpserver, caplog, only_call
) -> None:
    _, key = subscribe(workspace, httpserver.url_for("/told?key=in-the-address"))
    caplog.set_level(logging.DEBUG)
    httpserver.expect_request("/told").respond_with_data("words of the receiver", status=500)
    happen()
    call()
    httpserver.stop()
    call(only_call().next_try_at)
    WebhookSubscription.objects.update(secret={})
    call(only_call().next_try_at)
    httpserver.start()

    tries = list(WebhookTry.objects.order_by("number"))
    assert [one.outcome for one in tries] == ["refused", "not_sent", "not_called"]
    ours = [record for record in caplog.records if not record.name.startswith("werkzeug")]
    told = " ".join(f"{record.getMessage()} {vars(record)}" for record in ours)
    told += str([vars(one) for one in tries]) + str(list(AuditEntry.objects.values()))
    for secret in ("in-the-address", key, key.removeprefix("whsec_"), "words of the receiver"):
        assert secret not in told
    assert "webhook call failed" in told


def test_a_fault_of_one_subscription_stops_no_other(workspace, happen, call, at, httpserver) -> None:
    httpserver.expect_request("/told").respond_with_data("")
    broken, _ = subscribe(workspace, httpserver.url_for("/told"))
    whole, _ = subscribe(workspace, httpserver.url_for("/told"))
    WebhookSubscription.objects.filter(pk=broken.pk).update(secret={})
    happen()
    assert call() == 2
    assert (broken.calls.get().state, whole.calls.get().state) == ("pending", "done")


def test_a_call_can_be_made_once_more_and_is_the_same(subscription, happen, call, httpserver, only_call) -> None:
    httpserver.expect_request("/told").respond_with_data("")
    happen()
    call()
    for _ in range(2):
        webhooks.redeliver(call=only_call(), actor=SYSTEM, now=NOON + DAY)
    assert AuditEntry.objects.filter(verb="webhook.call_repeated").count() == 1
    call(NOON + DAY)

    first, second = received(httpserver)
    assert first.get_data() == second.get_data()
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert (only_call().state, [one.number for one in only_call().tries.all()]) == ("done", [1, 2])


def test_a_repeated_call_has_its_three_days_anew(subscription, happen, call, httpserver, only_call) -> None:
    httpserver.expect_request("/told").respond_with_data("", status=500)
    happen()
    call()
    WebhookCall.objects.update(state="given_up")
    webhooks.redeliver(call=only_call(), actor=SYSTEM, now=NOON + 2 * DAY)
    call(NOON + 2 * DAY)
    row = only_call()
    assert (row.state, row.attempt_count, row.first_try_at) == ("pending", 2, NOON + 2 * DAY)
    assert row.next_try_at - NOON - 2 * DAY < timedelta(seconds=6)


def test_the_next_try_comes_at_once_when_a_person_asks(subscription, happen, call, httpserver, only_call) -> None:
    httpserver.expect_request("/told").respond_with_data("", status=500)
    happen()
    call()
    webhooks.redeliver(call=only_call(), actor=SYSTEM, now=NOON)
    assert call() == 1


def test_a_subscription_that_is_off_neither_repeats_nor_tests(subscription, happen, call, at, only_call) -> None:
    happen()
    webhooks.switch_off(subscription=subscription, actor=SYSTEM, now=NOON)
    before = AuditEntry.objects.count()
    with pytest.raises(InvalidTransition):
        webhooks.redeliver(call=only_call(), actor=SYSTEM, now=NOON)
    with pytest.raises(InvalidTransition):
        webhooks.send_test(subscription=subscription, actor=SYSTEM, now=NOON)
    assert (only_call().state, AuditEntry.objects.count(), call()) == ("given_up", before, 0)


def test_a_call_that_runs_while_it_is_switched_off_is_still_written_down(subscription, happen, at, only_call) -> None:
    happen(2)
    arrives, fails = claiming.claim(owner="a", limit=2, now=NOON, db_now=dbtime.now())
    webhooks.switch_off(subscription=subscription, actor=SYSTEM, now=NOON)
    assert claiming.finish(arrives, claiming.Ended(TryOutcome.DONE, 200), now=NOON)
    assert claiming.finish(fails, claiming.Ended(TryOutcome.REFUSED, 500), now=NOON)
    states = dict(WebhookCall.objects.values_list("pk", "state"))
    assert states == {arrives.pk: "done", fails.pk: "given_up"}
    assert WebhookTry.objects.count() == 2


def test_calls_are_forgotten_after_thirty_days(subscription, happen, call, at, httpserver) -> None:
    httpserver.expect_request("/told").respond_with_data("")
    happen()
    call()
    assert webhooks.prune_calls(now=NOON + 30 * DAY) == 0
    assert webhooks.prune_calls(now=NOON + 30 * DAY + timedelta(seconds=1)) == 1
    assert (WebhookCall.objects.exists(), WebhookTry.objects.exists()) == (False, False)
    at.moment = NOON + 31 * DAY
    tasks.tidy_webhooks()
    assert WebhookSubscription.objects.exists()


def test_a_call_that_still_waits_is_not_forgotten(subscription, happen, at) -> None:
    happen()
    assert webhooks.prune_calls(now=NOON + 40 * DAY) == 0


def test_a_call_that_was_written_beside_the_switching_off_is_forgotten_too(subscription, happen, at) -> None:
    """Its event was told on while somebody switched off: nobody gives it up, and nobody makes it."""
    happen()
    WebhookSubscription.objects.update(is_on=False, switched_off_at=NOON, off_reason="by_hand")
    assert webhooks.prune_calls(now=NOON + 30 * DAY) == 0
    assert webhooks.prune_calls(now=NOON + 30 * DAY + timedelta(seconds=1)) == 1
    assert not WebhookCall.objects.exists()


def test_writing_calls_asks_as_many_questions_for_one_subscription_as_for_ten(workspace, happen, at) -> None:
    counts = []
    for more in (1, 9):
        for _ in range(more):
            subscribe(workspace, "https://a.example/x")
        with CaptureQueriesContext(connection) as asked:
            happen()
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert WebhookCall.objects.count() == 11


def test_a_slow_answer_is_no_answer(workspace, happen, call, at, hang_at, httpserver, only_call, monkeypatch) -> None:
    hang_at("/told")
    quick = net.post
    monkeypatch.setattr(net, "post", lambda *args, **kwargs: quick(*args, **kwargs | {"timeout_seconds": 0.3}))
    subscribe(workspace, httpserver.url_for("/told"))
    happen()
    call()
    one = WebhookTry.objects.get()
    assert (one.outcome, one.http_status, only_call().state) == ("no_answer", None, "pending")
    assert one.latency_ms >= 250


def test_a_redirect_is_not_followed(workspace, happen, call, at, httpserver, only_call) -> None:
    elsewhere = httpserver.url_for("/elsewhere")
    httpserver.expect_request("/told").respond_with_response(Response("", 307, {"Location": elsewhere}))
    subscribe(workspace, httpserver.url_for("/told"))
    happen()
    call()
    assert [request.path for request in received(httpserver)] == ["/told"]
    assert only_call().state == "pending"


def test_the_secret_in_the_header_is_the_one_that_was_shown(workspace, happen, call, at, httpserver) -> None:
    httpserver.expect_request("/told").respond_with_data("")
    _, key = subscribe(workspace, httpserver.url_for("/told"))
    assert 24 <= len(base64.b64decode(key.removeprefix("whsec_"))) <= 64
    assert key.startswith("whsec_")
