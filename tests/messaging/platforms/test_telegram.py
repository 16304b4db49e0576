"""Telegram, played by a local server with the documented bodies of the Bot API."""

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
from messaging.platforms.telegram.dialect import visible
from tests.common.test_pictures import drawn
from tests.messaging.conftest import make_endpoint
from tests.moments import NOON

pytestmark = pytest.mark.django_db
TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
CHAT = "-1001234567890"
SEND, PHOTO, UPDATES, DOCUMENT = (
    f"/bot{TOKEN}/{method}" for method in ("sendMessage", "sendPhoto", "getUpdates", "sendDocument")
)
YES = {"ok": True, "result": {"message_id": 365, "chat": {"id": int(CHAT)}}}
ADAPTER = registry.get("telegram")


def no(code: int, description: str, **parameters) -> Response:
    body = {"ok": False, "error_code": code, "description": description}
    return Response(json.dumps(body | ({"parameters": parameters} if parameters else {})), status=code)


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
    return make_endpoint(workspace, "telegram", token=TOKEN, chat=CHAT, base_url=httpserver.url_for("").rstrip("/"))


@pytest.fixture
def image(workspace):
    return assets.store_image(SimpleUploadedFile("海报.png", drawn()), workspace_id=workspace.pk)


# --- texts ---------------------------------------------------------------------------------------------


def test_a_plain_text_arrives_as_written(httpserver, chat, plan, deliver, fresh) -> None:
    httpserver.expect_request(SEND, method="POST").respond_with_json(YES)
    delivery = plan(chat, text="*还剩* <b>3</b> & _件_ 🎉")

    deliver()

    assert bodies(httpserver) == [{"chat_id": CHAT, "text": "*还剩* <b>3</b> & _件_ 🎉"}]
    row = fresh(delivery)
    assert (row.state, row.platform_code, row.platform_message_id) == ("accepted", "ok", "365")


def test_a_topic_is_named_by_its_number(workspace, httpserver, plan, deliver) -> None:
    httpserver.expect_request(SEND).respond_with_json(YES)
    base_url = httpserver.url_for("").rstrip("/")
    plan(make_endpoint(workspace, "telegram", token=TOKEN, chat="@runners", thread="70123", base_url=base_url))
    deliver()
    assert bodies(httpserver) == [{"chat_id": "@runners", "message_thread_id": 70123, "text": "今晚八点开抢"}]


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("# 今晚 <八点>", "<b>今晚 &lt;八点&gt;</b>"),
        ("> 引\n- 一 & 二", "<blockquote>引</blockquote>\n• 一 &amp; 二"),
        ("**注意：**今晚 *八点* `a<b`", "<b>注意：</b>今晚 <i>八点</i> <code>a&lt;b</code>"),
        ('[看 "这里"](https://a.cn/?x=1&y="2")', '<a href="https://a.cn/?x=1&amp;y=&quot;2&quot;">看 "这里"</a>'),
        ("@[李<姐](123456) 和 @[王](wang) @[所有人](all)",
         '<a href="tg://user?id=123456">@李&lt;姐</a> 和 @王 @所有人'),
    ],
)  # fmt: skip
def test_markdown_becomes_telegrams_html(httpserver, chat, plan, deliver, text, spelled) -> None:
    httpserver.expect_request(SEND).respond_with_json(YES)
    plan(chat, text=text, is_markdown=True)
    deliver()
    assert bodies(httpserver) == [{"chat_id": CHAT, "text": spelled, "parse_mode": "HTML"}]


def test_a_plain_text_with_a_mention_is_html_and_otherwise_as_written(httpserver, chat, plan, deliver) -> None:
    httpserver.expect_request(SEND).respond_with_json(YES)
    plan(chat, text="@[李姐](42) **<b>**")
    deliver()
    expected = '<a href="tg://user?id=42">@李姐</a> **&lt;b&gt;**'
    assert bodies(httpserver) == [{"chat_id": CHAT, "text": expected, "parse_mode": "HTML"}]


