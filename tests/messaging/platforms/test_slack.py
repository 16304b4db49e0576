"""Slack, played by a local server with the documented bodies of its Web API."""

import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import translation
from werkzeug import Request, Response

from community_ops.common import assets, dbtime
from messaging.errors import ConfigRefused
from messaging.models import SendBudget, SendSlot
from messaging.platforms import registry
from messaging.platforms.base import Chat, ChatsUnknown, Content, Part
from tests.common.test_pictures import drawn
from tests.messaging.conftest import make_endpoint
from tests.moments import NOON

pytestmark = pytest.mark.django_db
TOKEN = "-".join(("xoxb", "17653672481", "19874698323", "pdFZKVeTuE8sk7oOHcbrzqgy"))  # in pieces: it is nobody's
CHANNEL = "C123ABC456"
SEND, CHATS = "/api/chat.postMessage", "/api/users.conversations"
ASK, UPLOAD, SHARE = "/api/files.getUploadURLExternal", "/upload/v1/ABC123", "/api/files.completeUploadExternal"
YES = {"ok": True, "channel": CHANNEL, "ts": "1503435956.000247"}
LATER = NOON + timedelta(hours=1)
ADAPTER = registry.get("slack")


def no(error: str, **more) -> dict:
    return {"ok": False, "error": error} | more


def sent(httpserver) -> list[Request]:
    return [request for request, _ in httpserver.log]


def bodies(httpserver) -> list[dict]:
    return [json.loads(request.data) for request in sent(httpserver)]


@pytest.fixture
def chat(workspace, httpserver):
    return make_endpoint(workspace, "slack", token=TOKEN, chat=CHANNEL, base_url=httpserver.url_for("").rstrip("/"))


@pytest.fixture
def image(workspace):
    return assets.store_image(SimpleUploadedFile("海报.png", drawn()), workspace_id=workspace.pk)


# --- texts ---------------------------------------------------------------------------------------------


def test_the_call_is_the_documented_one(httpserver, chat, plan, deliver, fresh) -> None:
    httpserver.expect_request(SEND, method="POST").respond_with_json(YES)
    delivery = plan(chat, text="还剩 3 件")

    deliver()

    (request,) = sent(httpserver)
    assert json.loads(request.data) == {"channel": CHANNEL, "text": "还剩 3 件", "mrkdwn": False}
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["content-type"].startswith("application/json")
    row = fresh(delivery)
    assert (row.state, row.platform_code, row.platform_message_id) == ("accepted", "ok", YES["ts"])


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("*a* _b_ ~c~ `d`", "*a* _b_ ~c~ `d`"),
        ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
        ("<!channel> <@U024BE7LH> @here", "&lt;!channel&gt; &lt;@U024BE7LH&gt; @here"),
        ("@[李姐](U024BE7LH) 好", "<@U024BE7LH> 好"),
        ("@[所有人](all) 开抢", "<!channel> 开抢"),
        ("@[李<姐](lijie) 好", "@李&lt;姐 好"),
    ],
)
def test_a_plain_text_arrives_as_written_and_pings_whom_it_mentions(httpserver, chat, plan, deliver, text, spelled):
    httpserver.expect_request(SEND).respond_with_json(YES)
    plan(chat, text=text)
    deliver()
    assert bodies(httpserver) == [{"channel": CHANNEL, "text": spelled, "mrkdwn": False}]


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("# 今晚", "*今晚*"),
        ("## 今晚 **八点** 见", "今晚 *八点* 见"),
        ("> 引\n- 一", "> 引\n• 一"),
        ("**注意：**今晚", "*注意：* 今晚"),
        ("今晚**八点**开抢", "今晚 *八点* 开抢"),
        ("(**八点**), *九点*.", "(*八点*), _九点_."),
        ("**a**", "*a*"),
        ("用`a<b`吧", "用 `a&lt;b` 吧"),
        ("[看 <这里>|](https://a.cn/?x=1&y=|2)", "<https://a.cn/?x=1&amp;y=%7C2|看 &lt;这里&gt;|>"),
        ("[https://a.cn/](https://a.cn/)", "<https://a.cn/>"),
        ("**@[李姐](U024BE7LH)** @[所有人](all) <!here>", "*<@U024BE7LH>* <!channel> &lt;!here&gt;"),
    ],
)
def test_markdown_becomes_mrkdwn(httpserver, chat, plan, deliver, text, spelled) -> None:
    httpserver.expect_request(SEND).respond_with_json(YES)
    plan(chat, text=text, is_markdown=True)
    deliver()
    assert bodies(httpserver) == [{"channel": CHANNEL, "text": spelled, "mrkdwn": True}]


