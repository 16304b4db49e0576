"""Each platform, played by a real local HTTP server that answers with its documented bodies."""

import base64
import hashlib
import hmac
import json
import socket
from datetime import timedelta

import pytest
from werkzeug import Request, Response

from messaging.errors import ConfigRefused
from messaging.models import Attempt, SandboxPost
from messaging.platforms import registry
from messaging.platforms.base import Part
from messaging.platforms.signing import signature, signing_key
from tests.messaging.conftest import ROBOT_KEY, SECRET, make_endpoint
from tests.moments import NOON

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


def sent(httpserver) -> list[Request]:
    return [request for request, _ in httpserver.log]


@pytest.fixture
def taking(httpserver):
    """A receiver that posts each message, and then fails: the texts that are in its group."""

    def begin(path: str, status: int) -> list[str]:
        posted: list[str] = []

        def take(request: Request) -> Response:
            content = request.get_json()
            posted.append(content["text"]["content"] if "msgtype" in content else content["text"])
            return Response("<html>gateway", status=status)

        httpserver.expect_request(path).respond_with_handler(take)
        return posted

    return begin


# --- signed webhook ------------------------------------------------------------------------------------


def test_the_signature_is_the_published_example_of_standard_webhooks() -> None:
    body = b'{"test": 2432232314}'
    made = signature(signing_key(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["plain secret", SECRET])
def test_a_receiver_can_verify_what_it_gets(workspace, httpserver, plan, deliver, secret) -> None:
    httpserver.expect_request("/v").respond_with_data("ok")
    delivery = plan(make_endpoint(workspace, "webhook", url=httpserver.url_for("/v"), secret=secret))

    deliver()

    (request,) = sent(httpserver)
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    signed = f"{delivery.pk}.{request.headers['webhook-timestamp']}.".encode() + request.data
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"
    assert request.headers["webhook-id"] == str(delivery.pk)
    assert request.method == "POST"


def test_the_body_is_the_contract(httpserver, hook, plan, deliver) -> None:
    httpserver.expect_request("/hook").respond_with_data("ok")
    delivery = plan(hook, text="开抢 <b>🎉</b>")

    deliver()

    assert json.loads(sent(httpserver)[0].data) == {
        "type": "message",
        "delivery": delivery.pk,
        "announcement": None,
        "group": 7,
        "text": "开抢 <b>🎉</b>",
        "sent_at": "2026-11-21T12:00:00Z",
    }


def test_the_body_names_the_announcement_and_no_group_for_a_member(httpserver, hook, plan, deliver, guard, monkeypatch):
    from messaging.ports import origin_guards

    monkeypatch.setitem(origin_guards._answers, "announcement", guard)
    httpserver.expect_request("/hook").respond_with_data("ok")
    plan(hook, origin="announcement", origin_id=12, target_kind="member", target_id=3)

    deliver()

    body = json.loads(sent(httpserver)[0].data)
    assert (body["announcement"], body["group"]) == (12, None)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_an_acceptance(httpserver, hook, plan, deliver, fresh, status) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=status)
    delivery = plan(hook)

    deliver()

    row = fresh(delivery)
    assert (row.state, row.platform_code, row.accepted_at) == ("accepted", str(status), NOON)


@pytest.mark.parametrize("status", [503, 429, 425, 408])
def test_a_refusal_that_may_pass_is_tried_again_with_the_same_id(
    httpserver, hook, plan, deliver, fresh, cooled, status
) -> None:
    httpserver.expect_ordered_request("/hook").respond_with_data("busy", status=status)
    httpserver.expect_ordered_request("/hook").respond_with_data("ok")
    delivery = plan(hook)

    deliver()
    assert (fresh(delivery).state, fresh(delivery).reason, fresh(delivery).platform_code) == (
        "planned",
        "retrying",
        str(status),
    )
    cooled()
    deliver(LATER)

    assert (fresh(delivery).state, fresh(delivery).attempt_count) == ("accepted", 2)
    assert [request.headers["webhook-id"] for request in sent(httpserver)] == [str(delivery.pk)] * 2
    assert list(Attempt.objects.order_by("number").values_list("outcome", "http_status")) == [
        ("retry", status),
        ("accepted", 200),
    ]


