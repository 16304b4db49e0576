"""Pages: 群消息, the composer and its preview."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from campaigns.models import Announcement
from groups.models import ChatGroup
from tests.campaigns.conftest import HTMX, Page, SignIn, Write, make_fail, make_group, schedule, text_of
from tests.factories.people import Someone
from tests.moments import NOON

pytestmark = pytest.mark.usefixtures("at_noon", "in_english")


def fill(*groups: ChatGroup, **change: Any) -> dict[str, Any]:
    due_at = "2026-11-21T21:30"  # in Shanghai
    return {"groups": [group.pk for group in groups], "text": "今晚见", "due_at": due_at} | change


def test_composer_writes_a_draft_in_the_communitys_time(page: Page, group: ChatGroup) -> None:
    answer = page("announcements/new/", fill(group), method="post")
    draft = Announcement.objects.get()
    assert (answer.status_code, answer["Location"]) == (
        302, f"/w/{group.workspace.slug}/announcements/{draft.pk}/"
    )  # fmt: skip
    assert (draft.state, draft.text, draft.due_at) == ("draft", "今晚见", NOON + timedelta(minutes=90))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"groups": []}, "Choose at least one group."),
        ({"groups": ["999999"]}, "There is no such object."),
        ({"groups": ["x"]}, "x"),
        ({"text": ""}, "This field is required."),
        ({"text": "a\x00b"}, "Null characters are not allowed."),
        ({"text": "a\u202eb"}, "invisible direction marks"),
        ({"text": "字" * 100_000}, "at most 20000 characters"),
        ({"text": "{name}"}, "Unknown placeholder"),
        ({"due_at": "2020-01-01T10:00"}, "This time is past."),
        ({"due_at": "gestern"}, "Choose a day and a time."),
        ({"due_at": "9999-12-31T23:59"}, "Choose a day and a time."),
        ({"due_at": ""}, "This field is required."),
    ],
)
def test_composer_names_what_is_wrong(page: Page, group: ChatGroup, change: dict[str, Any], words: str) -> None:
    answer = page("announcements/new/", fill(group, **change), method="post")
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Announcement.objects.exists()


def test_composer_refuses_what_a_platform_cannot_take(page: Page, community: Any) -> None:
    robot = make_group(community, "机器人群", platform="wecom_robot")
    answer = page("announcements/new/", fill(robot, text="字" * 700), method="post")
    assert "2048" in answer.content.decode()
    assert not Announcement.objects.exists()


def summary_of(page: str) -> str:
    found = re.search(
        r'<div class="notice tone-bad" role="alert" tabindex="-1" autofocus.*?</div></div>', page, re.DOTALL
    )
    return found[0] if found else ""


def test_a_refused_file_is_said_first_with_its_field_and_the_groups_it_concerns(
    page: Page, group: ChatGroup, community: Any
) -> None:
    hooks = [make_group(community, f"钉钉{number}", platform="dingtalk_robot") for number in (1, 2)]
    sent = fill(group, *hooks, file=SimpleUploadedFile("价目表.pdf", b"%PDF-1.7 prices"))
    answer = page("announcements/new/", sent, method="post")
    assert answer.status_code == 422
    shown = answer.content.decode()
    told = summary_of(shown)
    assert 'href="#id_file"' in told
    assert "takes no files" in told
    assert "It concerns: 钉钉1, 钉钉2" in told
    assert shown.index(told) < shown.index('id="id_groups_field"')


def test_each_field_in_error_has_its_link_and_a_form_without_errors_no_summary(page: Page, group: ChatGroup) -> None:
    told = summary_of(page("announcements/new/", fill(text=""), method="post").content.decode())
    assert ('href="#id_groups_field"' in told, 'href="#id_text"' in told) == (True, True)
    assert not summary_of(text_of(page("announcements/new/")))


def test_what_does_not_let_it_be_written_is_the_first_of_the_notes(
    page: Page, silent_group: ChatGroup, community: Any
) -> None:
    hook = make_group(community, "钉钉", platform="dingtalk_robot")
    answer = page("announcements/new/", fill(silent_group, hook, file="价目表.pdf"), method="post", **HTMX)
    assert [note["code"] for note in answer.context["notes"]][:2] == ["no_file", "no_endpoint"]
    assert '<div class="notice tone-bad">' in text_of(answer)


def test_composer_does_not_offer_other_workspaces_groups(
    page: Page, group: ChatGroup, foreign_group: ChatGroup
) -> None:
    assert foreign_group.name not in text_of(page("announcements/new/"))
    assert page("announcements/new/", fill(foreign_group), method="post").status_code == 422
    assert not Announcement.objects.exists()


def test_preview_counts_bytes_for_each_platform_and_saves_nothing(page: Page, group: ChatGroup, community: Any) -> None:
    robot = make_group(community, "机器人群", platform="wecom_robot")
    shown = text_of(page("announcements/new/", fill(group, robot, text="你好<b>"), method="post", **HTMX))
    assert "2,048" in shown
    assert "32,768" in shown
    assert "data-size>9</span>" in shown
    assert "你好&lt;b&gt;" in shown
    assert not Announcement.objects.exists()


@pytest.mark.parametrize(("count", "more"), [(3, ""), (5, " and 2 more")])
def test_a_bubble_that_names_three_groups_says_how_many_more(page: Page, community: Any, count: int, more: str) -> None:
    groups = [make_group(community, f"L0{number}") for number in range(count)]
    answer = page("announcements/new/", fill(*groups, text="你好"), method="post", **HTMX)
    assert [bubble["group"] for bubble in answer.context["bubbles"]] == [f"L00, L01, L02{more}"]


def test_preview_of_nonsense_is_no_error(page: Page, db: None) -> None:
    text_of(page("announcements/new/", {"groups": ["x", "9" * 30], "text": "a\x00"}, method="post", **HTMX))


def test_a_missing_channel_is_only_said_of_a_chosen_group(
    page: Page, group: ChatGroup, silent_group: ChatGroup
) -> None:
    def said(*groups: ChatGroup) -> tuple[bool, bool]:
        shown = text_of(page("announcements/new/", fill(*groups), method="post", **HTMX))
        return "No delivery channel" in shown, "没接通的群 has no delivery channel" in shown

    assert said() == said(group) == (False, False)
    assert said(silent_group) == (True, True)
    assert said(group, silent_group) == (False, True)
    first_look = page("announcements/new/")
    assert (first_look.context["bubbles"][0]["platform"], first_look.context["notes"]) == ("Preview", [])


def test_preview_warns_of_a_channel_that_fails(page: Page, group: ChatGroup, second_group: ChatGroup) -> None:
    make_fail(group)
    shown = text_of(page("announcements/new/", fill(group, second_group), method="post", **HTMX))
    assert shown.count("the last message to it failed. The platform said: 93000 invalid webhook url") == 1
    shown = text_of(page("announcements/new/", fill(second_group), method="post", **HTMX))
    assert "the last message to it failed" not in shown


def test_draft_is_written_anew(page: Page, write: Write, second_group: ChatGroup) -> None:
    draft = write()
    assert "晚上八点见" in text_of(page(f"announcements/{draft.pk}/edit/"))
    page(f"announcements/{draft.pk}/edit/", fill(second_group), method="post")
    draft.refresh_from_db()
    assert (draft.text, [row.group_id for row in draft.targets.all()]) == ("今晚见", [second_group.pk])


def test_scheduled_announcement_is_not_written_anew(page: Page, write: Write, group: ChatGroup) -> None:
    announcement = write()
    schedule(announcement)
    answer = page(f"announcements/{announcement.pk}/edit/", fill(group), method="post")
    assert "Only a draft can be changed." in answer.content.decode()
    assert Announcement.objects.get().text == "晚上八点见"


def test_without_a_group_the_composer_names_the_next_step(page: Page, helper: Someone, signed_in: SignIn) -> None:
    root = f"/w/{helper.workspace.slug}/"
    shown = text_of(page("announcements/new/"))
    assert "No group yet" in shown
    assert f'href="{root}groups/new/"' in shown
    assert "<textarea" not in shown
    hers = signed_in(helper).get(f"{root}announcements/new/", headers={"Accept-Language": "en"}).content.decode()
    assert "No group yet" in hers
    assert f'<a class="button button-primary" href="{root}groups/new/"' not in hers


def test_the_group_of_the_address_is_chosen_already(page: Page, group: ChatGroup, second_group: ChatGroup) -> None:
    answer = page("announcements/new/", {"group": second_group.pk})
    chosen = [str(box.data["value"]) for box in answer.context["form"]["groups"] if box.data["selected"]]
    assert chosen == [str(second_group.pk)]
    assert second_group.name in answer.context["bubbles"][0]["group"]
    assert page("announcements/new/", {"group": "x"}).status_code == 200
