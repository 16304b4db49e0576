"""待我处理 in short: no kind hides another, what is left out is counted, and one page shows all of it."""

from datetime import timedelta

import pytest
from django.urls import reverse

from campaigns import services as campaigns
from campaigns.models import Announcement
from dashboard import needs
from messaging import services as messaging
from messaging.models import Delivery
from messaging.services.send_rules import RULES
from messaging.task_models import HumanTask
from tests.factories.people import SYSTEM, make_person
from tests.messaging import test_send_rules as made
from tests.moments import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
HOUR = timedelta(hours=1)
DOUBT = {"state": "unknown", "reason": "no_answer"}
IN_ENGLISH = {"accept-language": "en"}


@pytest.fixture
def sent(workspace, groups):
    """An announcement whose deliveries have ended like this: sent("今晚八点", groups[:1], state="failed")."""

    def schedule(text="今晚八点见", to=None, **facts) -> Announcement:
        draft = campaigns.AnnouncementDraft(groups=groups if to is None else to, text=text, due_at=NOON)
        made = campaigns.create_announcement(workspace_id=workspace.pk, draft=draft, actor=SYSTEM, now=NOON)
        campaigns.schedule_announcement(announcement=made, actor=SYSTEM, now=NOON)
        Delivery.objects.filter(origin_id=made.pk).update(**{"updated_at": NOON} | facts)
        return made

    return schedule


@pytest.fixture
def late_card(workspace):
    person = messaging.create_assignee(workspace_id=workspace.pk, name="阿May", actor=SYSTEM, now=NOON)
    messaging.issue_link(assignee=person, actor=SYSTEM, now=NOON)
    return messaging.create_task(
        assignee=person, kind="moments", title="朋友圈", text="快来", due_at=NOON - HOUR, actor=SYSTEM, now=NOON - HOUR
    )


@pytest.fixture
def held_card(workspace, groups):
    """Due in the quiet hours of 22:00 to 8:00, with its latest moment in them."""
    made.quiet(workspace, 22, 8)
    RULES.forget()
    person = messaging.create_assignee(workspace_id=workspace.pk, name="小周", actor=SYSTEM, now=NOON)
    messaging.issue_link(assignee=person, actor=SYSTEM, now=NOON)
    facts = {"kind": "message", "title": "晚安", "text": "晚安", "zone": "Asia/Shanghai"}
    items = [messaging.NewItem(groups[0].name, "group", groups[0].pk)]
    due_at = NOON + 2 * HOUR
    latest_at = due_at + HOUR / 2
    return messaging.create_task(
        assignee=person, items=items, due_at=due_at, latest_at=latest_at, actor=SYSTEM, now=NOON, **facts
    )


def in_short(someone) -> needs.Needs:
    return needs.needs_in_short(someone.actor, someone.workspace.slug, now=NOON)


def kinds(found: needs.Needs) -> list[str]:
    return [need.kind for need in found.lines]


def test_doubts_of_one_announcement_are_one_line_that_leads_to_them_in_the_record(owner, groups, sent) -> None:
    many, one = sent(**DOUBT), sent("明早九点", groups[:1], **DOUBT)
    lines = {need.key: need for need in in_short(owner).lines}
    assert list(lines) == [f"unknown-announcement-{many.pk}", f"unknown-announcement-{one.pk}"]
    several, single = lines.values()
    assert (several.label, several.text) == ("To be checked", "3 messages, the last one: 今晚八点见")
    record = reverse("messaging:deliveries", args=[owner.workspace.slug])
    assert several.url == f"{record}?state=unknown&origin=announcement&origin_id={many.pk}"
    assert (several.decide_url, single.text) == ("", "Message to 1 群: 明早九点")
    delivery = Delivery.objects.get(origin_id=one.pk)
    assert single.decide_url == reverse("messaging:delivery_decide", args=[owner.workspace.slug, delivery.pk])


def test_the_record_narrowed_to_an_announcement_shows_its_doubts_alone_and_says_so(
    owner, groups, sent, signed_in
) -> None:
    many, other = sent(**DOUBT), sent("明早九点", groups[:1], **DOUBT)
    (address,) = [need.url for need in in_short(owner).lines if need.key.endswith(f"-{many.pk}")]
    answer = signed_in(owner).get(address, headers=IN_ENGLISH)
    shown = [row["delivery"].origin_id for row in answer.context["rows"]]
    assert shown == [many.pk] * 3
    assert other.pk not in shown
    page = answer.content.decode()
    assert f'<a href="/w/{owner.workspace.slug}/announcements/{many.pk}/">Announcement · 今晚八点见</a>' in page
    assert '<a href="?state=unknown">Show all messages</a>' in page

    Delivery.objects.update(state="confirmed")
    emptied = signed_in(owner).get(address, headers=IN_ENGLISH).content.decode()
    assert "Announcement · 今晚八点见</a>" in emptied


@pytest.mark.parametrize("query", ["origin=announcement", "origin=announcement&origin_id=x", "origin_id=1"])
def test_half_an_origin_narrows_nothing(owner, sent, signed_in, query) -> None:
    sent()
    record = reverse("messaging:deliveries", args=[owner.workspace.slug])
    answer = signed_in(owner).get(f"{record}?{query}")
    assert (len(answer.context["rows"]), answer.context["origin"]) == (3, None)


