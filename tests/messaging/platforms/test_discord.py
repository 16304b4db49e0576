"""Discord, played by a local server with the documented bodies of its REST interface."""

import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import translation
from werkzeug import Request, Response

from community_ops.common import assets, dbtime
from messaging.errors import ConfigRefused
from messaging.models import SendBudget
from messaging.platforms import registry
from messaging.platforms.base import Chat, ChatsUnknown
from tests.common.test_pictures import drawn
from tests.messaging.conftest import make_endpoint
from tests.moments import NOON

pytestmark = pytest.mark.django_db
TOKEN = ".".join(("MTk4NjIyNDgzNDcxOTI1MjQ4", "Cl2FMQ", "ZnCjm1XVW7vRze4b7Cq4se7kKWs"))  # in pieces: it is nobody's
CHANNEL, PERSON, OTHER = "290926798999357250", "80351110224678912", "80351110224678913"
SEND, GUILDS = f"/api/v10/channels/{CHANNEL}/messages", "/api/v10/users/@me/guilds"
YES = {"id": "334385199974967042", "channel_id": CHANNEL}
NOBODY = {"parse": [], "users": []}
LATER = NOON + timedelta(hours=1)
ADAPTER = registry.get("discord")


def no(status: int, body: dict | str, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body if isinstance(body, str) else json.dumps(body), status=status, headers=named)


def sent(httpserver) -> list[Request]:
    return [request for request, _ in httpserver.log]


def bodies(httpserver) -> list[dict]:
    return [json.loads(request.data) for request in sent(httpserver)]


@pytest.fixture(autouse=True)
def _closed(httpserver):
    """Uploads that the receiver keeps in temporary files."""
    yield
    for request in sent(httpserver):
        request.close()


@pytest.fixture
def chat(workspace, httpserver):
    return make_endpoint(workspace, "discord", token=TOKEN, chat=CHANNEL, base_url=httpserver.url_for("").rstrip("/"))


@pytest.fixture
def image(workspace):
    return assets.store_image(SimpleUploadedFile("海报.png", drawn()), workspace_id=workspace.pk)


# --- texts ---------------------------------------------------------------------------------------------


def test_the_call_is_the_documented_one(httpserver, chat, plan, deliver, fresh, settings) -> None:
    settings.PUBLIC_URL = "https://社群.example"
    httpserver.expect_request(SEND, method="POST").respond_with_json(YES)
    delivery = plan(chat, text="还剩 3 件")

    deliver()

    (request,) = sent(httpserver)
    assert json.loads(request.data) == {
        "content": "还剩 3 件",
        "nonce": str(delivery.pk),
        "enforce_nonce": True,
        "allowed_mentions": NOBODY,
    }
    assert request.headers["authorization"] == f"Bot {TOKEN}"
    assert request.headers["user-agent"] == "DiscordBot (https://%E7%A4%BE%E7%BE%A4.example, 1)"
    assert request.headers["content-type"].startswith("application/json")
    row = fresh(delivery)
    assert (row.state, row.platform_code, row.platform_message_id) == ("accepted", "200", YES["id"])


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("*a* _b_ ~~c~~ `d` ||e||", r"\*a\* \_b\_ \~\~c\~\~ \`d\` \|\|e\|\|"),
        ("# 一\n- 二\n> 三\n1. 四\n-# 五", "\\# 一\n\\- 二\n\\> 三\n1\\. 四\n\\-# 五"),
        ("一\n  - 二", "一\n  \\- 二"),
        ("<@80351110224678912> <#1> <:x:1> <t:1>", r"\<@80351110224678912> \<#1> \<\:x:1> \<t:1>"),
        ("[词](https://a.cn/a_b)", r"\[词\](https://a.cn/a_b)"),
        ("看https://a.cn/a_b?c=*d* *好*", r"看https://a.cn/a_b?c=*d* \*好\*"),
        ("https://a.cn/x_y. - 好", r"https://a.cn/x_y. - 好"),
        (":smile: 20:00 见", r"\:smile: 20:00 见"),
        (r"C:\Users", r"C:\\Users"),
        ("a-b 3.5 #1 @everyone @here", "a-b 3.5 #1 @everyone @here"),
    ],
)
def test_a_plain_text_is_escaped_so_that_it_arrives_as_written(httpserver, chat, plan, deliver, text, spelled) -> None:
    httpserver.expect_request(SEND).respond_with_json(YES)
    plan(chat, text=text)
    deliver()
    (body,) = bodies(httpserver)
    assert (body["content"], body["allowed_mentions"]) == (spelled, NOBODY)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("## 今晚 **八点**", "## 今晚 **八点**"),
        ("- 一\n> 二", "- 一\n> 二"),
        ("**注意：**今晚 *八点* `a_b`", "**注意：**今晚 *八点* `a_b`"),
        ("[看_这里](https://a.cn/x_y) [https://a.cn/](https://a.cn/)", r"[看\_这里](https://a.cn/x_y) https://a.cn/"),
        ("没关 ** _x_ ~~y~~", r"没关 \*\* \_x\_ \~\~y\~\~"),
        ("**a_b** #不是标题", r"**a\_b** \#不是标题"),
    ],
)
def test_markdown_is_native_and_what_is_no_mark_is_escaped(text, spelled) -> None:
    assert ADAPTER.spelled(text, is_markdown=True) == spelled


