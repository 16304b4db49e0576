"""Pages: marks, long texts and a picture in the composer, on an announcement and on a delivery."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.models import Announcement
from community_ops.accounts.models import Workspace
from community_ops.common import pictures
from community_ops.common.assets import page_link, store_image
from community_ops.common.models import Asset
from groups.models import ChatGroup, Community
from messaging.models import Delivery
from tests.campaigns.conftest import HTMX, Page, SignIn, Write, make_group, schedule, text_of
from tests.campaigns.test_composer_pages import fill
from tests.common.test_pictures import drawn, noise
from tests.factories.people import Someone

pytestmark = pytest.mark.usefixtures("at_noon", "in_english")
NEW = "announcements/new/"
LONG = "".join(f"第{number}句话讲一件事。" for number in range(100))  # two messages for a WeCom robot


def picture(data: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile("毛衣.png", drawn() if data is None else data, content_type="image/png")


@pytest.fixture
def kept(workspace: Workspace) -> Asset:
    return store_image(picture(), workspace_id=workspace.pk)


@pytest.fixture
def robot(community: Community) -> ChatGroup:
    return make_group(community, "机器人群", platform="wecom_robot")


def bubbles(answer: Any) -> list[dict[str, Any]]:
    """What is in the bubbles: the words of each message and whether it has a picture, with platform and size."""
    return [
        {name: bubble.get(name) for name in ("platform", "size", "limit", "unit")}
        | {
            "texts": ["".join(span["text"] for line in part["lines"] for span in line["spans"]) for part in one_by_one],
            "pictures": [bool(part["image_url"] or part["has_new_image"]) for part in one_by_one],
        }
        for bubble in answer.context["bubbles"]
        for one_by_one in [bubble["parts"]]
    ]


# --- writing -----------------------------------------------------------------------------------------


def test_the_composer_writes_marks_a_choice_and_a_picture(page: Page, group: ChatGroup) -> None:
    sent = fill(group, text="**今晚**见", is_markdown="1", may_split="1", image=picture())
    assert page(NEW, sent, method="post").status_code == 302
    draft = Announcement.objects.get()
    assert (draft.text, draft.is_markdown, draft.may_split) == ("**今晚**见", True, True)
    assert draft.image == Asset.objects.get()


def test_nothing_chosen_is_plain_in_one_piece(page: Page, group: ChatGroup) -> None:
    page(NEW, fill(group, is_markdown="", may_split=""), method="post")
    draft = Announcement.objects.get()
    assert (draft.is_markdown, draft.may_split, draft.image) == (False, False, None)


def test_a_picture_outlives_a_refused_form(page: Page, group: ChatGroup) -> None:
    refused = page(NEW, fill(group, text="{name}", image=picture()), method="post")
    shown = refused.content.decode()
    asset = Asset.objects.get()
    assert (refused.status_code, Announcement.objects.count()) == (422, 0)
    assert f'name="kept_image" value="{asset.pk}"' in shown
    assert shown.count(f'src="{page_link(asset)}"') == 2  # beside its field and in the bubble
    assert "Remove the picture" in shown

    page(NEW, fill(group, kept_image=asset.pk), method="post")
    assert Announcement.objects.get().image == asset
    assert Asset.objects.count() == 1


@pytest.mark.parametrize(
    ("data", "words"), [(b"no image", "This is not an image that can be read."), (b"", "The submitted file is empty.")]
)
def test_what_is_no_image_is_said_and_nothing_is_kept(page: Page, group: ChatGroup, data: bytes, words: str) -> None:
    refused = page(NEW, fill(group, image=picture(data)), method="post")
    assert refused.status_code == 422
    assert list(refused.context["form"].errors) == ["image"]
    assert words in refused.content.decode()
    assert (Announcement.objects.count(), Asset.objects.count()) == (0, 0)


def test_an_image_over_the_limit_is_said(page: Page, group: ChatGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_BYTES", 2**20)
    refused = page(NEW, fill(group, image=picture(noise(700))), method="post")
    assert "An image may have up to 1 MB." in refused.content.decode()
    assert not Announcement.objects.exists()


def test_a_bad_picture_does_not_lose_the_one_before(page: Page, group: ChatGroup, kept: Asset) -> None:
    refused = page(NEW, fill(group, image=picture(b"x"), kept_image=kept.pk), method="post")
    assert (refused.status_code, refused.context["picture_url"]) == (422, page_link(kept))


def test_a_draft_shows_its_picture_keeps_changes_and_removes_it(page: Page, group: ChatGroup, kept: Asset) -> None:
    page(NEW, fill(group, kept_image=kept.pk, is_markdown="1"), method="post")
    draft = Announcement.objects.get()
    address = f"announcements/{draft.pk}/edit/"
    shown = page(address)
    assert shown.context["picture_url"] == page_link(kept)
    assert shown.context["form"]["is_markdown"].value() == "1"

    def image_after(**sent: Any) -> Asset | None:
        assert page(address, fill(group, **sent), method="post").status_code == 302
        return Announcement.objects.get().image

    assert image_after(kept_image=kept.pk) == kept
    other = image_after(kept_image=kept.pk, remove_image="on", image=picture(drawn(colour="blue")))
    assert other is not None
    assert other != kept
    assert image_after(kept_image=kept.pk, remove_image="on") is None
    assert "Remove the picture" not in text_of(page(address))


@pytest.mark.parametrize("value", ["999999", "x", "-1", "9" * 30, "a\x00b", "٣"])
def test_a_kept_picture_that_is_none_is_refused(page: Page, group: ChatGroup, value: str) -> None:
    refused = page(NEW, fill(group, kept_image=value), method="post")
    assert (refused.status_code, refused.context["form"].errors["image"]) == (422, ["There is no such object."])
    assert not Announcement.objects.exists()


def test_another_workspaces_picture_is_not_taken_and_not_shown(page: Page, group: ChatGroup, stranger: Someone) -> None:
    foreign = store_image(picture(), workspace_id=stranger.workspace.pk)
    refused = page(NEW, fill(group, kept_image=foreign.pk), method="post")
    assert (refused.status_code, Announcement.objects.count()) == (422, 0)
    preview = page(NEW, fill(group, kept_image=foreign.pk), method="post", **HTMX)
    for shown in (refused, preview):
        assert "/f/" not in shown.content.decode()


def test_a_text_of_marks_alone_is_refused_on_the_page(page: Page, group: ChatGroup) -> None:
    refused = page(NEW, fill(group, text="**", is_markdown="1"), method="post")
    assert "There are only marks in this text" in refused.content.decode()
    assert not Announcement.objects.exists()


def test_a_text_that_is_too_long_is_refused_with_platform_unit_and_size(page: Page, robot: ChatGroup) -> None:
    refused = page(NEW, fill(robot, text=LONG), method="post")
    assert f"The text has {len(LONG.encode())} bytes; WeCom group robot takes 2048." in refused.content.decode()
    assert page(NEW, fill(robot, text=LONG, may_split="1"), method="post").status_code == 302


def test_a_viewer_uploads_nothing(viewer: Someone, signed_in: SignIn, group: ChatGroup) -> None:
    url = f"/w/{viewer.workspace.slug}/{NEW}"
    for headers in ({}, HTMX):
        assert signed_in(viewer).post(url, fill(group, image=picture()), headers=headers).status_code == 403
    assert not Asset.objects.exists()


# --- the preview -------------------------------------------------------------------------------------


def test_the_preview_shows_marks_and_never_markup(page: Page, group: ChatGroup) -> None:
    sent = fill(group, text="**今晚** <b>x</b> [看](https://a.example)", is_markdown="1")
    shown = text_of(page(NEW, sent, method="post", **HTMX))
    assert "<strong>今晚</strong> &lt;b&gt;x&lt;/b&gt;" in shown
    assert '<a href="https://a.example" rel="noopener">看</a>' in shown
    plain = text_of(page(NEW, sent | {"is_markdown": ""}, method="post", **HTMX))
    assert "**今晚** &lt;b&gt;x&lt;/b&gt; [看](" in plain


def test_the_preview_shows_one_bubble_for_each_message(page: Page, group: ChatGroup, robot: ChatGroup) -> None:
    answer = page(NEW, fill(group, robot, text=LONG, may_split="1"), method="post", **HTMX)
    wecom, room = bubbles(answer)
    assert len(wecom["texts"]) == 2
    assert "".join(wecom["texts"]) == LONG
    assert (wecom["size"], wecom["limit"], wecom["unit"]) == (len(LONG.encode()), 2048, "bytes")
    assert room["texts"] == [LONG]
    shown = text_of(answer)
    assert "Message 1 of 2" in shown
    assert "Message 2 of 2" in shown
    assert "WeCom group robot: the text is cut into 2 messages." in shown
    assert "is-too-long" not in shown


def test_the_preview_does_not_cut_what_may_not_be_cut(page: Page, robot: ChatGroup) -> None:
    answer = page(NEW, fill(robot, text=LONG), method="post", **HTMX)
    assert bubbles(answer)[0]["texts"] == [LONG]
    assert "is-too-long" in text_of(answer)
    assert "cut into" not in text_of(answer)


def test_the_preview_does_not_pretend_that_too_many_messages_are_sent(page: Page, robot: ChatGroup) -> None:
    for text in ("字" * 7000, "字" * 200_000):
        answer = page(NEW, fill(robot, text=text, may_split="1"), method="post", **HTMX)
        assert len(bubbles(answer)[0]["texts"]) == 1
        assert "is-too-long" in text_of(answer)


@pytest.mark.parametrize(("platform", "unit", "size"), [("telegram", "utf16", 3), ("discord", "characters", 2)])
def test_the_preview_counts_as_the_platform_counts(
    page: Page, community: Community, platform: str, unit: str, size: int
) -> None:
    answer = page(NEW, fill(make_group(community, platform=platform), text="字👍"), method="post", **HTMX)
    (bubble,) = bubbles(answer)
    assert (bubble["unit"], bubble["size"]) == (unit, size)
    assert f'data-unit="{unit}">' in text_of(answer)  # nothing to guess while somebody types


def test_what_a_platform_counts_besides_the_text_is_told_to_the_browser(page: Page, community: Community) -> None:
    feishu = make_group(community, platform="feishu_robot")
    answer = page(NEW, fill(feishu, text="今晚见"), method="post", **HTMX)
    (bubble,) = answer.context["bubbles"]
    assert bubble["extra"] == bubble["size"] - 9 > 0
    assert f'data-extra="{bubble["extra"]}"' in text_of(answer)


def test_the_preview_shows_the_picture_only_where_it_arrives(
    page: Page, group: ChatGroup, robot: ChatGroup, community: Community, kept: Asset
) -> None:
    feishu = make_group(community, "飞书群", platform="feishu_robot")
    answer = page(NEW, fill(group, robot, feishu, kept_image=kept.pk), method="post", **HTMX)
    assert [(bubble["texts"], bubble["pictures"]) for bubble in bubbles(answer)] == [
        (["", "今晚见"], [True, False]),  # WeCom: a message of its own
        (["今晚见"], [False]),  # Feishu
        (["今晚见"], [True]),  # the room
    ]
    shown = text_of(answer)
    assert shown.count(f'src="{page_link(kept)}"') == 2
    assert "Feishu / Lark group robot: the picture does not go along, only the text." in shown
    assert "WeCom group robot: the picture goes out as a message of its own, before the text." in shown
    gone = page(NEW, fill(group, kept_image=kept.pk, remove_image="on"), method="post", **HTMX)
    assert "bubble-image" not in text_of(gone)


def test_a_picture_that_was_chosen_has_its_place_before_it_is_sent(page: Page, robot: ChatGroup, kept: Asset) -> None:
    """htmx sends "[object File]" for it."""
    sent = fill(robot, image="[object File]", kept_image=kept.pk)
    answer = page(NEW, sent, method="post", **HTMX)
    assert bubbles(answer)[0]["pictures"] == [True, False]
    assert "data-new-picture" in text_of(answer)
    assert page_link(kept) not in text_of(answer)
    assert Asset.objects.count() == 1


def test_without_a_group_the_preview_shows_marks_and_picture(page: Page, group: ChatGroup, kept: Asset) -> None:
    sent = fill(text="**今晚**", is_markdown="1", kept_image=kept.pk)
    shown = text_of(page(NEW, sent, method="post", **HTMX))
    assert "<strong>今晚</strong>" in shown
    assert page_link(kept) in shown
    empty = text_of(page(NEW, fill(group, text=""), method="post", **HTMX))
    assert 'data-placeholder="The text will appear here."></div>' in empty


def test_the_preview_asks_the_database_the_same_number_of_times(page: Page, community: Community, kept: Asset) -> None:
    platforms = ["wecom_robot", "feishu_robot", "webhook", "telegram"]
    many = [make_group(community, f"{number}群", platform=platforms[number % 4]) for number in range(12)]
    counts = []
    for groups in (many[:1], many):
        sent = fill(*groups, text=LONG, may_split="1", kept_image=kept.pk)
        with CaptureQueriesContext(connection) as asked:
            assert len(page(NEW, sent, method="post", **HTMX).context["bubbles"]) == min(len(groups), 4)
        counts.append(len(asked))
    assert counts[0] == counts[1]


# --- what was written --------------------------------------------------------------------------------


def test_an_announcement_and_its_delivery_show_marks_and_picture(page: Page, group: ChatGroup, kept: Asset) -> None:
    page(NEW, fill(group, text="**今晚**见", is_markdown="1", kept_image=kept.pk), method="post")
    draft = Announcement.objects.get()
    detail, listed = text_of(page(f"announcements/{draft.pk}/")), text_of(page("announcements/"))
    schedule(draft)
    for shown in (detail, text_of(page(f"deliveries/{Delivery.objects.get().pk}/"))):
        assert "<strong>今晚</strong>见" in shown
        assert f'src="{page_link(kept)}"' in shown
    assert ">今晚见</h1>" in detail
    assert ">今晚见</a>" in listed


def test_a_delivery_in_several_messages_shows_each(page: Page, robot: ChatGroup) -> None:
    page(NEW, fill(robot, text=LONG, may_split="1"), method="post")
    schedule(Announcement.objects.get())
    shown = text_of(page(f"deliveries/{Delivery.objects.get().pk}/"))
    assert "Message 1 of 2" in shown
    assert "Message 2 of 2" in shown


def test_a_delivery_without_a_channel_shows_what_was_written(page: Page, silent_group: ChatGroup, kept: Asset) -> None:
    page(NEW, fill(silent_group, text="**今晚**见", is_markdown="1", kept_image=kept.pk), method="post")
    schedule(Announcement.objects.get())
    shown = text_of(page(f"deliveries/{Delivery.objects.get().pk}/"))
    assert "<strong>今晚</strong>见" in shown
    assert page_link(kept) in shown


def test_a_draft_says_beforehand_how_it_arrives(page: Page, write: Write, robot: ChatGroup) -> None:
    draft = write(robot)
    Announcement.objects.filter(pk=draft.pk).update(text=LONG, may_split=True)
    assert "WeCom group robot: the text is cut into 2 messages." in text_of(page(f"announcements/{draft.pk}/"))


def test_the_page_of_an_announcement_asks_the_database_the_same_number_of_times(
    page: Page, write: Write, community: Community, kept: Asset
) -> None:
    platforms = ["wecom_robot", "feishu_robot", "webhook", "telegram"]
    many = [make_group(community, f"{number}群", platform=platforms[number % 4]) for number in range(12)]
    counts = []
    for groups in (many[:1], many):
        draft = write(*groups)
        Announcement.objects.filter(pk=draft.pk).update(image=kept)
        page(f"announcements/{draft.pk}/")
        with CaptureQueriesContext(connection) as asked:
            page(f"announcements/{draft.pk}/")
        counts.append(len(asked))
    assert counts[0] == counts[1]