@pytest.mark.parametrize(
    ("text", "is_markdown", "size"),
    [
        ("长" * 10, False, 10),
        ("🎉" * 10, False, 20),
        ("<b>", False, 3),
        ("<b>", True, 3),
        ("**粗**", True, 1),
        ("[词](https://example.com/very/long)", True, 1),
        ("@[李姐](123456789)", False, 3),
        ("**没关", True, 4),
    ],
)
def test_the_size_is_what_people_see_in_units_of_utf16(text, is_markdown, size) -> None:
    assert ADAPTER.size_of(text, is_markdown=is_markdown) == size


def test_a_text_of_the_whole_size_is_one_call_and_one_sign_more_is_refused(httpserver, chat, plan, deliver, fresh):
    httpserver.expect_request(SEND).respond_with_json(YES)
    whole, more = plan(chat, text="🎉" * 2048), plan(chat, text="🎉" * 2048 + "a")
    deliver()
    assert (fresh(whole).state, fresh(more).state, fresh(more).reason) == ("accepted", "failed", "too_long")
    assert len(sent(httpserver)) == 1


def test_a_long_text_is_cut_in_order(httpserver, chat, plan, deliver, fresh) -> None:
    httpserver.expect_request(SEND).respond_with_json(YES)
    text = "\n\n".join(f"**第{number}段**" + "长" * 1500 for number in range(4))
    delivery = plan(chat, text=text, is_markdown=True, may_split=True)

    for minute in range(2):
        deliver(NOON + timedelta(minutes=minute))
        SendSlot.objects.all().delete()  # the second in which one message may go to a chat is over

    pieces = [body["text"] for body in bodies(httpserver)]
    assert len(pieces) == 2
    assert "".join(map(visible, pieces)).replace("\n", "") == text.replace("**", "").replace("\n", "")
    assert fresh(delivery).state == "accepted"


# --- images --------------------------------------------------------------------------------------------


def test_an_image_goes_with_its_caption(httpserver, chat, plan, deliver, fresh, image) -> None:
    httpserver.expect_request(PHOTO, method="POST").respond_with_json(YES)
    delivery = plan(chat, text="**看** @[李姐](42)", is_markdown=True, image_id=image.pk)

    deliver()

    (request,) = sent(httpserver)
    caption = '<b>看</b> <a href="tg://user?id=42">@李姐</a>'
    assert request.form.to_dict() == {"chat_id": CHAT, "caption": caption, "parse_mode": "HTML"}
    assert request.files["photo"].read() == assets.read_bytes(image)
    assert request.files["photo"].mimetype == "image/jpeg"
    assert fresh(delivery).state == "accepted"


@pytest.mark.parametrize(
    ("size", "path", "field"),
    [((150, 4000), DOCUMENT, "document"), ((4000, 150), DOCUMENT, "document"), ((200, 4000), PHOTO, "photo")],
)
def test_a_long_image_goes_as_a_file_where_telegram_refuses_it_as_a_photo(
    httpserver, chat, plan, deliver, fresh, workspace, size, path, field
) -> None:
    """A photo of more than 20 to 1 is refused (PHOTO_INVALID_DIMENSIONS); a document may be of any proportions."""
    long = assets.store_image(SimpleUploadedFile("复盘长图.png", drawn(size=size)), workspace_id=workspace.pk)
    httpserver.expect_request(path, method="POST").respond_with_json(YES)
    delivery = plan(chat, text="复盘", image_id=long.pk)

    deliver()

    (request,) = sent(httpserver)
    assert request.form.to_dict() == {"chat_id": CHAT, "caption": "复盘"}
    assert request.files[field].read() == assets.read_bytes(long)
    assert fresh(delivery).state == "accepted"


def test_an_image_alone_has_no_caption(httpserver, chat, plan, deliver, image) -> None:
    httpserver.expect_request(PHOTO).respond_with_json(YES)
    plan(chat, text="", image_id=image.pk)
    deliver()
    assert sent(httpserver)[0].form.to_dict() == {"chat_id": CHAT}


@pytest.mark.parametrize(
    ("text", "count"), [("🎉" * 512, 1), ("🎉" * 512 + "a", 2), (f"[词](https://example.com/{'x' * 1200})", 1), ("", 1)]
)
def test_a_caption_is_counted_as_people_see_it(text, count) -> None:
    parts = ADAPTER.parts(Content(text=text, is_markdown=True, has_image=True))
    assert parts == ((Part(text, has_image=True),) if count == 1 else (Part(has_image=True), Part(text)))