@pytest.mark.parametrize("is_markdown", [True, False])
@pytest.mark.parametrize(
    ("text", "spelled", "allowed"),
    [
        (f"@[李姐]({PERSON}) 好", f"<@{PERSON}> 好", {"parse": [], "users": [PERSON]}),
        (
            f"@[李]({PERSON})@[王]({OTHER})@[李]({PERSON})",
            f"<@{PERSON}><@{OTHER}><@{PERSON}>",
            {"parse": [], "users": [PERSON, OTHER]},
        ),
        ("@[所有人](all) 开抢", "@everyone 开抢", {"parse": ["everyone"], "users": []}),
        ("@[李_姐](lijie) 好", r"@李\_姐 好", NOBODY),
        ("@everyone <@80351110224678912>", r"@everyone \<@80351110224678912>", NOBODY),
    ],
)
def test_only_those_are_pinged_whom_the_text_mentions(
    httpserver, chat, plan, deliver, text, spelled, allowed, is_markdown
) -> None:
    httpserver.expect_request(SEND).respond_with_json(YES)
    plan(chat, text=text, is_markdown=is_markdown)
    deliver()
    (body,) = bodies(httpserver)
    assert (body["content"], body["allowed_mentions"]) == (spelled, allowed)


def test_a_mention_in_code_pings_nobody(httpserver, chat, plan, deliver) -> None:
    httpserver.expect_request(SEND).respond_with_json(YES)
    plan(chat, text=f"`@[所有人](all)`\n```\n@[李姐]({PERSON})\n```", is_markdown=True)
    deliver()
    (body,) = bodies(httpserver)
    assert (body["content"], body["allowed_mentions"]) == (f"`@[所有人](all)`\n`@[李姐]({PERSON})`", NOBODY)


def test_at_most_a_hundred_people_are_pinged(httpserver, chat, plan, deliver) -> None:
    httpserver.expect_request(SEND).respond_with_json(YES)
    plan(chat, text="".join(f"@[a]({int(PERSON) + number})" for number in range(101)), may_split=True)
    deliver()
    assert all(len(body["allowed_mentions"]["users"]) <= 100 for body in bodies(httpserver))
    assert len(bodies(httpserver)[0]["allowed_mentions"]["users"]) >= 95


@pytest.mark.parametrize(
    ("text", "size"), [("🎉" * 10, 10), ("长" * 10, 10), ("*", 2), ("@[李](80351110224678912)", 20)]
)
def test_the_size_is_in_code_points_of_what_is_sent(text, size) -> None:
    assert ADAPTER.size_of(text, is_markdown=False) == size
    assert len(ADAPTER.spelled(text, is_markdown=False)) == size


def test_two_thousand_emoji_are_one_call_and_one_more_is_refused(httpserver, chat, plan, deliver, fresh) -> None:
    httpserver.expect_request(SEND).respond_with_json(YES)
    whole, more = plan(chat, text="🎉" * 2000), plan(chat, text="🎉" * 2001)
    deliver()
    assert (fresh(whole).state, fresh(more).state, fresh(more).reason) == ("accepted", "failed", "too_long")
    assert len(sent(httpserver)) == 1


def test_a_long_text_is_cut_in_order_and_each_part_has_its_nonce(httpserver, chat, plan, deliver, fresh) -> None:
    httpserver.expect_request(SEND).respond_with_json(YES)
    text = "\n\n".join(f"第{number}段" + "长" * 900 for number in range(5))
    delivery = plan(chat, text=text, may_split=True)
    deliver()
    deliver(LATER)
    pieces = bodies(httpserver)
    assert "\n\n".join(piece["content"] for piece in pieces) == text
    assert [piece["nonce"] for piece in pieces] == [f"{delivery.pk}.{number}" for number in (1, 2, 3)]
    assert max(len(piece["nonce"]) for piece in pieces) <= 25
    assert fresh(delivery).state == "accepted"


# --- images --------------------------------------------------------------------------------------------


