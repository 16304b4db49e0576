"""The WeCom group robot beyond plain text: mentions, markdown, images, cards, files (text: test_platforms.py)."""

import base64
import hashlib
import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from werkzeug import Request

from community_ops.common import assets
from community_ops.common.templatetags.reason_words import reason_words
from messaging.platforms import registry
from messaging.platforms.base import Card, Content, Part
from messaging.policies import size_problem
from tests.common.test_pictures import drawn
from tests.messaging.conftest import ROBOT_KEY
from tests.moments import NOON

pytestmark = pytest.mark.django_db
SEND, UPLOAD = "/cgi-bin/webhook/send", "/cgi-bin/webhook/upload_media"
LATER = NOON + timedelta(hours=1)
ADAPTER = registry.get("wecom_robot")
UPLOADED = {"errcode": 0, "errmsg": "ok", "type": "file", "media_id": "1G6nrLmr5EC3MM", "created_at": "1380000000"}
CARD = Card(
    title="中秋节礼品领取", text="今年中秋节公司有豪礼相送", url="https://www.qq.com/", picture_url="https://e.cn/1.png"
)
OK = {"errcode": 0, "errmsg": "ok"}


def sent(httpserver) -> list[Request]:
    return [request for request, _ in httpserver.log]


def bodies(httpserver) -> list[dict]:
    return [json.loads(request.data) for request in sent(httpserver)]


@pytest.fixture
def accepting(httpserver):
    httpserver.expect_request(SEND, query_string={"key": ROBOT_KEY}).respond_with_json(OK)
    return httpserver


@pytest.fixture
def table(workspace):
    """A file that is kept."""
    content = SimpleUploadedFile("成绩单.csv", "姓名,分数\n李姐,97\n".encode())
    return assets.store_table(content, workspace_id=workspace.pk, delete_after=LATER)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("community_ops.common.net.post.__kwdefaults__", {"timeout_seconds": 0.3})


@pytest.mark.parametrize(
    ("text", "lists"),
    [
        ("@[李姐](lijie) 到你了", {"mentioned_list": ["lijie"]}),
        (
            "@[李姐](lijie) @[王哥](13800001111)",
            {"mentioned_list": ["lijie"], "mentioned_mobile_list": ["13800001111"]},
        ),
        ("@[所有人](all) 开抢 @[李姐](lijie)", {"mentioned_list": ["lijie", "@all"]}),
        ("@所有人 @all @lijie", {}),
    ],
)
def test_a_text_mentions_whom_it_names_and_nobody_else(accepting, robot, plan, deliver, text, lists) -> None:
    plan(robot, text=text)
    deliver()
    (body,) = bodies(accepting)
    assert {name: body["text"][name] for name in body["text"] if name != "content"} == lists
    assert "](" not in body["text"]["content"]


@pytest.mark.parametrize("text", ["**粗** [词](https://a.cn) # 题 <b> `x`", "第一行\n> 第二行", "🎉 100%"])
def test_a_plain_text_arrives_as_written(accepting, robot, plan, deliver, text) -> None:
    plan(robot, text=text)
    deliver()
    assert bodies(accepting) == [{"msgtype": "text", "text": {"content": text}}]


@pytest.mark.parametrize("is_markdown", [True, False])
def test_a_written_tag_mentions_nobody(is_markdown) -> None:
    assert ADAPTER.spelled("<@lijie> 好", is_markdown=is_markdown) == "<\u200b@lijie> 好"


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("## 开抢", "## 开抢"),
        ("**粗** *斜* `码`", "**粗** 斜 `码`"),
        ("[详情](https://a.cn/?x=1)", "[详情](https://a.cn/?x=1)"),
        ("- 一\n- 二\n后", "• 一\n• 二\n\n后"),
        ("> 引\n后", "> 引\n\n后"),
        ("@[李姐](lijie) 好", "<@lijie> 好"),
        ("@[所有人](all) 好", "@所有人 好"),
        ('<font color="info">绿</font>', '<\u200bfont color="info">绿<\u200b/font>'),
        ("** 不是 **", "*\u200b* 不是 *\u200b*"),
        ("#### 四", "#\u200b### 四"),
        ("[词](javascript:x)", "[词]\u200b(javascript:x)"),
        ("`<@lijie>` `a<b`", "`<\u200b@lijie>` `a<b`"),
        ("```\n<@lijie>\n```", "`<\u200b@lijie>`"),
    ],
)
def test_markdown_is_spelled_as_wecom_reads_it(text, spelled) -> None:
    assert ADAPTER.spelled(text, is_markdown=True) == spelled