@pytest.mark.parametrize("status", [500, 501, 502, 504, 507, 520, 524])
def test_an_error_after_the_message_was_taken_is_unknown_and_not_repeated(
    taking, hook, plan, deliver, fresh, status
) -> None:
    taken = taking("/hook", status)
    delivery = plan(hook)

    deliver()
    deliver(LATER)

    row = fresh(delivery)
    assert (row.state, row.reason, row.platform_code) == ("unknown", "no_answer", str(status))
    assert (row.platform_text, row.attempt_count) == (f"HTTP {status}", 1)
    assert taken == ["今晚八点开抢"]
    assert Attempt.objects.values_list("outcome", "http_status").get() == ("in_doubt", status)


def test_an_error_is_repeated_where_the_receiver_promises_to_drop_repeats(
    taking, workspace, httpserver, plan, deliver, fresh
) -> None:
    taken = taking("/hook", 502)
    url = httpserver.url_for("/hook")
    delivery = plan(make_endpoint(workspace, "webhook", url=url, secret="s", drops_repeats=True))

    deliver()
    assert (fresh(delivery).state, fresh(delivery).reason) == ("planned", "retrying")
    deliver(LATER)

    assert len(taken) == 2
    assert {request.headers["webhook-id"] for request in sent(httpserver)} == {str(delivery.pk)}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422, 301, 302])
def test_a_refusal_for_good_fails_at_once(httpserver, hook, plan, deliver, fresh, status) -> None:
    httpserver.expect_request("/hook").respond_with_data("no", status=status, headers={"Location": "/elsewhere"})
    delivery = plan(hook)

    deliver()
    deliver(LATER)

    row = fresh(delivery)
    assert (row.state, row.reason, row.attempt_count, row.platform_code) == ("failed", "refused", 1, str(status))
    assert len(sent(httpserver)) == 1


def test_delays_grow_and_the_last_refusal_parks_it_with_the_reason(httpserver, hook, plan, deliver, fresh) -> None:
    httpserver.expect_request("/hook").respond_with_data("busy", status=503)
    delivery, now, waits = plan(hook), NOON, []

    for _ in range(10):
        deliver(now)
        waits.append(fresh(delivery).next_try_at - now)
        now = max(fresh(delivery).next_try_at, now)

    row = fresh(delivery)
    assert (row.state, row.reason, row.attempt_count, row.platform_code) == ("failed", "gave_up", 7, "503")
    assert waits[:6] == sorted(waits[:6])
    assert len(sent(httpserver)) == 7


def test_the_receivers_wish_to_wait_is_respected(httpserver, hook, plan, deliver, fresh) -> None:
    httpserver.expect_request("/hook").respond_with_data("slow down", status=429, headers={"Retry-After": "90"})
    delivery = plan(hook)
    deliver()
    assert fresh(delivery).next_try_at == NOON + timedelta(seconds=90)


def test_a_retry_that_would_come_too_late_expires(httpserver, hook, plan, deliver, fresh) -> None:
    httpserver.expect_request("/hook").respond_with_data("busy", status=503)
    delivery = plan(hook, latest_at=NOON + timedelta(seconds=1))
    deliver()
    assert (fresh(delivery).state, fresh(delivery).reason) == ("expired", "too_late")


def test_nobody_at_the_address_is_tried_again(workspace, plan, deliver, fresh) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    delivery = plan(make_endpoint(workspace, "webhook", url=url, secret="s"))
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("planned", "not_sent")