def test_an_image_that_hangs_after_its_upload_is_a_doubt(
    httpserver, hang_at, chat, plan, deliver, fresh, image, monkeypatch
) -> None:
    monkeypatch.setattr("messaging.platforms.http_calls.UPLOAD_SECONDS", 0.3)
    hang_at(PHOTO)
    delivery = plan(chat, image_id=image.pk)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("unknown", "no_answer")


# --- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "description"),
    [
        (400, "Bad Request: chat not found"),
        (400, "Bad Request: message thread not found"),
        (401, "Unauthorized"),
        (403, "Forbidden: bot was kicked from the supergroup chat"),
        (404, "Not Found"),
        (409, "Conflict"),
    ],
)
def test_a_refusal_for_good_fails_at_once_in_telegrams_words(httpserver, chat, plan, deliver, fresh, code, description):
    httpserver.expect_request(SEND).respond_with_response(no(code, description))
    delivery = plan(chat)
    deliver()
    row = fresh(delivery)
    assert (row.state, row.platform_code, row.platform_text) == ("failed", str(code), description)


def test_a_group_that_moved_says_where_to(httpserver, chat, plan, deliver, fresh) -> None:
    words = "Bad Request: group chat was upgraded to a supergroup chat"
    httpserver.expect_request(SEND).respond_with_response(no(400, words, migrate_to_chat_id=-1009876543210))
    delivery = plan(chat)
    deliver()
    assert fresh(delivery).state == "failed"
    assert "-1009876543210" in fresh(delivery).platform_text
    assert words in fresh(delivery).platform_text


@pytest.mark.parametrize(
    ("parameters", "seconds", "scope"),
    [
        ({"retry_after": 35}, 35, "endpoint"),
        ({"retry_after": 10072}, 10072, "connection"),
        ({}, 5, "endpoint"),
        ({"retry_after": "soon"}, 5, "endpoint"),
        ({"retry_after": 10**400}, 5, "endpoint"),
    ],
)
def test_too_fast_waits_as_long_as_telegram_wishes(httpserver, chat, plan, deliver, fresh, parameters, seconds, scope):
    httpserver.expect_request(SEND).respond_with_response(no(429, "Too Many Requests: retry after", **parameters))
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
    ("answer", "state", "words"),
    [
        (no(500, "Internal Server Error"), "unknown", "Internal Server Error"),
        (no(502, "Bad Gateway"), "unknown", "Bad Gateway"),
        (Response("<html>Bad Gateway", status=502), "unknown", "HTTP 502"),
        (Response("", status=504), "unknown", "HTTP 504"),
        (no(503, "Service Unavailable"), "planned", "Service Unavailable"),
        (Response("<html>", status=503), "planned", "HTTP 503"),
    ],
)
def test_of_faults_of_theirs_only_503_says_that_nothing_was_done(
    httpserver, chat, plan, deliver, fresh, answer, state, words
) -> None:
    httpserver.expect_request(SEND).respond_with_response(answer)
    delivery = plan(chat)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_text) == (state, words)


@pytest.mark.parametrize("body", ["", "<html>", "[]", "{}", "null", '{"ok":1}', '{"ok":false}', '{"ok":"true"}'])
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
    httpserver.expect_request(SEND).respond_with_response(no(404, f"Not Found: /bot{TOKEN}"))
    delivery = plan(chat)
    deliver()
    assert fresh(delivery).platform_text == "Not Found: /bot…"
    assert not [line for line in caplog.messages if TOKEN in line and "HTTP/1.1" not in line]  # the receiver's own


# --- chats ---------------------------------------------------------------------------------------------


def listed(chat) -> list[Chat]:
    return list(ADAPTER.list_chats(chat.connection.config, chat.connection.secret))


def group(number: int, title: str, kind: str = "supergroup") -> dict:
    return {"id": number, "type": kind, "title": title}


