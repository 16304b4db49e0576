"""What an announcement says: marks, texts in several messages, a picture; judged when written, sent as chosen."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models import ProtectedError
from django.test.utils import CaptureQueriesContext

from campaigns import services
from campaigns.errors import AlreadyCancelled
from campaigns.models import Announcement, Occurrence
from community_ops.accounts.models import Workspace
from community_ops.common.assets import store_image
from community_ops.common.errors import InvalidInput
from community_ops.common.models import Asset, AuditEntry
from groups.models import ChatGroup, Community
from messaging.models import Delivery, OutboundMessage, SandboxPost
from messaging.services import deliver_due
from tests.campaigns.conftest import make_group
from tests.common.test_pictures import drawn
from tests.factories.people import SYSTEM, Someone
from tests.moments import NOON

pytestmark = pytest.mark.usefixtures("in_english")
HOUR = timedelta(hours=1)
Say = Callable[..., Announcement]
LONG = "".join(f"第{number}句话讲一件事。" for number in range(100))  # two messages for a WeCom robot
FAMILY = "👨‍👩‍👧"


def image_of(workspace: Workspace, colour: str = "red") -> Asset:
    return store_image(SimpleUploadedFile("毛衣.png", drawn(colour=colour)), workspace_id=workspace.pk)


@pytest.fixture
def robot(community: Community) -> ChatGroup:
    return make_group(community, "机器人群", platform="wecom_robot")


@pytest.fixture
def image(workspace: Workspace) -> Asset:
    return image_of(workspace)


@pytest.fixture
def say(workspace: Workspace, group: ChatGroup) -> Say:
    """Write a draft; `draft` writes it anew instead."""

    def write(*groups: ChatGroup, draft: Announcement | None = None, text: str = "今晚见", **how: Any) -> Announcement:
        facts = {"groups": groups or [group], "text": text, "due_at": NOON + HOUR} | how
        written = services.AnnouncementDraft(**facts)
        if draft is not None:
            return services.change_announcement(announcement=draft, draft=written, actor=SYSTEM, now=NOON)
        return services.create_announcement(workspace_id=workspace.pk, draft=written, actor=SYSTEM, now=NOON)

    return write


def codes(warnings: list[Any]) -> list[str]:
    return [warning["code"] for warning in warnings]


def schedule(announcement: Announcement) -> list[Any]:
    return services.schedule_announcement(announcement=announcement, actor=SYSTEM, now=NOON)


def test_marks_choice_and_picture_go_with_every_delivery_and_into_the_audit_log(
    say: Say, group: ChatGroup, robot: ChatGroup, image: Asset
) -> None:
    draft = say(group, robot, text="**今晚**见", is_markdown=True, may_split=True, image=image)
    schedule(draft)
    found = OutboundMessage.objects.values_list("text", "is_markdown", "may_split", "image_id")
    assert list(found) == [("**今晚**见", True, True, image.pk)] * 2
    written = AuditEntry.objects.get(verb="announcement.created").after
    assert (written["is_markdown"], written["may_split"], written["image"]) == (True, True, image.pk)


def test_a_draft_is_plain_in_one_piece_and_without_a_picture_unless_it_is_chosen(say: Say) -> None:
    draft = say()
    assert (draft.is_markdown, draft.may_split, draft.image) == (False, False, None)


def test_writing_a_draft_anew_replaces_everything_and_is_in_the_audit_log(say: Say, image: Asset) -> None:
    draft = say(is_markdown=True, image=image)
    say(draft=draft, text="明天见", may_split=True)
    draft.refresh_from_db()
    assert (draft.text, draft.is_markdown, draft.may_split, draft.image) == ("明天见", False, True, None)
    written = AuditEntry.objects.get(verb="announcement.changed").after
    assert (written["is_markdown"], written["may_split"], written["image"]) == (False, True, None)


def test_a_picture_that_an_announcement_has_is_not_deleted(say: Say, image: Asset) -> None:
    say(image=image)
    with pytest.raises(ProtectedError):
        image.delete()


def test_the_room_gets_words_marks_and_picture(say: Say, image: Asset) -> None:
    schedule(say(text="**今晚**见", is_markdown=True, image=image))
    deliver_due(worker="tests", now=NOON + HOUR)
    post = SandboxPost.objects.get()
    assert (post.text, post.is_markdown, post.image_id) == ("**今晚**见", True, image.pk)
    assert Delivery.objects.get().state == "accepted"


def test_the_planner_that_makes_missing_deliveries_takes_all_of_it(say: Say, image: Asset) -> None:
    draft = say(text="**今晚**见", is_markdown=True, may_split=True, image=image)
    Announcement.objects.filter(pk=draft.pk).update(state="scheduled")
    Occurrence.objects.create(workspace_id=draft.workspace_id, announcement=draft, due_at=draft.due_at)
    assert services.plan_due(now=NOON) == 1
    row = OutboundMessage.objects.get()
    assert (row.is_markdown, row.may_split, row.image_id) == (True, True, image.pk)


@pytest.mark.parametrize("draft_first", [False, True])
def test_a_text_that_is_too_long_is_refused_unless_it_may_be_cut(
    say: Say, group: ChatGroup, robot: ChatGroup, draft_first: bool
) -> None:
    draft = say() if draft_first else None
    with pytest.raises(InvalidInput) as caught:
        say(group, robot, draft=draft, text=LONG)
    size = len(LONG.encode())
    assert caught.value.message == f"The text has {size} bytes; WeCom group robot takes 2048."
    assert (caught.value.field, caught.value.extra["platform"]) == ("text", "wecom_robot")
    assert list(Announcement.objects.values_list("text", flat=True)) == (["今晚见"] if draft_first else [])
    assert say(group, robot, draft=draft, text=LONG, may_split=True).text == LONG


def test_more_messages_than_ten_are_refused(say: Say, robot: ChatGroup) -> None:
    with pytest.raises(InvalidInput) as caught:
        say(robot, text="字" * 7000, may_split=True)
    assert "cut into 11 messages for WeCom group robot; at most 10" in caught.value.message
    assert not Announcement.objects.exists()


def test_marks_count_as_the_platform_counts_them(say: Say, robot: ChatGroup) -> None:
    assert say(robot, text="字" * 1300, is_markdown=True)
    with pytest.raises(InvalidInput):
        say(robot, text="字" * 1300)


def test_a_limit_inside_an_emoji_cuts_before_it_and_nothing_is_lost(say: Say, robot: ChatGroup) -> None:
    text = "x" * 2040 + FAMILY + "y" * 5
    draft = say(robot, text=text, may_split=True)
    (found,) = services.arrivals([robot], services.content_of(draft), may_split=True).values()
    shown = ["".join(span["text"] for span in part.lines[0]["spans"]) for part in found.parts]
    assert shown == ["x" * 2040, FAMILY + "y" * 5]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"text": "**", "is_markdown": True}, "There are only marks in this text"),
        ({"text": "> \n- - -\n# ", "is_markdown": True}, "There are only marks in this text"),
        ({"text": "今晚\ud83d"}, "half an emoji"),
        ({"text": "{name}，今晚见"}, "Unknown placeholder"),
        ({"text": "**{name}**", "is_markdown": True}, "Unknown placeholder"),
        ({"text": " \n "}, "must not be empty"),
    ],
)
def test_what_nobody_could_read_is_refused_and_nothing_is_half_done(
    say: Say, image: Asset, how: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        say(image=image, **how)
    assert caught.value.field == "text"
    assert words in caught.value.message
    assert not Announcement.objects.exists()
    assert not AuditEntry.objects.exists()


def test_signs_that_are_no_marks_here_are_words(say: Say) -> None:
    assert say(text="***").text == "***"


def test_another_workspaces_picture_or_another_kind_of_file_is_refused(
    say: Say, image: Asset, stranger: Someone
) -> None:
    for bad in (image_of(stranger.workspace), Asset(workspace_id=image.workspace_id, content_type="text/csv")):
        with pytest.raises(InvalidInput) as caught:
            say(image=bad)
        assert caught.value.field == "image"
    assert not Announcement.objects.exists()


def test_scheduling_judges_again_what_may_have_changed(say: Say, group: ChatGroup, robot: ChatGroup) -> None:
    draft = say(group, text=LONG)
    group.endpoint = robot.endpoint
    group.save()
    with pytest.raises(InvalidInput):
        schedule(draft)
    assert (Announcement.objects.get().state, Delivery.objects.count()) == ("draft", 0)


def test_what_arrives_otherwise_is_said_for_each_platform(say: Say, community: Community, image: Asset) -> None:
    groups = [make_group(community, name, platform=name) for name in ("feishu_robot", "wecom_robot", "webhook")]
    warnings = schedule(say(*groups, text=LONG, may_split=True, image=image))
    messages = [(warning["code"], warning["message"].partition(":")[0]) for warning in warnings]
    assert messages == [
        ("no_picture", "Feishu / Lark group robot"),
        ("picture_by_link", warnings[1]["message"].partition(":")[0]),
        ("text_cut", "WeCom group robot"),
        ("picture_apart", "WeCom group robot"),
    ]
    assert warnings[1]["message"].startswith("Signed webhook fetches the picture from this site")


def test_a_rehearsal_says_what_scheduling_says_and_changes_nothing(
    say: Say, robot: ChatGroup, silent_group: ChatGroup
) -> None:
    draft = say(robot, silent_group, text=LONG, may_split=True)
    before = draft.updated_at
    rehearsed = services.rehearse_announcement(announcement=draft, now=NOON)
    draft.refresh_from_db()
    assert (draft.state, draft.updated_at, Delivery.objects.count()) == ("draft", before, 0)
    assert codes(rehearsed) == ["no_endpoint", "text_cut"]
    assert rehearsed == schedule(draft) == services.rehearse_announcement(announcement=draft, now=NOON)


def test_a_rehearsal_refuses_what_scheduling_refuses(say: Say, group: ChatGroup, robot: ChatGroup) -> None:
    late, big, gone = say(), say(text=LONG), say()
    with pytest.raises(InvalidInput):
        services.rehearse_announcement(announcement=late, now=NOON + 2 * HOUR)
    group.endpoint = robot.endpoint
    group.save()
    with pytest.raises(InvalidInput):
        services.rehearse_announcement(announcement=big, now=NOON)
    services.cancel_announcement(announcement=gone, actor=SYSTEM, now=NOON)
    with pytest.raises(AlreadyCancelled):
        services.rehearse_announcement(announcement=gone, now=NOON)


def test_what_is_said_beforehand_asks_the_database_the_same_number_of_times(
    say: Say, community: Community, image: Asset
) -> None:
    platforms = ["wecom_robot", "feishu_robot", "webhook", "telegram"]
    many = [make_group(community, f"{number}群", platform=platforms[number % 4]) for number in range(12)]
    counts = []
    for groups in (many[:1], many):
        draft = say(*groups, text=LONG, may_split=True, image=image)
        with CaptureQueriesContext(connection) as asked:
            services.content_warnings(draft, groups)
        counts.append(len(asked))
    assert counts == [1, 1]


def test_lists_and_headings_show_the_words_without_their_marks(say: Say) -> None:
    marked = say(text="# **今晚**见 @[所有人](all)", is_markdown=True)
    assert marked.words == str(marked) == "今晚见 @所有人"
    assert say(text="**今晚**").words == "**今晚**"