@pytest.fixture
def hanging(httpserver, hang_at, monkeypatch):
    """A receiver that accepts and then does not answer in time."""
    monkeypatch.setattr("community_ops.common.net.TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr("community_ops.common.net.post.__kwdefaults__", {"timeout_seconds": 0.3})
    hang_at("/hook")
    return httpserver


def test_no_answer_after_sending_is_unknown_and_not_repeated(hanging, hook, plan, deliver, fresh) -> None:
    delivery = plan(hook)

    deliver()
    deliver(LATER)

    assert (fresh(delivery).state, fresh(delivery).reason, fresh(delivery).attempt_count) == ("unknown", "no_answer", 1)
    assert Attempt.objects.get().outcome == "in_doubt"


def test_no_answer_is_repeated_when_the_receiver_promises_to_drop_repeats(
    hanging, workspace, plan, deliver, fresh
) -> None:
    endpoint = make_endpoint(workspace, "webhook", url=hanging.url_for("/hook"), secret="s", drops_repeats=True)
    delivery = plan(endpoint)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).reason) == ("planned", "retrying")


def test_an_address_that_became_private_is_refused_when_it_is_called(hook, plan, deliver, fresh, settings) -> None:
    settings.ALLOW_LOOPBACK_ENDPOINTS = False
    delivery = plan(hook)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("failed", "address_refused")


# --- WeCom group robot ---------------------------------------------------------------------------------


def wecom(httpserver, *answers) -> None:
    for code, text in answers:
        httpserver.expect_ordered_request(
            "/cgi-bin/webhook/send", method="POST", query_string={"key": ROBOT_KEY}
        ).respond_with_json({"errcode": code, "errmsg": text})


def test_a_robot_gets_the_documented_call_and_errcode_0_is_accepted(httpserver, robot, plan, deliver, fresh) -> None:
    wecom(httpserver, (0, "ok"))
    delivery = plan(robot, text="还剩 3 件")

    deliver()

    assert json.loads(sent(httpserver)[0].data) == {"msgtype": "text", "text": {"content": "还剩 3 件"}}
    assert (fresh(delivery).state, fresh(delivery).platform_code, fresh(delivery).platform_text) == (
        "accepted",
        "0",
        "ok",
    )


@pytest.mark.parametrize("code", [45009, 45033, -1])
def test_a_robots_rate_code_is_tried_later(httpserver, robot, plan, deliver, fresh, cooled, code) -> None:
    wecom(httpserver, (code, "api freq out of limit"), (0, "ok"))
    delivery = plan(robot)

    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("planned", str(code))
    cooled()
    deliver(LATER)

    assert fresh(delivery).state == "accepted"


@pytest.mark.parametrize("code", [93000, 93004, 93008, 40058, 45002, 99999])
def test_a_robots_other_codes_fail_at_once(httpserver, robot, plan, deliver, fresh, code) -> None:
    wecom(httpserver, (code, "invalid webhook url"))
    delivery = plan(robot)

    deliver()
    deliver(LATER)

    row = fresh(delivery)
    assert (row.state, row.platform_code, row.platform_text) == ("failed", str(code), "invalid webhook url")
    assert len(sent(httpserver)) == 1


def test_a_busy_robot_is_tried_three_times_at_most(httpserver, robot, plan, deliver, fresh) -> None:
    wecom(httpserver, *[(-1, "system busy")] * 5)
    delivery, now = plan(robot), NOON
    for _ in range(5):
        deliver(now)
        now += timedelta(hours=1)
    assert (fresh(delivery).state, fresh(delivery).reason, fresh(delivery).attempt_count) == ("failed", "gave_up", 3)


@pytest.mark.parametrize("body", ["", "<html>", "[]", "{}", '{"errcode":"0"}', '{"errcode":true}', "null"])
def test_a_success_that_says_nothing_readable_is_unknown(httpserver, robot, plan, deliver, fresh, body) -> None:
    httpserver.expect_request("/cgi-bin/webhook/send").respond_with_data(body)
    delivery = plan(robot)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("unknown", "unreadable")