@pytest.mark.parametrize(("text", "size"), [("🎉" * 10, 10), ("长" * 10, 10), ("&", 5), ("@[李姐](U024BE7LH)", 12)])
def test_the_size_is_in_characters_of_what_is_sent(text, size) -> None:
    assert ADAPTER.size_of(text, is_markdown=False) == size
    assert len(ADAPTER.spelled(text, is_markdown=False)) == size


def test_four_thousand_emoji_are_one_call_and_one_more_is_refused(httpserver, chat, plan, deliver, fresh) -> None:
    httpserver.expect_request(SEND).respond_with_json(YES)
    whole, more = plan(chat, text="🎉" * 4000), plan(chat, text="🎉" * 4001)
    deliver()
    assert (fresh(whole).state, fresh(more).state, fresh(more).reason) == ("accepted", "failed", "too_long")
    assert len(sent(httpserver)) == 1


def test_a_long_text_is_cut_in_order(httpserver, chat, plan, deliver, fresh) -> None:
    httpserver.expect_request(SEND).respond_with_json(YES)
    text = "\n\n".join(f"第{number}段" + "长" * 1800 for number in range(4))
    delivery = plan(chat, text=text, may_split=True)
    for minute in range(2):
        deliver(NOON + timedelta(minutes=minute))
        SendSlot.objects.all().delete()  # the second in which one message may go to a channel is over
    assert [len(body["text"]) for body in bodies(httpserver)] == [3608, 3608]
    assert "\n\n".join(body["text"] for body in bodies(httpserver)) == text
    assert fresh(delivery).state == "accepted"


# --- images --------------------------------------------------------------------------------------------


@pytest.fixture
def place(httpserver):
    """Slack's answer to "where may this image go?"; the place itself takes it."""

    def at(url: str | None = None) -> None:
        answer = {"ok": True, "upload_url": url or httpserver.url_for(UPLOAD), "file_id": "F123ABC456"}
        httpserver.expect_request(ASK, method="POST").respond_with_json(answer)
        httpserver.expect_request(UPLOAD, method="POST").respond_with_data("OK - 633")

    return at


def test_an_image_is_uploaded_and_then_shared(httpserver, chat, plan, deliver, fresh, image, place) -> None:
    place()
    httpserver.expect_request(SHARE, method="POST").respond_with_json({"ok": True, "files": [{"id": "F123ABC456"}]})
    delivery = plan(chat, text="**看** @[李姐](U024BE7LH)", is_markdown=True, image_id=image.pk)

    deliver()

    data = assets.read_bytes(image)
    asked, uploaded, shared = sent(httpserver)
    assert asked.form.to_dict() == {"filename": "image.jpeg", "length": str(len(data))}
    assert (uploaded.data, uploaded.headers["content-type"]) == (data, "image/jpeg")
    assert "authorization" not in uploaded.headers
    comment = {"initial_comment": "*看* <@U024BE7LH>"}
    assert shared.form.to_dict() == {"files": '[{"id": "F123ABC456"}]', "channel_id": CHANNEL} | comment
    assert asked.headers["authorization"] == shared.headers["authorization"] == f"Bearer {TOKEN}"
    assert (fresh(delivery).state, fresh(delivery).platform_message_id) == ("accepted", "F123ABC456")


@pytest.mark.parametrize(
    ("text", "is_markdown", "count"),
    [
        ("看图", False, 1),
        ("还剩 *3* 件", False, 2),
        ("a_b", False, 2),
        ("一\n> 二", False, 2),
        ("2 > 1", False, 1),
        ("**看**", True, 1),
        ("长" * 4000, False, 1),
    ],
)
def test_a_plain_text_that_would_be_formatted_goes_after_the_image(text, is_markdown, count) -> None:
    parts = ADAPTER.parts(Content(text=text, is_markdown=is_markdown, has_image=True))
    assert parts == ((Part(text, has_image=True),) if count == 1 else (Part(has_image=True), Part(text)))


@pytest.mark.parametrize(
    ("ask", "upload", "state", "code"),
    [
        (no("missing_scope", needed="files:write"), 200, "failed", "missing_scope"),
        (no("internal_error"), 200, "planned", "internal_error"),
        ({"ok": True}, 200, "planned", "unreadable"),
        ("<html>", 200, "planned", "unreadable"),
        ({"ok": True, "upload_url": "https://example.com/x", "file_id": "F1"}, 200, "failed", "address_refused"),
        ({"ok": True, "upload_url": "http://[", "file_id": "F1"}, 200, "failed", "address_refused"),
        (None, 500, "planned", "500"),
        (None, 413, "failed", "413"),
    ],
)
def test_nothing_is_in_doubt_before_the_image_is_shared(
    httpserver, chat, plan, deliver, fresh, image, ask, upload, state, code
) -> None:
    place = {"ok": True, "upload_url": httpserver.url_for(UPLOAD), "file_id": "F1"}
    httpserver.expect_request(ASK).respond_with_data(ask if isinstance(ask, str) else json.dumps(ask or place))
    httpserver.expect_request(UPLOAD).respond_with_data("", status=upload)
    delivery = plan(chat, image_id=image.pk)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == (state, code)


