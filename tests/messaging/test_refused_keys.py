"""An account whose key the platform refuses again and again is left alone, and goes on by itself or by a new key."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import translation

from community_ops.common import clock, dbtime
from community_ops.common.net import Answer
from messaging import selectors, services
from messaging.models import Delivery, Endpoint, SendBudget
from messaging.platforms import registry
from messaging.platforms.base import Scope
from messaging.platforms.discord.adapter import _judged as discord
from messaging.platforms.telegram.adapter import _judged as telegram
from messaging.policies import rest_after
from messaging.services.limits import BOOK
from tests.messaging.conftest import SECRET, make_endpoint
from tests.moments import NOON

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
SLACK = "-".join(("xoxb", "17653672481", "19874698323", "pdFZKVeTuE8sk7oOHcbrzqgy"))  # in pieces: it is nobody's


@pytest.fixture
def dead(httpserver) -> None:
    """A receiver that knows no such key."""
    httpserver.expect_request("/hook").respond_with_data("who are you?", status=401)


def states() -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for state in Delivery.objects.values_list("state", "reason"):
        found[state] = found.get(state, 0) + 1
    return found


def rest_left() -> float:
    """Seconds."""
    return (SendBudget.objects.get(scope="connection").cooldown_until - dbtime.now()).total_seconds()


def rest_is_over() -> None:
    SendBudget.objects.update(cooldown_until=dbtime.now() - timedelta(seconds=1))
    BOOK.forget()


def has_new_key(hook: Endpoint, httpserver, owner, now) -> None:
    httpserver.clear()
    httpserver.expect_request("/hook").respond_with_data("ok")
    config = {"url": httpserver.url_for("/hook"), "secret": "another"}
    services.update_endpoint(endpoint=hook, name=hook.name, config=config, actor=owner.actor, now=now)


@pytest.mark.usefixtures("dead")
def test_after_five_refusals_in_a_row_the_rest_waits_with_a_reason(hook, plan, deliver, httpserver) -> None:
    for _ in range(40):
        plan(hook)

    deliver()

    assert len(httpserver.log) == 5
    assert states() == {("failed", "refused"): 5, ("planned", "key_refused"): 35}
    assert set(Delivery.objects.filter(state="planned").values_list("attempt_count", flat=True)) == {0}
    assert rest_left() == pytest.approx(600, abs=5)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("dead")
def test_of_forty_messages_on_eight_threads_a_dead_key_costs_no_more_than_the_calls_under_way(
    hook, plan, httpserver, owner
) -> None:
    for _ in range(40):
        plan(hook, due_at=clock.now())

    services.run_deliveries(worker="tests", senders=8)

    refused = len(httpserver.log)
    assert 5 <= refused <= 13
    assert states()["failed", "refused"] == refused
    assert Delivery.objects.filter(state="planned", attempt_count=0).count() == 40 - refused
    with translation.override("en"):
        failing = selectors.failing_endpoints(workspace_id=hook.workspace_id, endpoint_ids=[hook.pk])
    assert "refused the key of this account" in failing[hook.pk]

    has_new_key(hook, httpserver, owner, clock.now())
    services.run_deliveries(worker="tests", now=lambda: clock.now() + MINUTE)  # by then every worker knows it

    assert states() == {("failed", "refused"): refused, ("accepted", ""): 40 - refused}
    assert selectors.failing_endpoints(workspace_id=hook.workspace_id, endpoint_ids=[hook.pk]) == {}


@pytest.mark.usefixtures("dead")
def test_each_look_after_a_rest_makes_the_next_rest_longer(hook, plan, deliver, httpserver) -> None:
    for _ in range(20):
        plan(hook)
    deliver()
    for number, minutes in ((6, 20), (7, 40)):
        rest_is_over()
        Delivery.objects.filter(state="planned").update(next_try_at=NOON)
        deliver()
        assert (len(httpserver.log), round(rest_left() / 60)) == (number, minutes)
    assert [rest_after(count) // MINUTE for count in (5, 8, 10, 11, 105)] == [10, 80, 320, 360, 360]


def test_an_acceptance_in_between_begins_the_count_anew(httpserver, hook, plan, deliver) -> None:
    for status in (401, 403, 401, 401, 200, 401, 401, 401, 401):
        httpserver.expect_ordered_request("/hook").respond_with_data("", status=status)
    for _ in range(9):
        plan(hook)

    deliver()

    assert states() == {("failed", "refused"): 8, ("accepted", ""): 1}
    assert SendBudget.objects.get().refused_count == 4


@pytest.mark.usefixtures("dead")
def test_refusals_far_apart_are_not_in_a_row(hook, plan, deliver) -> None:
    for _ in range(7):
        plan(hook)
        deliver()
        SendBudget.objects.update(refused_at=dbtime.now() - 6 * MINUTE)
    assert (states(), SendBudget.objects.get().refused_count) == ({("failed", "refused"): 7}, 1)


@pytest.mark.usefixtures("dead")
def test_another_account_goes_on(hook, plan, deliver, httpserver, workspace) -> None:
    httpserver.expect_request("/other").respond_with_data("ok")
    other = make_endpoint(workspace, "webhook", url=httpserver.url_for("/other"), secret=SECRET)
    for _ in range(8):
        plan(hook)
        plan(other)
    deliver()
    assert states() == {("failed", "refused"): 5, ("planned", "key_refused"): 3, ("accepted", ""): 8}


@pytest.mark.usefixtures("dead")
def test_a_test_message_goes_out_all_the_same_and_ends_the_rest_when_it_is_accepted(
    hook, plan, deliver, httpserver, owner
) -> None:
    for _ in range(6):
        plan(hook)
    deliver()
    httpserver.clear()
    httpserver.expect_request("/hook").respond_with_data("ok")

    services.send_test_message(endpoint=hook, actor=owner.actor, now=NOON)
    deliver(NOON + MINUTE)

    assert states() == {("failed", "refused"): 5, ("accepted", ""): 1}


@pytest.mark.usefixtures("dead")
def test_the_channels_page_says_why_nothing_goes_out_and_what_to_do(
    hook, plan, deliver, signed_in, owner, workspace
) -> None:
    for _ in range(6):
        plan(hook)
    deliver()
    address = reverse("messaging:endpoint_edit", args=[workspace.slug, hook.pk])
    page = signed_in(owner).get(address, headers={"Accept-Language": "en"}).content.decode()
    assert "refused the key of this account several times in a row" in page
    assert "Else it is tried again at" in page


@pytest.mark.parametrize(
    ("platform", "config", "path", "status", "body", "refuses"),
    [
        ("wecom_robot", {"key": "k"}, "/cgi-bin/webhook/send", 200, {"errcode": 93000}, True),
        ("wecom_robot", {"key": "k"}, "/cgi-bin/webhook/send", 200, {"errcode": 40058}, False),
        ("dingtalk_robot", {"access_token": "t"}, "/robot/send", 200, {"errcode": 400101}, True),
        ("dingtalk_robot", {"access_token": "t"}, "/robot/send", 200, {"errcode": 310000}, False),
        ("feishu_robot", {"hook": "h"}, "/open-apis/bot/v2/hook/h", 400, {"code": 19001}, True),
        ("feishu_robot", {"hook": "h"}, "/open-apis/bot/v2/hook/h", 200, {"code": 19024}, False),
        ("slack", {"token": SLACK, "chat": "C123ABC456"}, "/api/chat.postMessage", 200, "invalid_auth", True),
        ("slack", {"token": SLACK, "chat": "C123ABC456"}, "/api/chat.postMessage", 200, "not_in_channel", False),
    ],
)
def test_only_a_code_about_the_key_counts(
    httpserver, workspace, plan, deliver, platform, config, path, status, body, refuses
) -> None:
    answer = {"ok": False, "error": body} if isinstance(body, str) else body
    httpserver.expect_request(path).respond_with_json(answer, status=status)
    plan(make_endpoint(workspace, platform, **config, base_url=httpserver.url_for("").rstrip("/")))
    deliver()
    assert SendBudget.objects.filter(scope="connection", refused_count=1).exists() is refuses


def test_a_channel_that_a_bot_may_not_write_in_is_not_its_key() -> None:
    def judged(judge, status: int, body: bytes) -> bool:
        return judge(Answer(status, body)).refuses_key

    assert judged(discord, 401, b'{"message": "401: Unauthorized", "code": 0}')
    assert judged(discord, 403, b"<html>blocked")
    assert not judged(discord, 403, b'{"message": "Missing Access", "code": 50001}')
    assert judged(telegram, 401, b'{"ok": false, "error_code": 401, "description": "Unauthorized"}')
    assert not judged(telegram, 403, b'{"ok": false, "error_code": 403, "description": "Forbidden: bot was kicked"}')


# --- an answer that says how much room is left -----------------------------------------------------------


@pytest.mark.parametrize(
    ("remaining", "reset_after", "seconds"),
    [("0", "4.25", 4.25), ("1", "4.25", None), ("0", "soon", None), ("0", "", None), ("", "4.25", None)],
)
def test_a_success_that_empties_a_channels_bucket_lets_the_channel_wait(
    httpserver, workspace, plan, deliver, fresh, remaining, reset_after, seconds
) -> None:
    headers = {"X-RateLimit-Remaining": remaining, "X-RateLimit-Reset-After": reset_after}
    httpserver.expect_request("/api/v10/channels/41771983423143937/messages").respond_with_json(
        {"id": "334385199974967042"}, headers=headers
    )
    base_url = httpserver.url_for("").rstrip("/")
    chat = make_endpoint(
        workspace, "discord", token=".".join(("a" * 24, "b" * 6, "c" * 27)), chat="41771983423143937", base_url=base_url
    )
    first, second = plan(chat), plan(chat)

    deliver()

    assert fresh(first).state == "accepted"
    cooling = SendBudget.objects.filter(cooldown_until__gt=dbtime.now())
    if seconds is None:
        assert (fresh(second).state, cooling.exists()) == ("accepted", False)
        return
    assert (fresh(second).state, fresh(second).reason, fresh(second).attempt_count) == ("planned", "limit", 0)
    (budget,) = cooling
    assert (budget.scope, budget.scope_id) == (Scope.ENDPOINT, chat.identity_id)
    assert (budget.cooldown_until - dbtime.now()).total_seconds() == pytest.approx(seconds, abs=3)
    assert len(httpserver.log) == 1
    assert registry.get("discord").capabilities.limits  # its own 50 a second stay
