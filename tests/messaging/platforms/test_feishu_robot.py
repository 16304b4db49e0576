"""The group robot of Feishu and Lark, played by a local HTTP server with its documented bodies."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from werkzeug import Request

from community_ops.common import assets, dbtime
from community_ops.common.net import Answer
from messaging import services
from messaging.errors import ConfigRefused
from messaging.models import Connection, SendBudget
from messaging.platforms import registry
from messaging.platforms.base import Limit
from messaging.platforms.feishu_robot.adapter import signature
from messaging.policies import size_problem
from tests.common.test_pictures import drawn
from tests.factories.people import SYSTEM
from tests.messaging.conftest import make_endpoint
from tests.moments import NOON

pytestmark = pytest.mark.django_db
HOOK, SECRET = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9", "feishusecret123"
SEND = f"/open-apis/bot/v2/hook/{HOOK}"
LATER = NOON + timedelta(hours=1)
ADAPTER = registry.get("feishu_robot")
OK = {"code": 0, "msg": "success", "data": {}, "Extra": None, "StatusCode": 0, "StatusMessage": "success"}
OLD_OK = {"Extra": None, "StatusCode": 0, "StatusMessage": "success"}


def sent(httpserver) -> list[Request]:
    return [request for request, _ in httpserver.log]


def bodies(httpserver) -> list[dict]:
    return [json.loads(request.data) for request in sent(httpserver)]


@pytest.fixture
def robot(workspace, httpserver):
    """Without a signing secret."""
    return make_endpoint(workspace, "feishu_robot", hook=HOOK, base_url=httpserver.url_for("").rstrip("/"))


@pytest.fixture
def accepting(httpserver):
    httpserver.expect_request(SEND, method="POST").respond_with_json(OK)
    return httpserver


def card(content: str) -> dict:
    body = {"elements": [{"tag": "markdown", "content": content}]}
    return {"msg_type": "interactive", "card": {"schema": "2.0", "body": body}}


def test_the_signature_is_what_openssl_makes() -> None:
    """printf '' | openssl dgst -sha256 -mac HMAC -macopt hexkey:<1599360473, new line, secret> -binary | base64"""
    assert signature("feishusecret123", "1599360473") == "dY+83bQlW2wT2TLQbFheLYd1dRSDOZQfcNaNbJ+sWx8="


def test_a_robot_with_a_secret_gets_a_signed_body(accepting, workspace, plan, deliver) -> None:
    before = dbtime.now()
    base_url = accepting.url_for("").rstrip("/")
    plan(make_endpoint(workspace, "feishu_robot", hook=HOOK, secret=SECRET, base_url=base_url), text="开抢")
    deliver()
    (body,) = bodies(accepting)
    made = hmac.new(f"{body['timestamp']}\n{SECRET}".encode(), digestmod=hashlib.sha256).digest()
    assert body["sign"] == base64.b64encode(made).decode()
    assert abs(int(body["timestamp"]) - before.timestamp()) < 60
    assert body == {
        "timestamp": body["timestamp"],
        "sign": body["sign"],
        "msg_type": "text",
        "content": {"text": "开抢"},
    }


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("还剩 **3** 件 _x_ 2 < 3 & 4 > 1", "还剩 **3** 件 _x_ 2 < 3 & 4 > 1"),
        ("@[李姐](ou_18eac8) 好", '<at user_id="ou_18eac8">李姐</at> 好'),
        ("@[所有人](all) 开抢", '<at user_id="all">所有人</at> 开抢'),
        ('<at user_id="all">骗</at> @all', '<\u200bat user_id="all">骗<\u200b/at> @all'),
        ("[词](https://a.cn)", "[词]\u200b(https://a.cn)"),
    ],
)
def test_a_text_arrives_as_written_and_mentions_whom_it_names(
    accepting, robot, plan, deliver, fresh, text, spelled
) -> None:
    delivery = plan(robot, text=text)
    deliver()
    assert bodies(accepting) == [{"msg_type": "text", "content": {"text": spelled}}]
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("accepted", "0")


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("## 开抢\n**粗** *斜* `a_b`", "## 开抢\n**粗** *斜* `a_b`"),
        ("@[李姐](ou_18eac8) @[所有人](all)", "<at id=ou_18eac8></at> <at id=all></at>"),
        ("> 引\n- 一\n- 二\n后", "> 引\n\n- 一\n- 二\n\n后"),
        ("[词_语](https://a.cn/a_b)", "[词&#95;语](https://a.cn/a_b)"),
        ("<at id=all></at> 2*3 a_b", "&#60;at id=all&#62;&#60;/at&#62; 2&#42;3 a&#95;b"),
        ("&#42; a\\b |x|", "&#38;&#35;42; a&#92;b &#124;x&#124;"),
        ("---", "&#45;--"),
        ("`@[所有人](all) <at id=all></at>`", "`@[所有人](all) <\u200bat id=all><\u200b/at>`"),
        ("```\n@[所有人](all)\n```", "`@[所有人](all)`"),
    ],
)
def test_markdown_is_a_card(accepting, robot, plan, deliver, text, spelled) -> None:
    plan(robot, text=text, is_markdown=True)
    deliver()
    assert bodies(accepting) == [card(spelled)]


def test_an_image_stays_behind_where_none_can_be_uploaded(accepting, robot, plan, deliver, workspace, fresh) -> None:
    image = assets.store_image(SimpleUploadedFile("x.png", drawn()), workspace_id=workspace.pk)
    delivery = plan(robot, text="看图", image_id=image.pk)
    deliver()
    assert bodies(accepting) == [{"msg_type": "text", "content": {"text": "看图"}}]
    assert fresh(delivery).state == "accepted"


def test_the_whole_body_is_measured_in_bytes_with_its_signature() -> None:
    frame = len('{"timestamp":"","sign":"","msg_type":"text","content":{"text":""}}') + 10 + 44
    assert ADAPTER.size_of("🎉长\n", is_markdown=False) == frame + 4 + 3 + 2
    assert size_problem("feishu_robot", "x" * (20_000 - frame)) is None
    assert "20001" in str(size_problem("feishu_robot", "x" * (20_001 - frame)))


def test_a_long_text_goes_out_in_order_and_only_where_it_may_be_cut(accepting, robot, plan, deliver, fresh) -> None:
    text = "".join(f"第{number}句话在这里说完了。" for number in range(1000, 1900))
    whole, refused = plan(robot, text=text, may_split=True), plan(robot, text=text)
    deliver()
    assert "".join(body["content"]["text"] for body in bodies(accepting)) == text
    assert [len(request.data) <= 20_000 for request in sent(accepting)] == [True, True]
    assert (fresh(whole).state, fresh(refused).reason) == ("accepted", "too_long")


@pytest.mark.parametrize("answer", [OK, OLD_OK])
def test_both_kinds_of_success_are_an_acceptance(httpserver, robot, plan, deliver, fresh, answer) -> None:
    httpserver.expect_request(SEND).respond_with_json(answer)
    delivery = plan(robot)
    deliver()
    row = fresh(delivery)
    assert (row.state, row.platform_code, row.platform_text) == ("accepted", "0", "success")


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        (11232, 200, "frequency limited"),
        (11232, 400, "frequency limited"),
        (99991400, 400, "request trigger frequency limit"),
        (99991400, 429, "request trigger frequency limit"),
        (9499, 400, "too many request"),
        (9499, 200, "Too Many Requests"),
        (1, 429, "unheard of"),
    ],
)
def test_too_fast_is_tried_later_and_the_robot_rests(
    httpserver, robot, plan, deliver, fresh, cooled, code, status, words
) -> None:
    httpserver.expect_oneshot_request(SEND).respond_with_json({"code": code, "msg": words, "data": {}}, status=status)
    first, second = plan(robot), plan(robot)
    deliver()
    row = fresh(first)
    assert (row.state, fresh(second).state) == ("planned", "planned")
    assert (row.platform_code, row.platform_text) == (str(code), words)
    assert SendBudget.objects.get(scope="connection").cooldown_until > dbtime.now()
    assert len(sent(httpserver)) == 1
    cooled()
    httpserver.expect_request(SEND).respond_with_json(OK)
    deliver(LATER)
    assert fresh(first).state == "accepted"


@pytest.mark.parametrize(("status", "header", "seconds"), [(429, "52", 52), (400, "52", 52), (429, "soon", 10)])
def test_the_gateway_says_how_long_to_wait(httpserver, robot, plan, deliver, status, header, seconds) -> None:
    answer = {"code": 99991400, "msg": "request trigger frequency limit"}
    httpserver.expect_request(SEND).respond_with_json(answer, status=status, headers={"x-ogw-ratelimit-reset": header})
    plan(robot)
    deliver()
    until = SendBudget.objects.get(scope="connection", scope_id=robot.connection.identity_id).cooldown_until
    assert seconds - 8 < (until - dbtime.now()).total_seconds() <= seconds


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("code", "words"),
    [
        (19021, "sign match fail or timestamp is not within one hour from current time"),
        (19022, "Ip Not Allowed"),
        (19024, "Key Words Not Found"),
        (19001, "param invalid: incoming webhook access token invalid"),
        (9499, "Bad Request"),
        (88888, "unheard of"),
    ],
)
def test_every_other_code_fails_at_once(httpserver, robot, plan, deliver, fresh, code, words, status) -> None:
    httpserver.expect_request(SEND).respond_with_json({"code": code, "msg": words, "data": {}}, status=status)
    delivery = plan(robot)
    deliver()
    deliver(LATER)
    row = fresh(delivery)
    assert (row.state, row.platform_code, row.platform_text) == ("failed", str(code), words)
    assert len(sent(httpserver)) == 1


@pytest.mark.parametrize("is_markdown", [False, True])
def test_a_picture_alone_is_nothing_to_send_and_said_before(
    accepting, workspace, robot, plan, deliver, fresh, is_markdown
) -> None:
    image = assets.store_image(SimpleUploadedFile("海报.png", drawn()), workspace_id=workspace.pk)
    delivery = plan(robot, text="", is_markdown=is_markdown, image_id=image.pk)
    send = services.PlannedSend(
        source_key="test:foreseen", endpoint_id=robot.pk, text="", is_markdown=is_markdown, image_id=image.pk,
        due_at=NOON, origin="test", origin_id=1, target_id=7,
    )  # fmt: skip
    (foreseen,) = services.foresee(workspace_id=workspace.pk, sends=[send], now=NOON).rows

    deliver()

    assert (fresh(delivery).state, fresh(delivery).reason) == ("failed", "nothing_to_send")
    assert (sent(accepting), foreseen.at, foreseen.reason) == ([], None, "nothing_to_send")


@pytest.mark.parametrize(
    ("body", "status", "state", "code"),
    [
        ("", 503, "planned", "503"),
        ('{"code": 11111}', 502, "unknown", "11111"),
        ('{"code": 11232, "msg": "frequency limited"}', 500, "planned", "11232"),
        ('{"code": 0}', 504, "unknown", "504"),
        ("<html>", 200, "unknown", "unreadable"),
        ("{}", 200, "unknown", "unreadable"),
        ('{"code": "0"}', 200, "unknown", "unreadable"),
        ('{"code": 0}', 404, "failed", "404"),
        ('{"code": "x"}', 400, "failed", "400"),
    ],
)
def test_other_answers_speak_for_themselves(httpserver, robot, plan, deliver, fresh, body, status, state, code) -> None:
    httpserver.expect_request(SEND).respond_with_data(body, status=status)
    delivery = plan(robot)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == (state, code)


def test_a_receiver_that_hangs_after_accepting_leaves_a_doubt(
    httpserver, hang_at, monkeypatch, robot, plan, deliver, fresh
) -> None:
    monkeypatch.setattr("community_ops.common.net.post.__kwdefaults__", {"timeout_seconds": 0.3})
    hang_at(SEND)
    delivery = plan(robot)
    deliver()
    deliver(LATER)
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("unknown", "no_answer")
    assert fresh(delivery).attempt_count == 1


def test_no_more_than_five_go_out_in_a_second(accepting, robot, plan, deliver, fresh) -> None:
    deliveries = [plan(robot) for _ in range(7)]
    deliver()
    assert len(sent(accepting)) == 5
    assert [fresh(one).reason for one in deliveries[5:]] == ["limit", "limit"]
    assert set(ADAPTER.capabilities.limits) == {Limit(5, 1), Limit(100, 60)}


def test_no_secret_is_in_a_line_or_an_answer(httpserver, workspace, plan, deliver, fresh, caplog) -> None:
    caplog.set_level("DEBUG")
    httpserver.expect_request(SEND).respond_with_json({"code": 19001, "msg": f"bad {HOOK} {SECRET}"})
    base_url = httpserver.url_for("").rstrip("/")
    delivery = plan(make_endpoint(workspace, "feishu_robot", hook=HOOK, secret=SECRET, base_url=base_url))
    deliver()
    lines = [line.getMessage() for line in caplog.records if line.name != "werkzeug"]
    assert fresh(delivery).platform_text == "bad … …"
    assert not [line for line in lines if HOOK in line or SECRET in line]


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({}, "hook"),
        ({"hook": f"https://open.feishu.cn{SEND}"}, "hook"),
        ({"hook": "h", "secret": "not from there"}, "secret"),
        ({"hook": "h", "region": "mars"}, "region"),
        ({"hook": "h", "base_url": "https://example.com"}, "base_url"),
        ({"hook": "h", "key": "x"}, "key"),
    ],
)
def test_settings_that_cannot_work_are_refused_naming_the_setting(config, key) -> None:
    with pytest.raises(ConfigRefused) as caught:
        ADAPTER.read_config(config)
    assert caught.value.extra["key"] == key


@pytest.mark.parametrize("base_url", ["https://open.feishu.cn", "https://open.larksuite.com"])
def test_both_of_its_own_hosts_are_allowed(base_url) -> None:
    assert ADAPTER.read_config({"hook": HOOK, "base_url": base_url}).config["base_url"] == base_url


def test_nothing_secret_is_among_what_people_may_see() -> None:
    account = ADAPTER.read_config({"hook": HOOK, "secret": SECRET})
    assert account.config == {"hint": "…e8f9", "region": "feishu"}
    assert account.secret == {"hook": HOOK, "secret": SECRET}


@pytest.mark.parametrize(
    ("region", "host"), [("feishu", "https://open.feishu.cn"), ("lark", "https://open.larksuite.com")]
)
def test_the_region_says_which_host_is_called_also_after_a_change(workspace, monkeypatch, region, host) -> None:
    called = []
    monkeypatch.setattr(
        "community_ops.common.net.post", lambda url, **_: called.append(url) or Answer(200, json.dumps(OK).encode())
    )
    endpoint = make_endpoint(workspace, "feishu_robot", hook=HOOK)
    services.update_endpoint(endpoint=endpoint, name="新名", config={"region": region}, actor=SYSTEM, now=NOON)
    services.send_test_message(endpoint=endpoint, actor=SYSTEM, now=NOON)
    assert called == [f"{host}{SEND}"]
    assert Connection.objects.get().config["region"] == region