def test_many_doubts_hide_neither_a_late_card_nor_a_failed_message(owner, groups, sent, late_card) -> None:
    for number in range(14):
        sent(f"第 {number} 条", groups[:1], **DOUBT, due_at=NOON - 2 * HOUR)
    sent("没发出去", groups[:1], state="failed", reason="refused")
    found = in_short(owner)
    assert set(kinds(found)) == {"unknown", "task", "failed"}
    assert (len(found.lines), found.more_count, found.is_cut) == (12, 4, False)
    assert [need.due_at for need in found.lines] == sorted(need.due_at for need in found.lines)


def test_what_a_rule_blocks_is_said_so_and_nobody_is_nudged_as_late(owner, held_card) -> None:
    now = NOON + 2 * HOUR + timedelta(minutes=15)
    (need,) = needs.all_needs(owner.actor, owner.workspace.slug, now=now).lines
    assert (need.key, need.label, need.nudge_url) == (f"kept-{held_card.pk}", "Blocked by a rule", "")
    assert need.text.startswith(
        "小周 by hand: 晚安. A rule blocks it: it cannot be sent before its latest moment (22:30)."
    )
    messaging.review_waiting(now=NOON + 2.5 * HOUR)
    (after,) = needs.all_needs(owner.actor, owner.workspace.slug, now=NOON + 3 * HOUR).lines
    assert (after.key, after.url.rpartition("?")[2]) == ("held-quiet_hours", "state=quiet_hours")


def test_a_title_that_ends_a_sentence_gets_no_second_full_stop(owner, held_card) -> None:
    HumanTask.objects.filter(pk=held_card.pk).update(title="晚安。")
    (need,) = needs.all_needs(owner.actor, owner.workspace.slug, now=NOON + 2 * HOUR + timedelta(minutes=15)).lines
    assert need.text.startswith("小周 by hand: 晚安。 A rule blocks it")


def test_the_last_line_says_how_many_more_and_leads_to_all_of_them(owner, groups, sent, late_card, signed_in) -> None:
    for number in range(14):
        sent(f"第 {number} 条", groups[:1], **DOUBT)
    slug, tab = owner.workspace.slug, signed_in(owner)
    everything = reverse("dashboard:needs", args=[slug])
    for route in ("dashboard:today", "dashboard:today_live"):
        page = tab.get(reverse(route, args=[slug]), headers=IN_ENGLISH).content.decode()
        assert f'href="{everything}">3 more</a>' in page
    page = tab.get(everything, headers=IN_ENGLISH).content.decode()
    assert all(f"第 {number} 条" in page for number in range(14))
    assert "朋友圈" in page
    assert page.count('name="verdict" value="sent"') == 14
    assert "at most 50" not in page


def test_nothing_left_out_is_not_mentioned(owner, sent, signed_in) -> None:
    sent(**DOUBT)
    page = signed_in(owner).get(reverse("dashboard:today", args=[owner.workspace.slug])).content.decode()
    assert reverse("dashboard:needs", args=[owner.workspace.slug]) not in page


def test_where_not_all_of_a_kind_is_read_that_is_said(owner, groups, sent, signed_in, monkeypatch) -> None:
    monkeypatch.setattr(needs, "MOST_OF_A_KIND", 13)
    for number in range(14):
        sent(f"第 {number} 条", groups[:1], **DOUBT)
    found = in_short(owner)
    assert (len(found.lines), found.more_count, found.is_cut) == (12, 1, True)
    slug, tab = owner.workspace.slug, signed_in(owner)
    assert (
        "At least 1 more</a>" in tab.get(reverse("dashboard:today", args=[slug]), headers=IN_ENGLISH).content.decode()
    )
    assert "at most 50" in tab.get(reverse("dashboard:needs", args=[slug]), headers=IN_ENGLISH).content.decode()


def test_a_helper_is_told_of_doubts_in_assigned_groups_only_and_a_stranger_of_none(
    helper, stranger, groups, sent, signed_in
) -> None:
    sent(**DOUBT)
    assert (in_short(helper).lines, in_short(stranger).lines) == ([], [])
    groups[1].staff.create(workspace=helper.workspace, user=helper.user, role="helper")
    (need,) = in_short(helper).lines
    assert need.text == "Message to 2 群: 今晚八点见"
    everything = reverse("dashboard:needs", args=[helper.workspace.slug])
    assert signed_in(helper).get(everything).status_code == 200
    assert signed_in(stranger).get(everything).status_code == 404


def test_as_many_queries_for_many_doubts_as_for_one(owner, sent, django_assert_max_num_queries) -> None:
    sent(**DOUBT)
    with django_assert_max_num_queries(20) as few:
        in_short(owner)
    for number in range(5):
        sent(f"第 {number} 条", **DOUBT)
    with django_assert_max_num_queries(len(few)):
        in_short(owner)


def test_an_empty_page_of_all_says_that_nothing_waits(workspace, signed_in) -> None:
    page = signed_in(make_person(workspace, "viewer")).get(reverse("dashboard:needs", args=[workspace.slug]))
    assert page.status_code == 200
    assert "empty" in page.content.decode()
