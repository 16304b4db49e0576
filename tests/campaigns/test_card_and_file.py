"""A link card and a file of an announcement: written on the page and over REST, refused, shown, and sent."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_httpserver import HTTPServer
from rest_framework.test import APIClient

from campaigns.models import Announcement
from community_ops.accounts.models import Workspace
from community_ops.common import clock, net
from community_ops.common.assets import page_link, store_file, store_table
from community_ops.common.models import Asset
from groups.models import ChatGroup, Community
from messaging.models import Delivery, SandboxPost
from messaging.services import deliver_due
from tests.campaigns.conftest import HTMX, Page, make_group, schedule, text_of
from tests.campaigns.test_composer_pages import fill
from tests.factories.people import Someone
from tests.messaging.conftest import ROBOT_KEY
from tests.messaging.conftest import make_endpoint as make_real_endpoint
from tests.moments import NOON

pytestmark = pytest.mark.usefixtures("at_noon", "in_english")
NEW, URL, ASSETS = "announcements/new/", "/api/v1/announcements/", "/api/v1/assets/"
CARD = {"title": "中秋礼盒", "text": "三款，先看看", "url": "https://shop.example/mid", "picture_url": ""}
TYPED = {f"card_{name}": words for name, words in CARD.items()}
PDF = b"%PDF-1.7 prices"


def upload(data: bytes = PDF, name: str = "价目表.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, content_type="application/pdf")


@pytest.fixture
def kept(workspace: Workspace) -> Asset:
    return store_file(upload(), workspace_id=workspace.pk)


@pytest.fixture
def telegram(community: Community) -> ChatGroup:
    return make_group(community, "电报群", platform="telegram")


def errors(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 422
    return {name: list(found) for name, found in answer.context["form"].errors.items()}


# --- the page ----------------------------------------------------------------------------------------


def test_the_composer_writes_card_and_file_and_the_page_shows_them(page: Page, group: ChatGroup) -> None:
    answer = page(NEW, fill(group, **TYPED, file=upload()), method="post")
    draft = Announcement.objects.get()
    assert (answer.status_code, draft.card) == (302, CARD)
    assert draft.file == Asset.objects.get()
    shown = text_of(page(f"announcements/{draft.pk}/"))
    assert "<b>中秋礼盒</b>" in shown
    assert f'<a href="{page_link(draft.file)}" download>价目表.pdf</a>' in shown
    assert "Sandbox room: the link card is a message of its own, after the text." in shown
    assert "Sandbox room: the file is a message of its own, the last one." in shown


def test_they_are_folded_away_until_something_is_in_them(page: Page, group: ChatGroup, kept: Asset) -> None:
    folded, open_one = '<details class="field">', '<details class="field" open>'
    assert folded in text_of(page(NEW))
    page(NEW, fill(group), method="post")
    assert (Announcement.objects.get().card, Announcement.objects.get().file) == ({}, None)
    for filled in ({"kept_file": kept.pk}, {"card_title": "题"}):
        assert open_one in page(NEW, fill(group, text="", **filled), method="post").content.decode()


def test_a_file_outlives_a_refused_form(page: Page, group: ChatGroup) -> None:
    refused = page(NEW, fill(group, text="{name}", file=upload()), method="post")
    asset = Asset.objects.get()
    assert f'name="kept_file" value="{asset.pk}"' in refused.content.decode()
    assert "Remove the file" in refused.content.decode()
    assert page(NEW, fill(group, kept_file=asset.pk), method="post").status_code == 302
    assert Announcement.objects.get().file == asset


def test_a_draft_keeps_both_changes_and_removes_them(page: Page, group: ChatGroup, kept: Asset) -> None:
    page(NEW, fill(group, **TYPED, kept_file=kept.pk), method="post")
    draft = Announcement.objects.get()
    address = f"announcements/{draft.pk}/edit/"
    form = page(address).context["form"]
    assert (form["card_title"].value(), form["kept_file"].value()) == ("中秋礼盒", kept.pk)
    page(address, fill(group, **TYPED | {"card_title": "新题"}, kept_file=kept.pk), method="post")
    draft.refresh_from_db()
    assert (draft.card["title"], draft.file) == ("新题", kept)
    page(address, fill(group, kept_file=kept.pk, remove_file="on"), method="post")
    draft.refresh_from_db()
    assert (draft.card, draft.file) == ({}, None)


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"card_title": ""}, "card_title", "This must not be empty."),
        ({"card_title": "{name}"}, "card_title", "Unknown placeholder"),
        ({"card_url": ""}, "card_url", "This must not be empty."),
        ({"card_url": "http://shop.example/"}, "card_url", "begins with https://"),
        ({"card_url": "javascript:alert(1)"}, "card_url", "begins with https://"),
        ({"card_url": "https://10.0.0.1/"}, "card_url", "open to everybody"),
        ({"card_url": "https://a.example/ b"}, "card_url", "begins with https://"),
        ({"card_picture_url": "http://shop.example/1.png"}, "card_picture_url", "begins with https://"),
        ({"card_text": "字" * 501}, "card_text", "at most 500 characters"),
    ],
)
def test_what_is_wrong_with_a_card_is_said_at_its_field(
    page: Page, group: ChatGroup, change: dict[str, str], field: str, words: str
) -> None:
    found = errors(page(NEW, fill(group, **TYPED | change), method="post"))
    assert list(found) == [field]
    assert words in found[field][0]
    assert not Announcement.objects.exists()


def test_an_address_may_point_into_a_page(page: Page, group: ChatGroup) -> None:
    page(NEW, fill(group, **TYPED | {"card_url": "https://shop.example/#/item/7"}), method="post")
    assert Announcement.objects.get().card["url"] == "https://shop.example/#/item/7"


def test_a_channel_that_takes_no_file_is_named_before_anything_is_planned(
    page: Page, group: ChatGroup, telegram: ChatGroup
) -> None:
    found = errors(page(NEW, fill(group, telegram, file=upload()), method="post"))
    assert found == {"file": ["Telegram bot takes no files: a message with one is not sent there. It concerns: 电报群"]}
    assert not Announcement.objects.exists()


def test_a_card_too_long_for_a_channel_is_named_at_its_field(page: Page, community: Community) -> None:
    robot = make_group(community, "机器人群", platform="wecom_robot")
    found = errors(page(NEW, fill(robot, **TYPED | {"card_title": "题" * 43}), method="post"))
    assert found == {
        "card_title": ["The card's title has 129 bytes; WeCom group robot takes 128. It concerns: 机器人群"]
    }


def test_the_words_of_a_card_count_where_they_stand_below_the_text(page: Page, telegram: ChatGroup) -> None:
    assert page(NEW, fill(telegram, text="字" * 4090), method="post").status_code == 302
    found = errors(page(NEW, fill(telegram, text="字" * 4090, **TYPED), method="post"))
    assert "Telegram bot takes 4096" in found["text"][0]


@pytest.mark.parametrize("value", ["999999", "x", "-1", "9" * 30, "٣"])
def test_a_kept_file_that_is_none_is_refused(page: Page, group: ChatGroup, value: str) -> None:
    assert errors(page(NEW, fill(group, kept_file=value), method="post")) == {"file": ["There is no such object."]}


def test_an_empty_file_is_refused(page: Page, group: ChatGroup) -> None:
    assert list(errors(page(NEW, fill(group, file=upload(b"")), method="post"))) == ["file"]
    assert not Asset.objects.exists()


def test_the_preview_shows_both_and_what_each_channel_does_with_them(
    page: Page, group: ChatGroup, telegram: ChatGroup
) -> None:
    sent = fill(group, telegram, **TYPED, file="[object File]")  # what htmx sends of a chosen file
    shown = text_of(page(NEW, sent, method="post", **HTMX))
    assert shown.count("<b>中秋礼盒</b>") == 1  # the room; Telegram has its words
    assert shown.count("The chosen file") == 1
    assert "Telegram bot shows no link cards: its title, description and link stand below the text." in shown
    assert "Telegram bot takes no files: a message with one is not sent there." in shown
    alone = text_of(page(NEW, fill(**TYPED, file="[object File]"), method="post", **HTMX))
    assert ("<b>中秋礼盒</b>" in alone, "The chosen file" in alone) == (True, True)


def test_half_a_card_is_shown_as_far_as_it_goes(page: Page, group: ChatGroup) -> None:
    shown = text_of(page(NEW, fill(group, card_title="<b>题</b>"), method="post", **HTMX))
    assert "<b>&lt;b&gt;题&lt;/b&gt;</b>" in shown
    sent = fill(group, card_url="javascript:alert(1)")
    typed = text_of(page(NEW, sent, method="post", **HTMX))
    assert ("<span>javascript:alert(1)</span>" in typed, 'href="javascript' in typed) == (True, False)


# --- REST ----------------------------------------------------------------------------------------------


@pytest.fixture
def body(group: ChatGroup) -> dict[str, Any]:
    return {"groups": [group.pk], "text": "先看这个", "due_at": (clock.now() + timedelta(hours=1)).isoformat()}


def test_rest_uploads_a_file_and_writes_both(api: APIClient, body: dict[str, Any]) -> None:
    made = api.post(ASSETS, {"file": upload()}, format="multipart").json()
    assert (made["content_type"], made["width"], made["size_bytes"]) == ("application/octet-stream", None, len(PDF))
    answer = api.post(URL, body | {"card": CARD, "file": made["id"]}, format="json")
    assert (answer.status_code, answer.json()["card"], answer.json()["file"]) == (201, CARD, made["id"])
    assert [one["code"] for one in answer.json()["warnings"]] == ["card_apart", "file_apart"]
    address = f"{URL}{answer.json()['id']}/"
    assert api.get(address).json()["card"] == CARD
    again = api.post(f"{address}change/", body, format="json").json()  # what is left out is as in a new one
    assert (again["card"], again["file"]) == (None, None)


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ({"title": "题"}, "url"),
        ({"url": "https://a.example/"}, "title"),
        ({"title": "题", "url": "http://a.example/"}, "Link: Give an address that begins with https://"),
        ("https://a.example/", "dictionary"),
    ],
)
def test_a_wrong_card_is_400_naming_it(api: APIClient, body: dict[str, Any], card: Any, words: str) -> None:
    answer = api.post(URL, body | {"card": card}, format="json", headers={"Accept-Language": "en"})
    assert (answer.status_code, list(answer.json())) == (400, ["card"])
    assert words in json.dumps(answer.json())
    assert not Announcement.objects.exists()


def test_a_file_of_others_or_a_table_of_an_import_is_none(
    api: APIClient, body: dict[str, Any], workspace: Workspace, stranger: Someone
) -> None:
    table = SimpleUploadedFile("people.csv", b"name,phone\nmei,1\n")
    people = store_table(table, workspace_id=workspace.pk, delete_after=NOON)
    foreign = store_file(upload(), workspace_id=stranger.workspace.pk)
    for asset in (people, foreign):
        answer = api.post(URL, body | {"file": asset.pk}, format="json")
        assert (answer.status_code, list(answer.json())) == (400, ["file"])


def test_a_form_with_image_and_file_at_once_is_refused(api: APIClient) -> None:
    answer = api.post(ASSETS, {"image": upload(), "file": upload()}, format="multipart")
    assert (answer.status_code, list(answer.json())) == (400, ["image"])


def test_a_group_that_went_to_another_platform_meanwhile_is_found_before_scheduling(
    api: APIClient, body: dict[str, Any], group: ChatGroup, telegram: ChatGroup, kept: Asset
) -> None:
    draft = api.post(URL, body | {"file": kept.pk}, format="json").json()["id"]
    ChatGroup.objects.filter(pk=group.pk).update(endpoint=telegram.endpoint)
    for action in ("rehearse", "schedule"):
        answer = api.post(f"{URL}{draft}/{action}/", format="json")
        assert (answer.status_code, list(answer.json())) == (400, ["file"])
    assert not Delivery.objects.exists()


# --- sending -------------------------------------------------------------------------------------------


@pytest.fixture
def server(httpserver: HTTPServer) -> Iterator[HTTPServer]:
    yield httpserver
    net.close_connections()


def test_a_wecom_robot_gets_text_news_and_file(
    page: Page, server: HTTPServer, community: Community, workspace: Workspace
) -> None:
    server.expect_request("/cgi-bin/webhook/send").respond_with_json({"errcode": 0, "errmsg": "ok"})
    server.expect_request("/cgi-bin/webhook/upload_media").respond_with_json({"errcode": 0, "media_id": "1G6nrL"})
    group = make_group(community, "机器人群", platform="")
    group.endpoint = make_real_endpoint(
        workspace, "wecom_robot", key=ROBOT_KEY, base_url=server.url_for("").rstrip("/")
    )
    group.save()
    page(NEW, fill(group, text="先看这个", **TYPED, file=upload()), method="post")
    schedule(Announcement.objects.get())
    deliver_due(worker="tests", now=NOON + timedelta(hours=2))
    text, news, stored, file = [request for request, _ in server.log]
    assert json.loads(text.data) == {"msgtype": "text", "text": {"content": "先看这个"}}
    article = {"title": CARD["title"], "description": CARD["text"], "url": CARD["url"]}
    assert json.loads(news.data) == {"msgtype": "news", "news": {"articles": [article]}}
    assert PDF in stored.get_data(parse_form_data=False)
    assert json.loads(file.data) == {"msgtype": "file", "file": {"media_id": "1G6nrL"}}
    assert Delivery.objects.get().state == "accepted"


def test_the_sandbox_room_gets_all_three(page: Page, group: ChatGroup, kept: Asset) -> None:
    page(NEW, fill(group, **TYPED, kept_file=kept.pk), method="post")
    schedule(Announcement.objects.get())
    deliver_due(worker="tests", now=NOON + timedelta(hours=2))
    posts = SandboxPost.objects.order_by("part")
    assert [(post.text, bool(post.card), post.file) for post in posts] == [
        ("今晚见", False, None),
        ("", True, None),
        ("", False, kept),
    ]