def member(number: int, title: str, status: str) -> dict:
    return {"my_chat_member": {"chat": group(number, title), "new_chat_member": {"status": status}}}


def test_chats_are_those_of_what_the_bot_was_told(httpserver, chat) -> None:
    person = {"id": 7, "type": "private", "first_name": "Li", "last_name": "Jie"}
    updates = [
        member(-1, "晨跑 1 群", "member"),
        {"message": {"chat": group(-2, "夜跑"), "text": "hi"}},
        {"message": {"chat": person}},
        member(-3, "离开了", "administrator"),
        member(-3, "离开了", "kicked"),
        {"message": {"chat": group(-4, "旧群", "group"), "migrate_to_chat_id": -100}},
        {"message": {"chat": group(-100, "新群"), "migrate_from_chat_id": -4}},
        {"chat_member": {"chat": group(-2, "夜跑 2"), "new_chat_member": {"status": "left"}}},
        {"callback_query": {"message": {"chat": group(-5, "按钮")}}},
        {"poll": {"id": "x"}}, {"message": "nonsense"}, "nonsense",
    ]  # fmt: skip
    answer = [{"update_id": 1} | one if isinstance(one, dict) else one for one in updates]
    httpserver.expect_request(UPDATES).respond_with_json({"ok": True, "result": answer})

    assert listed(chat) == [
        Chat("-1", "晨跑 1 群"),
        Chat("7", "Li Jie", is_person=True),
        Chat("-100", "新群"),
        Chat("-2", "夜跑 2"),
        Chat("-5", "按钮"),
    ]
    assert sent(httpserver)[0].args.to_dict() == {"timeout": "0", "limit": "100"}  # no offset: nothing is taken away


def test_an_answer_that_was_cut_is_asked_for_in_smaller_pieces(httpserver, chat) -> None:
    def answer(request: Request) -> Response:
        update = {"message": {"chat": group(-1, "群"), "text": "x" * 2000}}
        return Response(json.dumps({"ok": True, "result": [update] * int(request.args["limit"])}))

    httpserver.expect_request(UPDATES).respond_with_handler(answer)
    assert listed(chat) == [Chat("-1", "群")]
    assert [request.args["limit"] for request in sent(httpserver)] == ["100", "50", "20"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (no(409, "Conflict: can't use getUpdates method while webhook is active"), "Another program"),
        (no(401, "Unauthorized"), "Unauthorized"),
        (Response("<html>", status=502), "HTTP 502"),
        (Response('{"ok":true,"result":{}}'), "HTTP 200"),
        (Response("x" * 70_000), "too long"),
    ],
)
def test_why_the_chats_are_unknown_is_said(httpserver, chat, answer, words) -> None:
    httpserver.expect_request(UPDATES).respond_with_response(answer)
    with translation.override("en"), pytest.raises(ChatsUnknown, match=words) as caught:
        listed(chat)
    assert TOKEN not in str(caught.value)


# --- settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"token": None}, "token"),
        ({"token": "110201543"}, "token"),
        ({"token": f"{TOKEN}/x"}, "token"),
        ({"chat": ""}, "chat"),
        ({"chat": "晨跑群"}, "chat"),
        ({"chat": -100}, "chat"),
        ({"chat": "@a b"}, "chat"),
        ({"thread": "1&x"}, "thread"),
        ({"base_url": "https://example.com"}, "base_url"),
        ({"bot": "x"}, "bot"),
    ],
)
def test_settings_that_cannot_work_are_refused_naming_the_setting(config, key) -> None:
    with pytest.raises(ConfigRefused) as caught:
        ADAPTER.read_config({"token": TOKEN, "chat": CHAT} | config)
    assert caught.value.extra["key"] == key


def test_the_token_is_not_among_what_people_may_see() -> None:
    account = ADAPTER.read_config({"token": TOKEN, "chat": CHAT, "thread": "12"})
    assert account.config == {"hint": "…Dsaw", "base_url": "https://api.telegram.org"}
    assert account.secret == {"token": TOKEN}
    assert account.address == {"chat": CHAT, "thread": "12"}
    assert ADAPTER.read_address({"chat": "@runners"}) == {"chat": "@runners"}
    assert account.drops_repeats is False