def test_markdown_goes_out_as_markdown(accepting, robot, plan, deliver, fresh) -> None:
    delivery = plan(robot, text="**开抢** @[李姐](lijie)", is_markdown=True)
    deliver()
    assert bodies(accepting) == [{"msgtype": "markdown", "markdown": {"content": "**开抢** <@lijie>"}}]
    assert fresh(delivery).state == "accepted"


def test_everybody_is_called_after_a_markdown_that_cannot_mention_them(accepting, robot, plan, deliver, fresh) -> None:
    delivery = plan(robot, text="**开抢** @[所有人](all)", is_markdown=True)
    deliver()
    assert bodies(accepting) == [
        {"msgtype": "markdown", "markdown": {"content": "**开抢** @所有人"}},
        {"msgtype": "text", "text": {"content": "👆", "mentioned_list": ["@all"]}},
    ]
    assert (fresh(delivery).state, fresh(delivery).part_count) == ("accepted", 2)


@pytest.mark.parametrize("text", ["例子：`@[所有人](all)`", "```\n@[所有人](all) @[李姐](lijie)\n```"])
def test_a_mention_in_code_calls_nobody(text) -> None:
    assert ADAPTER.parts(Content(text=text, is_markdown=True)) == (Part(text),)
    assert "<@" not in ADAPTER.spelled(text, is_markdown=True)


def test_an_empty_text_calls_nobody(accepting, robot, plan, deliver, fresh) -> None:
    delivery = plan(robot, text="")
    deliver()
    assert (bodies(accepting), fresh(delivery).reason) == ([], "nothing_to_send")


def test_a_text_is_measured_in_bytes_as_it_goes_out() -> None:
    assert size_problem("wecom_robot", "长" * 682) is None
    assert "2049" in str(size_problem("wecom_robot", "长" * 683))
    assert ADAPTER.size_of("🎉", is_markdown=False) == 4
    assert size_problem("wecom_robot", "长" * 1365, is_markdown=True) is None
    assert size_problem("wecom_robot", "长" * 1366, is_markdown=True) is not None


def test_a_long_text_goes_out_in_order_and_only_where_it_may_be_cut(accepting, robot, plan, deliver, fresh) -> None:
    text = "".join(f"第{number}句话在这里。" for number in range(100, 250))
    whole, refused = plan(robot, text=text, may_split=True), plan(robot, text=text)
    deliver()
    contents = [body["text"]["content"] for body in bodies(accepting)]
    assert "".join(contents) == text
    assert [len(content.encode()) <= 2_048 for content in contents] == [True, True]
    assert (fresh(whole).state, fresh(refused).reason) == ("accepted", "too_long")


def test_an_image_goes_first_with_its_digest(accepting, robot, plan, deliver, workspace) -> None:
    image = assets.store_image(SimpleUploadedFile("x.png", drawn()), workspace_id=workspace.pk)
    plan(robot, text="看图", image_id=image.pk)
    deliver()
    first, second = bodies(accepting)
    data = base64.b64decode(first["image"]["base64"], validate=True)
    assert first["msgtype"] == "image"
    assert data == assets.read_bytes(image)
    assert first["image"]["md5"] == hashlib.md5(data, usedforsecurity=False).hexdigest()
    assert second == {"msgtype": "text", "text": {"content": "看图"}}


def test_a_card_is_news(accepting, robot, plan, deliver, fresh) -> None:
    delivery = plan(robot, text="先看这个", card=CARD)
    deliver()
    article = {"title": CARD.title, "description": CARD.text, "url": CARD.url, "picurl": CARD.picture_url}
    assert bodies(accepting) == [
        {"msgtype": "text", "text": {"content": "先看这个"}},
        {"msgtype": "news", "news": {"articles": [article]}},
    ]
    assert fresh(delivery).state == "accepted"


def test_a_card_needs_no_text_and_no_picture(accepting, robot, plan, deliver) -> None:
    plan(robot, text="", card=Card(title="标题", url="https://a.cn/"))
    deliver()
    assert bodies(accepting) == [{"msgtype": "news", "news": {"articles": [{"title": "标题", "url": "https://a.cn/"}]}}]


@pytest.mark.parametrize("card", [{"title": "题" * 43}, {"title": "题", "text": "字" * 171}])
def test_a_card_that_the_platform_would_cut_is_refused(accepting, robot, plan, deliver, fresh, card) -> None:
    delivery = plan(robot, text="", card=Card(url="https://a.cn/", **card))
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("failed", "card_too_long")
    assert sent(accepting) == []


