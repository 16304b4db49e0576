"""The DingTalk group robot, played by a local HTTP server with its documented bodies."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from werkzeug import Request

from community_ops.common import assets, dbtime
from community_ops.common.net import MAX_URL_LENGTH
from messaging.errors import ConfigRefused
from messaging.models import SendBudget
from messaging.platforms import registry
from messaging.platforms.base import Content, Part
from messaging.platforms.dingtalk_robot.adapter import signature
from messaging.platforms.http_calls import json_body
from messaging.policies import size_problem
from tests.common.test_pictures import drawn
from tests.messaging.conftest import make_endpoint
from tests.moments import NOON

pytestmark = pytest.mark.django_db
SEND = "/robot/send"
TOKEN, SECRET = "566cc69da782ec0a1b2c3d4e5f60718293", "SECtestsecret123"
LATER = NOON + timedelta(hours=1)
ADAPTER = registry.get("dingtalk_robot")
OK = {"errcode": 0, "errmsg": "ok"}
TOO_FAST = {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}


def sent(httpserver) -> list[Request]:
    return [request for request, _ in httpserver.log]


def bodies(httpserver) -> list[dict]:
    return [json.loads(request.data) for request in sent(httpserver)]


@pytest.fixture
def robot(workspace, httpserver):
    base_url = httpserver.url_for("").rstrip("/")
    return make_endpoint(workspace, "dingtalk_robot", access_token=TOKEN, secret=SECRET, base_url=base_url)


@pytest.fixture
def accepting(httpserver):
    httpserver.expect_request(SEND, method="POST").respond_with_json(OK)
    return httpserver


def answering(httpserver, *answers) -> None:
    for content in answers:
        httpserver.expect_ordered_request(SEND).respond_with_json(content)


def test_the_signature_is_what_openssl_makes() -> None:
    """printf '%s\\n%s' 1760000000000 SECtestsecret123 | openssl dgst -sha256 -hmac SECtestsecret123 -binary | base64"""
    assert signature("SECtestsecret123", "1760000000000") == "8wmVMQrdSukEucBUlN6Aq/r7/v9r8Of4kWs53nyqdx4="


def test_the_address_is_signed_with_the_databases_time(accepting, robot, plan, deliver) -> None:
    before = dbtime.now()
    plan(robot)
    deliver()
    (request,) = sent(accepting)
    stamp = request.args["timestamp"]
    made = hmac.new(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256).digest()
    assert request.args["access_token"] == TOKEN
    assert request.args["sign"] == base64.b64encode(made).decode()
    assert abs(int(stamp) - before.timestamp() * 1000) < 60_000
    assert not {"+", "/"} & set(request.query_string.decode().partition("sign=")[2])


def test_a_robot_without_a_secret_is_called_unsigned(accepting, workspace, plan, deliver) -> None:
    base_url = accepting.url_for("").rstrip("/")
    plan(make_endpoint(workspace, "dingtalk_robot", access_token=TOKEN, base_url=base_url))
    deliver()
    assert sent(accepting)[0].query_string.decode() == f"access_token={TOKEN}"


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("还剩 **3** 件 <b> _x_ @138", {"text": {"content": "还剩 **3** 件 <b> _x_ @138"}}),
        (
            "@[李姐](manager4321) 和 @[王哥](13800001111)",
            {
                "text": {"content": "@manager4321 和 @13800001111"},
                "at": {"atUserIds": ["manager4321"], "atMobiles": ["13800001111"]},
            },
        ),
        ("@[所有人](all) 开抢", {"text": {"content": "@所有人 开抢"}, "at": {"isAtAll": True}}),
    ],
)
def test_a_text_arrives_as_written_and_mentions_whom_it_names(
    accepting, robot, plan, deliver, fresh, text, body
) -> None:
    delivery = plan(robot, text=text)
    deliver()
    assert bodies(accepting) == [{"msgtype": "text", **body}]
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("accepted", "0")


def test_markdown_has_a_title_and_its_mentions(accepting, robot, plan, deliver) -> None:
    plan(robot, text="# **开抢**\n> 限 3 件\n@[李姐](lijie)", is_markdown=True)
    deliver()
    assert bodies(accepting) == [
        {
            "msgtype": "markdown",
            "markdown": {"title": "开抢", "text": "# **开抢**  \n> 限 3 件\n\n@lijie"},
            "at": {"atUserIds": ["lijie"]},
        }
    ]


@pytest.mark.parametrize("sign", ["👨‍👩‍👧‍👦", "🇨🇳"])
def test_a_title_ends_between_signs(accepting, robot, plan, deliver, sign) -> None:
    plan(robot, text="字" * 39 + sign + "后", is_markdown=True)
    deliver()
    assert bodies(accepting)[0]["markdown"]["title"] == "字" * 39


@pytest.mark.parametrize(
    ("text", "spelled"),
    [("例子：`@[所有人](all)`", "例子：`@[所有人](all)`"), ("```\n@[李姐](lijie)\n```", "`@[李姐](lijie)`")],
)
def test_a_mention_in_code_calls_nobody(accepting, robot, plan, deliver, text, spelled) -> None:
    plan(robot, text=text, is_markdown=True)
    deliver()
    (body,) = bodies(accepting)
    assert (body["markdown"]["text"], "at" in body) == (spelled, False)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("**粗** *斜* `a_b`", "**粗** *斜* `a_b`"),
        ("[词_语](https://a.cn/a_b)", "[词\\_语](https://a.cn/a_b)"),
        ("- 一\n- 二\n后", "- 一  \n- 二\n\n后"),
        ("一\n二\n\n三", "一  \n二\n\n三"),
        ("2*3*4 snake_case_name <font color=red>", "2\\*3\\*4 snake\\_case\\_name \\<font color=red>"),
        ("#话题 ![x](y) a\\b", "\\#话题 !\\[x\\](y) a\\\\b"),
        ("---", "\\---"),
    ],
)
def test_markdown_is_spelled_as_dingtalk_reads_it(text, spelled) -> None:
    assert ADAPTER.spelled(text, is_markdown=True) == spelled


def test_an_image_stands_in_the_markdown(accepting, robot, plan, deliver, workspace) -> None:
    image = assets.store_image(SimpleUploadedFile("x.png", drawn()), workspace_id=workspace.pk)
    plan(robot, text="**看图**", is_markdown=True, image_id=image.pk)
    deliver()
    text = f"![]({assets.public_link(image)})\n\n**看图**"
    assert bodies(accepting) == [{"msgtype": "markdown", "markdown": {"title": "看图", "text": text}}]


def test_an_image_goes_before_a_text_without_marks(accepting, robot, plan, deliver, workspace, fresh) -> None:
    image = assets.store_image(SimpleUploadedFile("x.png", drawn()), workspace_id=workspace.pk)
    delivery = plan(robot, text="看 *图*", image_id=image.pk)
    deliver()
    assert bodies(accepting) == [
        {"msgtype": "markdown", "markdown": {"title": "🖼", "text": f"![]({assets.public_link(image)})"}},
        {"msgtype": "text", "text": {"content": "看 *图*"}},
    ]
    assert fresh(delivery).state == "accepted"


def test_a_long_markdown_goes_after_its_image() -> None:
    parts = ADAPTER.parts(Content(text="长" * 6000, is_markdown=True, has_image=True))
    assert parts == (Part(has_image=True), Part("长" * 6000))


@pytest.mark.parametrize("text", ['"' * 15_900, "\n".join(["* 一"] * 3000), "长" * 5900, "\\" * 9000, "字" * 5500])
def test_no_call_with_an_image_is_longer_than_dingtalk_takes(text) -> None:
    """Quote signs count two in the JSON that goes out, and an image's address counts too."""
    longest = "https://ops.example/" + "x" * (MAX_URL_LENGTH - 20)
    for part in ADAPTER.parts(Content(text=text, is_markdown=True, has_image=True)):
        body = ADAPTER._content(part.text, is_markdown=True, picture_url=longest if part.has_image else "")
        assert len(json_body(body)) <= 20_000