def test_an_image_goes_in_the_same_call(httpserver, chat, plan, deliver, fresh, image) -> None:
    httpserver.expect_request(SEND, method="POST").respond_with_json(YES)
    delivery = plan(chat, text="**看**", is_markdown=True, image_id=image.pk)

    deliver()

    (request,) = sent(httpserver)
    content = {"content": "**看**", "nonce": str(delivery.pk), "enforce_nonce": True, "allowed_mentions": NOBODY}
    assert {key: json.loads(value) for key, value in request.form.items()} == {"payload_json": content}
    file = request.files["files[0]"]
    assert (file.filename, file.mimetype) == ("image.jpeg", "image/jpeg")
    assert file.read() == assets.read_bytes(image)
    assert request.headers["authorization"] == f"Bot {TOKEN}"
    assert fresh(delivery).state == "accepted"


# --- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, {"message": "Invalid Form Body", "code": 50035, "errors": {}}, "50035"),
        (401, {"message": "401: Unauthorized", "code": 0}, "401"),
        (403, {"message": "Missing Access", "code": 50001}, "50001"),
        (403, {"message": "Missing Permissions", "code": 50013}, "50013"),
        (404, {"message": "Unknown Channel", "code": 10003}, "10003"),
        (403, "<html>cloudflare", "403"),
        (400, {"message": "odd", "code": []}, "400"),
    ],
)
def test_a_refusal_for_good_fails_at_once_in_discords_words(
    httpserver, chat, plan, deliver, fresh, status, body, code
) -> None:
    httpserver.expect_request(SEND).respond_with_response(no(status, body))
    delivery = plan(chat)
    deliver()
    deliver(LATER)
    words = body["message"] if isinstance(body, dict) else f"HTTP {status}"
    row = fresh(delivery)
    assert (row.state, row.platform_code, row.platform_text) == ("failed", code, words)
    assert len(sent(httpserver)) == 1


BUCKET = {"X_RateLimit_Bucket": "abcd1234"}


@pytest.mark.parametrize(
    ("body", "headers", "seconds", "scope"),
    [
        ({"retry_after": 64.57, "global": False}, {"X_RateLimit_Scope": "user"} | BUCKET, 64.57, "endpoint"),
        ({"retry_after": 1336.57, "global": False}, {"X_RateLimit_Scope": "shared"} | BUCKET, 1336.57, "endpoint"),
        ({"retry_after": 64.57, "global": True}, {"X_RateLimit_Scope": "global"}, 64.57, "connection"),
        ({"retry_after": 64.57, "global": True}, {"X_RateLimit_Scope": "user"} | BUCKET, 64.57, "connection"),
        ({"retry_after": 20.5, "global": False}, {"X_RateLimit_Scope": "user"}, 20.5, "connection"),
        ("<html>banned", {"Retry_After": "600"}, 600, "connection"),
        ("<html>banned", {}, 5, "connection"),
        ({"retry_after": float("inf")}, {"Retry_After": "30"}, 30, "connection"),
    ],
)
def test_too_fast_cools_what_discord_meant(httpserver, chat, plan, deliver, fresh, body, headers, seconds, scope):
    said = body | {"message": "You are being rate limited."} if isinstance(body, dict) else body
    httpserver.expect_request(SEND).respond_with_response(no(429, said, **headers))
    delivery = plan(chat)

    deliver()

    row = fresh(delivery)
    assert (row.state, row.platform_code, row.attempt_limit) == ("planned", "429", 8)
    (budget,) = SendBudget.objects.filter(cooldown_until__isnull=False)
    assert (budget.scope, budget.scope_id) == (
        scope,
        chat.identity_id if scope == "endpoint" else chat.connection.identity_id,
    )
    assert (budget.cooldown_until - dbtime.now()).total_seconds() == pytest.approx(seconds, abs=3)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (503, "<html>", "503"),
        (503, {"message": "API resource is currently overloaded.", "code": 130000}, "130000"),
        (400, {"message": "API resource is currently overloaded.", "code": 130000}, "130000"),
    ],
)
def test_a_fault_of_theirs_is_tried_later_with_the_same_nonce(
    httpserver, chat, plan, deliver, fresh, status, body, code
) -> None:
    httpserver.expect_ordered_request(SEND).respond_with_response(no(status, body))
    httpserver.expect_ordered_request(SEND).respond_with_json(YES)
    delivery = plan(chat)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("planned", code)
    deliver(LATER)
    assert fresh(delivery).state == "accepted"
    assert [body["nonce"] for body in bodies(httpserver)] == [str(delivery.pk)] * 2


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (500, {"message": "500: Internal Server Error", "code": 0}, "500: Internal Server Error"),
        (502, "<html>", "HTTP 502"),
        (504, "", "HTTP 504"),
    ],
)
def test_a_fault_after_which_the_message_may_be_there_is_a_doubt(
    httpserver, chat, plan, deliver, fresh, status, body, words
) -> None:
    httpserver.expect_request(SEND).respond_with_response(no(status, body))
    delivery = plan(chat)
    deliver()
    deliver(LATER)
    row = fresh(delivery)
    assert (row.state, row.platform_code, row.platform_text) == ("unknown", str(status), words)
    assert len(sent(httpserver)) == 1


