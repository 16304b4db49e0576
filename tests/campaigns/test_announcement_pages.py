"""Pages: 群消息, the list and one announcement with what became of it."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns import services
from campaigns.models import Announcement
from community_ops.accounts.models import Workspace
from groups.models import ChatGroup, Community
from messaging import services as messaging
from messaging.models import Delivery, HumanTask
from tests.campaigns.conftest import (
    HTMX,
    UNREACHED,
    Page,
    SignIn,
    Write,
    make_community,
    make_fail,
    make_group,
    schedule,
    text_of,
)
from tests.factories.people import SYSTEM, Someone
from tests.moments import NOON

pytestmark = pytest.mark.usefixtures("at_noon", "in_english")
PARKED = {"state": "failed", "reason": "gave_up", "attempt_count": 7} | UNREACHED
IN_A_MOMENT = NOON + timedelta(seconds=45)
RETRIED = {"reason": "retrying", "attempt_count": 3, "due_at": NOON, "next_try_at": IN_A_MOMENT} | UNREACHED


def test_list_says_what_became_of_each(page: Page, write: Write, group: ChatGroup, second_group: ChatGroup) -> None:
    write(text="还是草稿")
    sent = write(group, second_group, text="已经排好")
    schedule(sent)
    Delivery.objects.filter(target_id=group.pk).update(state="accepted")
    shown = text_of(page("announcements/"))
    assert shown.index("已经排好") < shown.index("还是草稿")
    assert "Accepted by the platform" in shown
    assert "Planned" in shown
    assert "Draft" in shown


def by_hand(group: ChatGroup, name: str) -> ChatGroup:
    """Let this colleague send what goes to the group."""
    person = messaging.create_assignee(workspace_id=group.workspace_id, name=name, actor=SYSTEM, now=NOON)
    ChatGroup.objects.filter(pk=group.pk).update(endpoint=person.endpoint)
    return ChatGroup.objects.get(pk=group.pk)


def hand_over(write: Write, *groups: ChatGroup) -> Announcement:
    announcement = write(*groups, due_at=NOON)
    schedule(announcement)
    messaging.deliver_due(worker="tests", now=NOON)
    return announcement


def test_what_waits_for_a_person_says_for_whom(
    page: Page, write: Write, group: ChatGroup, second_group: ChatGroup
) -> None:
    announcement = hand_over(write, by_hand(group, "阿May"), by_hand(second_group, "小周"))
    shown = text_of(page(f"announcements/{announcement.pk}/"))
    for name in ("阿May", "小周"):
        assert f"{name} has to send it by hand: it is on the to-send list." in shown
    assert "By hand: 小周, 阿May" in text_of(page("announcements/"))
    mays, zhous = HumanTask.objects.order_by("assignee__name").reverse()
    messaging.finish_items(task=mays, actor=SYSTEM, now=NOON)
    messaging.leave_out(task=zhous, note="群主在开会", actor=SYSTEM, now=NOON)
    shown = text_of(page(f"announcements/{announcement.pk}/"))
    assert "It was ticked as sent." in shown
    assert re.search(
        r'data-label="When" class="nowrap"><span>A colleague <time[^>]*>21 Nov, 20:00</time></span>', shown
    )
    assert "It was not sent: 群主在开会" in shown
    assert shown.count("Not sent: a colleague said why</span>") == 2  # in its row, and of the whole
    assert "Cancelled</span>" not in shown
    assert "has to send it by hand" not in text_of(page(f"announcements/{announcement.pk}/"))
    assert "By hand:" not in text_of(page("announcements/"))


@pytest.mark.parametrize("has_detail", [True, False])
def test_names_cost_as_many_queries_for_one_row_as_for_twenty(
    page: Page, write: Write, community: Community, has_detail: bool
) -> None:
    def queries(count: int) -> int:
        found = [by_hand(make_group(community, f"群 {count}-{number}"), f"{count}-{number}") for number in range(count)]
        announcement = hand_over(write, *found)
        path = f"announcements/{announcement.pk}/" if has_detail else "announcements/"
        with CaptureQueriesContext(connection) as asked:
            shown = text_of(page(path))
        assert f"{count}-{count - 1}" in shown
        return len(asked)

    page("announcements/")
    assert queries(1) == queries(20)


def test_empty_list_names_the_next_step(page: Page) -> None:
    assert "announcements/new/" in text_of(page("announcements/"))


def test_list_asks_the_database_the_same_number_of_times(page: Page, write: Write) -> None:
    schedule(write())
    page("announcements/")
    with CaptureQueriesContext(connection) as few:
        page("announcements/")
    for _ in range(12):
        schedule(write())
    with CaptureQueriesContext(connection) as many:
        page("announcements/")
    assert len(many) == len(few)


def test_next_page_goes_on_where_the_first_ended(page: Page, write: Write) -> None:
    first = write(text="最早的一条")
    for _ in range(50):
        write()
    answer = page("announcements/")
    assert first.text not in text_of(answer)
    assert first.text in text_of(page("announcements/" + answer.context["pager"]["next_url"]))


@pytest.mark.parametrize("cursor", ["7", "x_7", "2026-11-21T12:00:00_7", "2026-11-21T12:00:00+00:00_x", "_"])
def test_a_cursor_that_nobody_wrote_is_the_first_page(page: Page, write: Write, cursor: str) -> None:
    write(text="最早的一条")
    assert "最早的一条" in text_of(page("announcements/", {"cursor": cursor}))


def test_list_is_in_the_order_of_send_times(page: Page, write: Write) -> None:
    for number in (3, 1, 2):
        write(text=f"第{number}条", due_at=NOON + timedelta(hours=number))
    shown = text_of(page("announcements/"))
    assert shown.index("第3条") < shown.index("第2条") < shown.index("第1条")


def test_draft_shows_whom_it_goes_to_before_it_is_scheduled(page: Page, write: Write, silent_group: ChatGroup) -> None:
    shown = text_of(page(f"announcements/{write(silent_group).pk}/"))
    assert "dialog-schedule" in shown
    assert "没接通的群 has no delivery channel" in shown


@pytest.mark.parametrize(
    ("action", "data", "due_at"),
    [
        ("schedule", {}, NOON + timedelta(hours=1)),
        ("send_now", {}, NOON),
    ],
)
def test_page_plans_the_deliveries(
    page: Page, write: Write, action: str, data: dict[str, str], due_at: datetime
) -> None:
    draft = write()
    page(f"announcements/{draft.pk}/{action}/", data, method="post")
    assert Delivery.objects.get().due_at == due_at


def test_page_moves_and_cancels(page: Page, write: Write) -> None:
    announcement = write()
    schedule(announcement)
    page(f"announcements/{announcement.pk}/move/", {"due_at": "2026-11-22T09:00"}, method="post")
    assert Delivery.objects.get().due_at == NOON + timedelta(hours=13)
    page(f"announcements/{announcement.pk}/cancel/", method="post")
    assert Delivery.objects.get().state == "cancelled"


@pytest.mark.parametrize("due_at", ["", "x", "2020-01-01T10:00"])
def test_bad_time_moves_nothing_and_is_said(page: Page, write: Write, due_at: str) -> None:
    announcement = write()
    schedule(announcement)
    answer = page(f"announcements/{announcement.pk}/move/", {"due_at": due_at}, method="post")
    assert answer.status_code == 302
    assert "toast" in text_of(page(f"announcements/{announcement.pk}/"))
    assert Delivery.objects.get().due_at == NOON + timedelta(hours=1)


def test_refusal_is_said_on_the_next_page(page: Page, write: Write) -> None:
    announcement = write()
    services.cancel_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    page(f"announcements/{announcement.pk}/schedule/", method="post")
    assert "This announcement was cancelled." in text_of(page(f"announcements/{announcement.pk}/"))


def test_detail_shows_the_honest_state_of_each_group(page: Page, write: Write, group: ChatGroup) -> None:
    announcement = write()
    schedule(announcement)
    Delivery.objects.update(state="accepted", accepted_at=NOON, platform_code="0", platform_text="ok")
    answer = page(f"announcements/{announcement.pk}/", **HTMX)
    shown = answer.content.decode()
    assert answer.status_code == 286  # nothing more to ask for
    assert "<html" not in shown
    assert "It is shown in the sandbox room." in shown
    assert "0 ok" not in shown
    assert group.name in shown


def test_a_failed_try_is_told_in_words_and_one_state_has_one_name(page: Page, write: Write) -> None:
    announcement = write()
    schedule(announcement)
    Delivery.objects.update(**PARKED)
    detail, listed = text_of(page(f"announcements/{announcement.pk}/")), text_of(page("announcements/"))
    assert "The other side could not be reached; nothing was sent." in detail
    assert "not_sent" not in detail
    assert "the name could not be resolved" not in detail
    for shown in (detail, listed):
        assert "Failed several times, parked" in shown
        assert ">Failed</span>" not in shown


def test_what_is_being_retried_says_so_and_when(page: Page, write: Write) -> None:
    announcement = write()
    schedule(announcement)
    Delivery.objects.update(**RETRIED)
    shown = text_of(page(f"announcements/{announcement.pk}/"))
    assert "Retrying" in shown
    assert "The next one is at 20:00:45." in shown
    assert "dialog-cancel" in shown
    assert "Retrying" in text_of(page("announcements/"))


@pytest.mark.parametrize(
    ("state", "heading", "counts"),
    [
        ("accepted", "Partly sent", {"accepted": 1, "cancelled": 1}),
        ("confirmed", "Partly sent", {"confirmed": 1, "cancelled": 1}),
        ("unknown", "Rest cancelled", {"unknown": 1, "cancelled": 1}),
        ("failed", "Rest cancelled", {"failed": 1, "cancelled": 1}),
        ("planned", "Cancelled", {}),
    ],
)
def test_a_cancelled_announcement_says_what_became_of_it(
    page: Page,
    write: Write,
    group: ChatGroup,
    second_group: ChatGroup,
    state: str,
    heading: str,
    counts: dict[str, int],
) -> None:
    announcement = write(group, second_group)
    schedule(announcement)
    Delivery.objects.filter(target_id=group.pk).update(state=state)
    services.cancel_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    answer = page(f"announcements/{announcement.pk}/")
    assert (answer.context["badge"].label, answer.context["counts"]) == (heading, counts)
    shown = text_of(answer).split("In each group")[1].split("<table")[0]
    assert f">{heading}</span>" in shown
    assert ">Cancelled</span>" in shown
    assert Announcement.objects.get().state == "cancelled"


@pytest.mark.parametrize(
    ("states", "heading"),
    [(("accepted", "failed"), "Partly sent"), (("accepted", "confirmed"), ""), (("failed", "expired"), "")],
)
def test_one_that_is_over_says_where_only_some_groups_got_it(
    page: Page, write: Write, group: ChatGroup, second_group: ChatGroup, states: tuple[str, str], heading: str
) -> None:
    announcement = write(group, second_group)
    schedule(announcement)
    for one, state in zip((group, second_group), states, strict=True):
        Delivery.objects.filter(target_id=one.pk).update(state=state)
    context = page(f"announcements/{announcement.pk}/").context
    assert (context["badge"].label if context["badge"] else "") == heading
    assert context["counts"] == (dict.fromkeys(states, 1) if heading else {})


def test_what_was_being_sent_when_the_rest_was_cancelled_is_followed(
    page: Page, write: Write, group: ChatGroup, second_group: ChatGroup
) -> None:
    announcement = write(group, second_group)
    schedule(announcement)
    Delivery.objects.filter(target_id=group.pk).update(state="sending")
    services.cancel_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    assert page(f"announcements/{announcement.pk}/", **HTMX).status_code == 200
    Delivery.objects.filter(target_id=group.pk).update(state="accepted")
    assert page(f"announcements/{announcement.pk}/", **HTMX).status_code == 286


def test_a_draft_warns_of_a_channel_that_fails_and_can_be_scheduled(page: Page, write: Write, group: ChatGroup) -> None:
    make_fail(group)
    draft = write()
    words = "Delivery channel “一群”: the last message to it failed. The platform said: 93000 invalid webhook url"
    assert words in text_of(page(f"announcements/{draft.pk}/"))
    page(f"announcements/{draft.pk}/schedule/", method="post")
    assert Delivery.objects.get(origin_id=draft.pk).state == "planned"


def test_a_channel_that_fails_is_said_once_in_the_forecast_or_else_on_the_page(
    page: Page, write: Write, group: ChatGroup, signed_in: SignIn, viewer: Someone
) -> None:
    """A viewer is asked nothing, so there is no forecast."""
    make_fail(group)
    draft = write()
    words = "the last message to it failed"
    answer = page(f"announcements/{draft.pk}/")
    assert words in str(answer.context["dialogs"]["send_now"]["forecast"].lines)
    assert answer.context["warnings"] == []
    address = f"/w/{viewer.workspace.slug}/announcements/{draft.pk}/"
    hers = text_of(signed_in(viewer).get(address, headers={"Accept-Language": "en"}))
    assert hers.count(words) == 1
    schedule(draft)
    assert text_of(page(f"announcements/{draft.pk}/")).count(words) == 1


def test_dialogs_name_time_groups_and_words(page: Page, write: Write, group: ChatGroup) -> None:
    draft = write(text="晚上八点见，" + "很长" * 60)
    dialogs = page(f"announcements/{draft.pk}/").context["dialogs"]
    for kind, when in (("schedule", "21 Nov, 21:00 (Asia/Shanghai)"), ("send_now", "At once")):
        facts = {fact["label"]: fact["value"] for fact in dialogs[kind]["facts"]}
        assert (facts["When"], facts["Groups"]) == (when, "1")
        assert facts["Text"].startswith("晚上八点见")
        assert len(facts["Text"]) <= 60
        assert dialogs[kind]["names"] == [group.name]


def test_cancelling_and_moving_name_what_they_touch_and_count_what_has_gone_out(
    page: Page, write: Write, group: ChatGroup, second_group: ChatGroup, silent_group: ChatGroup
) -> None:
    announcement = write(group, second_group, silent_group)
    schedule(announcement)
    Delivery.objects.filter(target_id=group.pk).update(state="accepted")
    Delivery.objects.filter(target_id=second_group.pk).update(state="waiting")
    dialogs = page(f"announcements/{announcement.pk}/").context["dialogs"]
    facts = {kind: {one["label"]: one["value"] for one in dialogs[kind]["facts"]} for kind in ("cancel", "move")}
    assert set(dialogs["cancel"]["names"]) == {second_group.name, silent_group.name}
    assert (facts["cancel"]["Will be cancelled"], facts["cancel"]["Gone out already"]) == ("2", "1")
    assert dialogs["move"]["names"] == [silent_group.name]  # what a colleague has in hand is not moved
    assert (facts["move"]["Will be moved"], facts["move"]["Gone out already"]) == ("1", "1")
    assert "Groups" not in facts["cancel"] | facts["move"]


def test_the_way_out_of_a_dialog_does_not_read_like_its_action(page: Page, write: Write) -> None:
    draft = write()
    shown = text_of(page(f"announcements/{draft.pk}/")).split('id="dialog-cancel"')[1].split("</dialog>")[0]
    assert ">Back</a>" in shown
    assert ">Cancel this announcement</button>" in shown
    assert ">Cancel</a>" not in shown


@pytest.mark.parametrize(
    ("facts", "is_offered"),
    [
        ({}, True),
        ({"due_at": NOON}, False),  # just sent now
        ({"state": "sending"}, False),
        ({"state": "accepted"}, False),
        (PARKED, False),
        (RETRIED, True),
    ],
)
def test_time_and_cancel_are_offered_while_there_is_something_to_change(
    page: Page, write: Write, facts: dict[str, Any], is_offered: bool
) -> None:
    announcement = write()
    schedule(announcement)
    Delivery.objects.update(**facts)
    Announcement.objects.update(due_at=facts.get("due_at", announcement.due_at))
    for headers in ({}, HTMX):
        shown = page(f"announcements/{announcement.pk}/", **headers).content.decode()
        for kind in ("move", "cancel"):
            assert (f'data-dialog-open="dialog-{kind}"' in shown) is is_offered
    assert 'id="announcement-actions" hx-swap-oob="true"' in shown


def test_what_is_due_and_hangs_can_still_be_cancelled(page: Page, write: Write) -> None:
    announcement = write()
    schedule(announcement)
    late = NOON - timedelta(minutes=1)
    Delivery.objects.update(due_at=late)
    Announcement.objects.update(due_at=late)
    assert "dialog-cancel" in text_of(page(f"announcements/{announcement.pk}/"))


def test_a_helper_reads_that_an_operator_schedules_the_draft(
    page: Page, write: Write, group: ChatGroup, helper: Someone, signed_in: SignIn
) -> None:
    group.staff.create(workspace=group.workspace, user=helper.user, role="helper")
    draft = write()
    words = "nothing goes out until an operator or the owner schedules it"
    url = f"/w/{helper.workspace.slug}/announcements/{draft.pk}/"
    hers = text_of(signed_in(helper).get(url, headers={"Accept-Language": "en"}))
    assert words in hers
    assert "dialog-schedule" not in hers
    assert words not in text_of(page(f"announcements/{draft.pk}/"))
    schedule(draft)
    assert words not in signed_in(helper).get(url, headers={"Accept-Language": "en"}).content.decode()


def test_a_helper_counts_only_deliveries_of_her_groups(
    write: Write, group: ChatGroup, second_group: ChatGroup, helper: Someone, owner: Someone, signed_in: SignIn
) -> None:
    group.staff.create(workspace=group.workspace, user=helper.user, role="helper")
    schedule(write(group, second_group))
    url = f"/w/{helper.workspace.slug}/announcements/"
    assert signed_in(helper).get(url).context["rows"][0]["counts"] == {"planned": 1}
    assert signed_in(owner).get(url).context["rows"][0]["counts"] == {"planned": 2}


def test_times_are_those_of_the_groups_zone(page: Page, workspace: Workspace) -> None:
    london = make_group(make_community(workspace, timezone="Europe/London"), "Knitters")
    written = services.AnnouncementDraft(groups=[london], text="Hello", due_at=NOON)
    draft = services.create_announcement(workspace_id=workspace.pk, draft=written, actor=SYSTEM, now=NOON)
    assert "21 Nov, 12:00" in text_of(page(f"announcements/{draft.pk}/"))


def test_a_group_without_a_channel_leads_to_where_it_gets_one(page: Page, write: Write, group: ChatGroup) -> None:
    ChatGroup.objects.filter(pk=group.pk).update(endpoint=None)
    announcement = hand_over(write, ChatGroup.objects.get(pk=group.pk))
    shown = text_of(page(f"announcements/{announcement.pk}/"))
    assert "The group has no delivery channel." in shown
    assert f'groups/{group.pk}/">Connect a channel to this group</a>' in shown


def test_once_the_group_has_a_channel_the_row_says_so_and_queues_it_again(
    page: Page, write: Write, group: ChatGroup
) -> None:
    channel = group.endpoint_id
    ChatGroup.objects.filter(pk=group.pk).update(endpoint=None)
    announcement = hand_over(write, ChatGroup.objects.get(pk=group.pk))
    Delivery.objects.update(endpoint=channel)
    shown = text_of(page(f"announcements/{announcement.pk}/"))
    assert "By now there is one: it can be queued again." in shown
    assert "The group has no delivery channel." not in shown
    assert "Connect a channel to this group" not in shown
    requeue = f"deliveries/{Delivery.objects.get().pk}/requeue/"
    assert f'{requeue}" data-once' in shown
    assert page(requeue, {"back": f"/w/{group.workspace.slug}/announcements/"}, "post").status_code == 302
    assert Delivery.objects.get().state == "planned"


def test_a_delivery_leads_to_its_group_and_announcement(page: Page, write: Write, group: ChatGroup) -> None:
    announcement = hand_over(write, group)
    answer = page(f"deliveries/{Delivery.objects.get().pk}/")
    assert [one["text"] for one in answer.context["belongs_to"]] == [group.name, "Announcement"]
    for one in answer.context["belongs_to"]:
        assert page(one["url"].partition("/w/")[2].partition("/")[2]).status_code == 200
    assert answer.context["belongs_to"][1]["url"].endswith(f"/announcements/{announcement.pk}/")