def test_a_text_that_fits_beside_its_image_goes_in_one_call() -> None:
    assert ADAPTER.parts(Content(text="长" * 5700, is_markdown=True, has_image=True)) == (Part("长" * 5700, True),)


def test_the_whole_body_is_measured_in_bytes() -> None:
    frame = len('{"msgtype":"text","text":{"content":""}}')
    assert ADAPTER.size_of("🎉长\n", is_markdown=False) == frame + 4 + 3 + 2
    assert size_problem("dingtalk_robot", "x" * (20_000 - frame)) is None
    assert "20001" in str(size_problem("dingtalk_robot", "x" * (20_001 - frame)))


def test_a_long_text_goes_out_in_order_and_only_where_it_may_be_cut(accepting, robot, plan, deliver, fresh) -> None:
    text = "".join(f"第{number}句话在这里说完了。" for number in range(1000, 1900))
    whole, refused = plan(robot, text=text, may_split=True), plan(robot, text=text)
    deliver()
    assert "".join(body["text"]["content"] for body in bodies(accepting)) == text
    assert [len(request.data) <= 20_000 for request in sent(accepting)] == [True, True]
    assert (fresh(whole).state, fresh(refused).reason) == ("accepted", "too_long")


@pytest.mark.parametrize("answer", [TOO_FAST, {"status": 1111, "wait": 5, **TOO_FAST}, {**TOO_FAST, "errcode": 410100}])
def test_a_robot_that_was_too_fast_rests_for_ten_minutes(
    httpserver, robot, plan, deliver, fresh, cooled, answer
) -> None:
    answering(httpserver, answer, OK)
    first, second = plan(robot), plan(robot)
    deliver()
    rows = [fresh(first), fresh(second)]
    budget = SendBudget.objects.get(scope="connection", scope_id=robot.connection.identity_id)
    assert [row.state for row in rows] == ["planned", "planned"]
    assert len(sent(httpserver)) == 1
    assert 590 < (budget.cooldown_until - dbtime.now()).total_seconds() <= 600
    cooled()
    httpserver.expect_request(SEND).respond_with_json(OK)
    deliver(LATER)
    assert fresh(first).state == "accepted"