@pytest.mark.parametrize(
    ("path", "patience", "state"),
    [(ASK, "ASK_SECONDS", "planned"), (UPLOAD, "UPLOAD_SECONDS", "planned"), (SHARE, "SHARE_SECONDS", "unknown")],
)
def test_only_the_share_that_hangs_is_a_doubt(
    httpserver, hang_at, chat, plan, deliver, fresh, image, place, monkeypatch, path, patience, state
) -> None:
    monkeypatch.setattr(f"messaging.platforms.slack.adapter.{patience}", 0.3)
    hang_at(path)
    place()
    delivery = plan(chat, image_id=image.pk)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == (state, "no_answer")


# --- refusals ------------------------------------------------------------------------------------------

NEVER = """invalid_auth not_authed account_inactive token_revoked channel_not_found not_in_channel is_archived
    msg_too_long no_text restricted_action something_new"""


@pytest.mark.parametrize("error", NEVER.split())
def test_a_refusal_for_good_fails_at_once(httpserver, chat, plan, deliver, fresh, error) -> None:
    httpserver.expect_request(SEND).respond_with_json(no(error))
    delivery = plan(chat)
    deliver()
    deliver(LATER)
    assert (fresh(delivery).state, fresh(delivery).platform_code, fresh(delivery).platform_text) == (
        "failed",
        error,
        error,
    )
    assert len(sent(httpserver)) == 1


def test_a_missing_right_is_named(httpserver, chat, plan, deliver, fresh) -> None:
    httpserver.expect_request(SEND).respond_with_json(no("missing_scope", needed="chat:write", provided="files:write"))
    delivery = plan(chat)
    deliver()
    assert fresh(delivery).platform_text == "missing_scope: chat:write"


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Response("", status=429, headers={"Retry-After": "30"}), 30),
        (Response(json.dumps(no("ratelimited")), status=429, headers={"Retry-After": "12"}), 12),
        (Response(json.dumps(no("ratelimited")), status=429), 5),
        (Response(json.dumps(no("rate_limited")), status=200), 5),
    ],
)
def test_too_fast_holds_for_the_whole_app_as_long_as_slack_wishes(
    httpserver, chat, plan, deliver, fresh, answer, seconds
) -> None:
    httpserver.expect_request(SEND).respond_with_response(answer)
    delivery = plan(chat)

    deliver()

    assert (fresh(delivery).state, fresh(delivery).attempt_limit) == ("planned", 8)
    (budget,) = SendBudget.objects.filter(cooldown_until__isnull=False)
    assert (budget.scope, budget.scope_id) == ("connection", chat.connection.identity_id)
    assert (budget.cooldown_until - dbtime.now()).total_seconds() == pytest.approx(seconds, abs=3)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (503, no("service_unavailable"), "service_unavailable"),
        (200, no("request_timeout"), "request_timeout"),
        (200, no("message_limit_exceeded"), "message_limit_exceeded"),
        (200, no("team_added_to_org"), "team_added_to_org"),
        (503, no("something_new"), "something_new"),
        (503, "<html>", "503"),
    ],
)
def test_a_fault_of_theirs_is_tried_later(httpserver, chat, plan, deliver, fresh, status, body, code) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    httpserver.expect_request(SEND).respond_with_data(text, status=status)
    delivery = plan(chat)
    deliver()
    row = fresh(delivery)
    assert (row.state, row.reason, row.platform_code, row.attempt_limit) == ("planned", "retrying", code, 7)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (502, "<html>", "502"),
        (504, "", "504"),
        (500, no("something_new"), "something_new"),
        (200, no("internal_error"), "internal_error"),
        (500, no("fatal_error"), "fatal_error"),
        (503, no("internal_error"), "internal_error"),
    ],
)
def test_a_fault_after_which_the_message_may_be_there_is_a_doubt(
    httpserver, chat, plan, deliver, fresh, status, body, code
) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    httpserver.expect_request(SEND).respond_with_data(text, status=status)
    delivery = plan(chat)
    deliver()
    deliver(LATER)
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("unknown", code)
    assert len(sent(httpserver)) == 1


@pytest.mark.parametrize("error", ["internal_error", "fatal_error"])
def test_an_image_that_may_have_been_shared_is_a_doubt(
    httpserver, chat, plan, deliver, fresh, image, place, error
) -> None:
    place()
    httpserver.expect_request(SHARE).respond_with_json(no(error))
    delivery = plan(chat, image_id=image.pk)
    deliver()
    deliver(LATER)
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("unknown", error)
    assert [request.path for request in sent(httpserver)] == [ASK, UPLOAD, SHARE]