def test_a_card_is_words_where_there_are_no_cards(httpserver, hook, plan, deliver) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    plan(hook, text="先看这个", card=CARD)
    deliver()
    (body,) = bodies(httpserver)
    assert body["text"] == f"先看这个\n\n{CARD.title}\n{CARD.text}\n{CARD.url}"


def test_a_file_is_uploaded_and_then_sent(accepting, robot, plan, deliver, fresh, table) -> None:
    accepting.expect_request(UPLOAD, query_string={"key": ROBOT_KEY, "type": "file"}).respond_with_json(UPLOADED)
    delivery = plan(robot, text="", file_id=table.pk)
    deliver()
    upload, message = sent(accepting)
    assert 'name="media"; filename="成绩单.csv"'.encode() in upload.get_data(parse_form_data=False)
    assert assets.read_bytes(table) in upload.data
    assert json.loads(message.data) == {"msgtype": "file", "file": {"media_id": "1G6nrLmr5EC3MM"}}
    assert fresh(delivery).state == "accepted"


@pytest.mark.parametrize(
    ("answer", "status", "state", "code"),
    [
        ({"errcode": 93000, "errmsg": f"invalid key {ROBOT_KEY}"}, 200, "failed", "93000"),
        ({"errcode": 45009, "errmsg": "api freq out of limit"}, 200, "planned", "45009"),
        ({"errcode": 0, "errmsg": "ok"}, 200, "planned", "unreadable"),
        ({}, 502, "planned", "502"),
        ([], 200, "planned", "unreadable"),
    ],
)
def test_a_failed_upload_has_sent_nothing(
    accepting, robot, plan, deliver, fresh, table, answer, status, state, code
) -> None:
    accepting.expect_request(UPLOAD).respond_with_json(answer, status=status)
    delivery = plan(robot, text="", file_id=table.pk)
    deliver()
    row = fresh(delivery)
    assert (row.state, row.platform_code) == (state, code)
    assert [request.path for request in sent(accepting)] == [UPLOAD]
    assert ROBOT_KEY not in row.platform_text


def test_an_upload_that_breaks_off_is_tried_again(httpserver, hang_at, robot, plan, deliver, fresh, table, monkeypatch):
    monkeypatch.setattr("messaging.platforms.http_calls.UPLOAD_SECONDS", 0.3)
    hang_at(UPLOAD)
    delivery = plan(robot, text="", file_id=table.pk)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("planned", "no_answer")


def test_a_file_is_refused_where_the_platform_takes_none(httpserver, hook, plan, deliver, fresh, table) -> None:
    delivery = plan(hook, text="见附件", file_id=table.pk)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).reason, sent(httpserver)) == ("failed", "file_not_taken", [])


@pytest.mark.parametrize("size", [5, 20 * 2**20 + 1])
def test_a_file_of_another_size_is_refused(httpserver, robot, plan, deliver, fresh, table, size) -> None:
    type(table).objects.update(size_bytes=size)
    delivery = plan(robot, text="", file_id=table.pk)
    deliver()
    assert (fresh(delivery).reason, sent(httpserver)) == ("file_not_taken", [])


def test_a_file_that_is_gone_fails_with_words(httpserver, robot, plan, deliver, fresh, table) -> None:
    type(table).objects.update(path="nowhere")
    delivery = plan(robot, text="", file_id=table.pk)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).reason, sent(httpserver)) == ("failed", "file_lost", [])
    assert {reason_words(code) for code in ("file_lost", "file_not_taken")}.isdisjoint({"file_lost", "file_not_taken"})


def test_a_receiver_that_hangs_after_accepting_leaves_a_doubt(
    httpserver, hang_at, impatient, robot, plan, deliver, fresh
) -> None:
    hang_at(SEND)
    delivery = plan(robot, text="**开抢**", is_markdown=True)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("unknown", "no_answer")


def test_the_key_is_in_no_line_and_no_answer(httpserver, robot, plan, deliver, fresh, caplog) -> None:
    caplog.set_level("DEBUG")
    httpserver.expect_request(SEND).respond_with_json({"errcode": 93000, "errmsg": f"invalid key {ROBOT_KEY}"})
    delivery = plan(robot)
    deliver()
    assert fresh(delivery).platform_text == "invalid key …"
    assert not [line for line in caplog.records if line.name != "werkzeug" and ROBOT_KEY in line.getMessage()]


def test_parts_are_image_text_and_the_call_to_everybody() -> None:
    content = Content(text="@[所有人](all)", is_markdown=True, has_image=True)
    assert ADAPTER.parts(content) == (Part(has_image=True), Part("@[所有人](all)"), Part())