@pytest.mark.parametrize("status", [200, 403, 429, 503, 502])
@pytest.mark.parametrize("page", ["{}", "<html><body>\n{}</body></html>"])
def test_an_address_that_called_too_often_waits_five_minutes_and_nothing_is_in_doubt(
    httpserver, robot, plan, deliver, fresh, cooled, status, page
) -> None:
    """Documented by DingTalk: "返回的是一个html页面", with this in it."""
    block = '{\n  "status":1111,\n  "wait":5,\n  "source":"x5",\n  "punish":"deny",\n  "uuid":"9ff0"\n}'
    httpserver.expect_oneshot_request(SEND).respond_with_data(page.replace("{}", block), status=status)
    first, second = plan(robot), plan(robot)
    deliver()
    row, budget = fresh(first), SendBudget.objects.get(scope="connection", scope_id=robot.connection.identity_id)
    assert (row.state, row.platform_code, fresh(second).state) == ("planned", "address_blocked", "planned")
    assert row.platform_text == '{ "status":1111, "wait":5, "source":"x5", "punish":"deny", "uuid":"9ff0" }'
    assert 290 < (budget.cooldown_until - dbtime.now()).total_seconds() <= 300
    assert len(sent(httpserver)) == 1
    cooled()
    httpserver.expect_request(SEND).respond_with_json(OK)
    deliver(LATER)
    assert [fresh(one).state for one in (first, second)] == ["accepted", "accepted"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (310000, "sign not match"),
        (310000, "keywords not in content"),
        (300001, "token is not exist"),
        (400101, "access_token不存在"),
        (430101, "含有不安全的外链"),
        (460101, "message too long, exceed 20000 bytes"),
        (99999, "unheard of"),
    ],
)
def test_every_other_code_fails_at_once(httpserver, robot, plan, deliver, fresh, code, words) -> None:
    httpserver.expect_request(SEND).respond_with_json({"errcode": code, "errmsg": words})
    delivery = plan(robot)
    deliver()
    deliver(LATER)
    row = fresh(delivery)
    assert (row.state, row.platform_code, row.platform_text) == ("failed", str(code), words)
    assert len(sent(httpserver)) == 1


def test_a_busy_platform_is_tried_three_times_at_most(httpserver, robot, plan, deliver, fresh) -> None:
    httpserver.expect_request(SEND).respond_with_json({"errcode": -1, "errmsg": "系统繁忙"})
    delivery = plan(robot)
    for hours in range(5):
        deliver(NOON + timedelta(hours=hours))
    assert (fresh(delivery).reason, fresh(delivery).attempt_count) == ("gave_up", 3)


@pytest.mark.parametrize(
    ("body", "status", "state", "code"),
    [
        ("", 503, "planned", "503"),
        ("<html>", 502, "unknown", "502"),
        ('{"errcode": -1, "errmsg": "系统繁忙"}', 500, "planned", "-1"),
        ("<html>", 200, "unknown", "unreadable"),
        ("{}", 200, "unknown", "unreadable"),
        ("no", 404, "failed", "404"),
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


def test_no_secret_is_in_a_line_or_an_answer(httpserver, robot, plan, deliver, fresh, caplog) -> None:
    caplog.set_level("DEBUG")
    httpserver.expect_request(SEND).respond_with_json({"errcode": 310000, "errmsg": f"bad {TOKEN} {SECRET}"})
    delivery = plan(robot)
    deliver()
    lines = [line.getMessage() for line in caplog.records if line.name != "werkzeug"]
    assert fresh(delivery).platform_text == "bad … …"
    assert not [line for line in lines if TOKEN in line or SECRET in line]


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({}, "access_token"),
        ({"access_token": "https://oapi.dingtalk.com/robot/send?access_token=x"}, "access_token"),
        ({"access_token": "t" * 201}, "access_token"),
        ({"access_token": "t", "secret": "not from there"}, "secret"),
        ({"access_token": "t", "secret": "abc123"}, "secret"),
        ({"access_token": "t", "base_url": "https://example.com"}, "base_url"),
        ({"access_token": "t", "token": "x"}, "token"),
    ],
)
def test_settings_that_cannot_work_are_refused_naming_the_setting(config, key) -> None:
    with pytest.raises(ConfigRefused) as caught:
        ADAPTER.read_config(config)
    assert caught.value.extra["key"] == key


def test_nothing_secret_is_among_what_people_may_see() -> None:
    account = ADAPTER.read_config({"access_token": TOKEN, "secret": SECRET})
    assert account.config == {"hint": "…8293", "base_url": "https://oapi.dingtalk.com"}
    assert account.secret == {"access_token": TOKEN, "secret": SECRET}