def test_an_internal_error_before_anything_was_posted_is_tried_three_times_at_most(
    httpserver, chat, plan, deliver, fresh, image
) -> None:
    httpserver.expect_request(ASK).respond_with_json(no("internal_error"))
    delivery = plan(chat, image_id=image.pk)
    for hour in range(5):
        deliver(NOON + timedelta(hours=hour))
        SendSlot.objects.all().delete()
    assert (fresh(delivery).state, fresh(delivery).reason) == ("failed", "gave_up")
    assert len(sent(httpserver)) == 3


@pytest.mark.parametrize("body", ["", "<html>", "[]", "{}", "null", '{"ok":1}', '{"ok":false}', '{"ok":"true"}'])
def test_a_success_that_says_nothing_readable_is_unknown(httpserver, chat, plan, deliver, fresh, body) -> None:
    httpserver.expect_request(SEND).respond_with_data(body)
    delivery = plan(chat)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("unknown", "unreadable")


@pytest.mark.parametrize(("begins", "state"), [('{"ok": true,', "accepted"), ('{"ok": false,', "unknown")])
def test_a_yes_counts_although_its_end_was_cut(httpserver, chat, plan, deliver, fresh, begins, state) -> None:
    httpserver.expect_request(SEND).respond_with_data(f'{begins}"message":"{"x" * 70_000}"}}')
    delivery = plan(chat)
    deliver()
    assert fresh(delivery).state == state


def test_a_receiver_that_hangs_after_accepting_is_a_doubt(httpserver, hang_at, chat, plan, deliver, fresh, monkeypatch):
    monkeypatch.setattr("community_ops.common.net.post.__kwdefaults__", {"timeout_seconds": 0.3})
    hang_at(SEND)
    delivery = plan(chat)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("unknown", "no_answer")


def test_the_token_is_in_no_line_and_no_answer(httpserver, chat, plan, deliver, fresh, caplog) -> None:
    caplog.set_level("DEBUG")
    httpserver.expect_request(SEND).respond_with_json(no(f"invalid_auth {TOKEN}"))
    delivery = plan(chat)
    deliver()
    assert fresh(delivery).platform_text == "invalid_auth …"
    assert TOKEN not in caplog.text


# --- chats ---------------------------------------------------------------------------------------------


def listed(chat) -> list[Chat]:
    return list(ADAPTER.list_chats(chat.connection.config, chat.connection.secret))


def test_chats_are_read_page_by_page(httpserver, chat) -> None:
    asked = {"types": "public_channel,private_channel", "exclude_archived": "true", "limit": "20"}
    first = {"ok": True, "channels": [{"id": "C1", "name": "公告"}, "x"], "response_metadata": {"next_cursor": "dGVh="}}
    last = {"ok": True, "channels": [{"id": "G2", "name": "运营"}], "response_metadata": {"next_cursor": ""}}
    httpserver.expect_request(CHATS, query_string=asked | {"cursor": ""}).respond_with_json(first)
    httpserver.expect_request(CHATS, query_string=asked | {"cursor": "dGVh="}).respond_with_json(last)

    assert listed(chat) == [Chat("C1", "#公告"), Chat("G2", "#运营")]
    assert {request.headers["authorization"] for request in sent(httpserver)} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Response(json.dumps(no("missing_scope", needed="channels:read"))), "missing_scope: channels:read"),
        (Response(json.dumps(no("ratelimited")), status=429), "ratelimited"),
        (Response("<html>", status=502), "HTTP 502"),
        (Response("[]"), "HTTP 200"),
        (Response("x" * 70_000), "too long"),
        (Response(json.dumps({"ok": True, "response_metadata": {"next_cursor": "again"}})), "too many channels"),
    ],
)
def test_why_the_chats_are_unknown_is_said(httpserver, chat, answer, words) -> None:
    httpserver.expect_request(CHATS).respond_with_response(answer)
    with translation.override("en"), pytest.raises(ChatsUnknown, match=words) as caught:
        listed(chat)
    assert TOKEN not in str(caught.value)


# --- settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"token": None}, "token"),
        ({"token": TOKEN.replace("xoxb", "xoxp")}, "token"),
        ({"token": f"{TOKEN}&x"}, "token"),
        ({"chat": ""}, "chat"),
        ({"chat": "#general"}, "chat"),
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
    assert account.config == {"hint": "…zqgy", "base_url": "https://slack.com"}
    assert (account.secret, account.address, account.drops_repeats) == ({"token": TOKEN}, {"chat": CHANNEL}, False)