@pytest.mark.parametrize("said", ["NUL \\u0000", "half \\ud83d", "长" * 900, "<script>"])
def test_whatever_a_platform_says_is_kept_as_far_as_it_can_be(httpserver, robot, plan, deliver, fresh, said) -> None:
    body = '{"errcode": 93000, "errmsg": "' + said + '"}'
    httpserver.expect_request("/cgi-bin/webhook/send").respond_with_data(body.encode())
    delivery = plan(robot)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("failed", "93000")
    assert fresh(delivery).platform_text[:4] in ("NUL ", "half", "长长长长", "<scr")


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_robots_message_that_was_posted_before_an_error_is_posted_once(
    taking, robot, plan, deliver, fresh, status
) -> None:
    posted = taking("/cgi-bin/webhook/send", status)
    delivery = plan(robot)
    deliver()
    deliver(LATER)
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("unknown", str(status))
    assert posted == ["今晚八点开抢"]


@pytest.mark.parametrize(
    ("code", "status", "state"), [(45009, 500, "planned"), (-1, 503, "planned"), (40058, 500, "unknown")]
)
def test_a_robots_own_code_under_a_server_error_ends_the_doubt_where_it_says_later(
    httpserver, robot, plan, deliver, fresh, code, status, state
) -> None:
    answer = {"errcode": code, "errmsg": "its words"}
    httpserver.expect_request("/cgi-bin/webhook/send").respond_with_json(answer, status=status)
    delivery = plan(robot)
    deliver()
    row = fresh(delivery)
    assert (row.state, row.platform_code, row.platform_text) == (state, str(code), "its words")
    assert Attempt.objects.get().http_status == status


# --- sandbox -------------------------------------------------------------------------------------------


def test_the_same_delivery_is_one_post_in_the_room(plan, room, deliver) -> None:
    from messaging.services.sending import _outgoing

    delivery = plan(room)
    message = _outgoing(delivery, (Part("一次"),), NOON, NOON)
    for _ in range(2):
        registry.get("sandbox").send(message)
    assert list(SandboxPost.objects.values_list("text", "at")) == [("一次", NOON)]


# --- settings ------------------------------------------------------------------------------------------

HOOK = {"url": "https://example.com/h", "secret": "s"}


@pytest.mark.parametrize(
    ("platform", "config", "key"),
    [
        ("sandbox", {"x": 1}, "x"),
        ("webhook", {}, "url"),
        ("webhook", HOOK | {"url": 5}, "url"),
        ("webhook", HOOK | {"url": "https://10.0.0.1/"}, "url"),
        ("webhook", HOOK | {"url": "https://example.com/\x00"}, "url"),
        ("webhook", {"url": "https://example.com/"}, "secret"),
        ("webhook", HOOK | {"secret": ""}, "secret"),
        ("webhook", HOOK | {"secret": "s" * 301}, "secret"),
        ("webhook", HOOK | {"secret": "whsec_not base64"}, "secret"),
        ("webhook", HOOK | {"secret": "whsec_"}, "secret"),
        ("webhook", HOOK | {"secret": "half \ud83d"}, "secret"),
        ("webhook", HOOK | {"drops_repeats": "yes"}, "drops_repeats"),
        ("webhook", HOOK | {"ur1": "x"}, "ur1"),
        ("wecom_robot", {}, "key"),
        ("wecom_robot", {"key": "a&b"}, "key"),
        ("wecom_robot", {"key": "k" * 201}, "key"),
        ("wecom_robot", {"key": "k", "base_url": "http://example.com"}, "base_url"),
        ("wecom_robot", {"key": "k", "base_url": "https://example.com/?x=1"}, "base_url"),
    ],
)
def test_settings_that_cannot_work_are_refused_naming_the_setting(platform, config, key) -> None:
    with pytest.raises(ConfigRefused) as caught:
        registry.get(platform).read_config(config)
    assert (caught.value.extra["key"], caught.value.field) == (key, "config")


def test_nothing_secret_is_among_what_people_may_see() -> None:
    hook = registry.get("webhook").read_config(HOOK | {"url": "https://example.com/secret-path"})
    robot = registry.get("wecom_robot").read_config({"key": ROBOT_KEY})
    assert hook.config == {"hint": "example.com"}
    assert robot.config == {"hint": "…5aaa", "base_url": "https://qyapi.weixin.qq.com"}