@pytest.mark.parametrize("body", ["", "<html>", "[]", "{}", "null", '{"id":7}'])
def test_a_success_that_says_nothing_readable_is_unknown(httpserver, chat, plan, deliver, fresh, body) -> None:
    httpserver.expect_request(SEND).respond_with_data(body)
    delivery = plan(chat)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("unknown", "unreadable")


def test_a_receiver_that_hangs_after_accepting_is_a_doubt(httpserver, hang_at, chat, plan, deliver, fresh, monkeypatch):
    monkeypatch.setattr("community_ops.common.net.post.__kwdefaults__", {"timeout_seconds": 0.3})
    hang_at(SEND)
    delivery = plan(chat)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("unknown", "no_answer")


def test_the_token_is_in_no_line_and_no_answer(httpserver, chat, plan, deliver, fresh, caplog) -> None:
    caplog.set_level("DEBUG")
    httpserver.expect_request(SEND).respond_with_response(no(401, {"message": f"no such bot: {TOKEN}", "code": 0}))
    delivery = plan(chat)
    deliver()
    assert fresh(delivery).platform_text == "no such bot: …"
    assert TOKEN not in caplog.text


# --- chats ---------------------------------------------------------------------------------------------


def listed(chat) -> list[Chat]:
    return list(ADAPTER.list_chats(chat.connection.config, chat.connection.secret))


def channel(number: int, name: str, kind: int) -> dict:
    return {"id": str(number), "type": kind, "name": name}


def test_chats_are_text_and_announcement_channels_of_all_servers(httpserver, chat) -> None:
    guilds = [{"id": str(1000 + number), "name": f"服 {number}"} for number in range(26)]
    first, second = {"limit": "25"}, {"limit": "25", "after": "1024"}
    httpserver.expect_request(GUILDS, query_string=first).respond_with_json(guilds[:25])
    httpserver.expect_request(GUILDS, query_string=second).respond_with_json(guilds[25:])
    channels = [channel(1, "公告", 5), channel(2, "闲聊", 0), channel(3, "语音", 2), channel(4, "分类", 4), "nonsense"]
    for guild in guilds:
        found = channels if guild["id"] == "1025" else []
        httpserver.expect_request(f"/api/v10/guilds/{guild['id']}/channels").respond_with_json(found)

    assert listed(chat) == [Chat("1", "服 25 · #公告"), Chat("2", "服 25 · #闲聊")]
    assert {request.headers["authorization"] for request in sent(httpserver)} == {f"Bot {TOKEN}"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (no(401, {"message": "401: Unauthorized", "code": 0}), "401: Unauthorized"),
        (no(429, {"message": "You are being rate limited.", "retry_after": 1}), "rate limited"),
        (no(502, "<html>"), "HTTP 502"),
        (no(200, "<html>"), "could not be read"),
        (no(200, {"id": "1"}), "could not be read"),
        (no(200, "[" + "1," * 40_000), "more channels than can be read"),
        (no(200, json.dumps([{"id": "9", "name": "服"}] * 25)), "more than 50 servers"),
    ],
)
def test_why_the_chats_are_unknown_is_said(httpserver, chat, answer, words) -> None:
    httpserver.expect_request(GUILDS).respond_with_response(answer)
    with translation.override("en"), pytest.raises(ChatsUnknown, match=words) as caught:
        listed(chat)
    assert TOKEN not in str(caught.value)


# --- settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"token": None}, "token"),
        ({"token": f"Bot {TOKEN}"}, "token"),
        ({"token": "abc"}, "token"),
        ({"chat": ""}, "chat"),
        ({"chat": "general"}, "chat"),
        ({"chat": f"{CHANNEL}/../1"}, "chat"),
        ({"base_url": "https://example.com"}, "base_url"),
        ({"bot": "x"}, "bot"),
    ],
)
def test_settings_that_cannot_work_are_refused_naming_the_setting(config, key) -> None:
    with pytest.raises(ConfigRefused) as caught:
        ADAPTER.read_config({"token": TOKEN, "chat": CHANNEL} | config)
    assert caught.value.extra["key"] == key


def test_the_token_is_not_among_what_people_may_see() -> None:
    account = ADAPTER.read_config({"token": TOKEN, "chat": CHANNEL})
    assert account.config == {"hint": "…kKWs", "base_url": "https://discord.com"}
    assert (account.secret, account.address, account.drops_repeats) == ({"token": TOKEN}, {"chat": CHANNEL}, False)
