"""The calendar says what quiet hours, holidays and caps would hold back of what is planned."""

from datetime import date, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns import selectors, services
from campaigns.models import Announcement
from community_ops.accounts.models import Workspace
from groups.models import ChatGroup
from messaging import services as messaging
from messaging.models import Delivery
from tests.campaigns.conftest import Page, SignIn, Start, Write, schedule, text_of
from tests.factories.people import SYSTEM, Someone
from tests.moments import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon", "in_english")]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TODAY = date(2026, 11, 21)  # NOON is 20:00 in Shanghai


@pytest.fixture(autouse=True)
def _fresh_rules() -> None:
    messaging.send_rules.RULES.forget()


def quiet(workspace: Workspace, begins: int, ends: int) -> None:
    messaging.create_quiet_hours(
        workspace_id=workspace.pk, begins=time(begins), ends=time(ends), from_on=TODAY, until_on=None,
        actor=SYSTEM, now=NOON,
    )  # fmt: skip


def holiday(workspace: Workspace, name: str, from_on: date, until_on: date | None = None) -> Any:
    facts = {"workspace_id": workspace.pk, "actor": SYSTEM, "now": NOON}
    return messaging.create_holiday(**facts, name=name, from_on=from_on, until_on=until_on)


def cap(workspace: Workspace, count: int, days: int = 1, purpose: str = "") -> None:
    facts = {"workspace_id": workspace.pk, "actor": SYSTEM, "now": NOON, "from_on": TODAY, "until_on": None}
    messaging.create_frequency_cap(**facts, purpose=purpose, count=count, days=days)


def marks(someone: Someone, days: int = 7) -> list[tuple[str, dict[str, int]]]:
    items = selectors.calendar_items(someone.actor, NOON - DAY, NOON + days * DAY, now=NOON, with_held=True)
    return [(item.title, item.held_counts) for item in items]


def planned(write: Write, *groups: ChatGroup, text: str, after: timedelta) -> Announcement:
    announcement = write(*groups, text=text, due_at=NOON + after)
    schedule(announcement)
    return announcement


def test_an_entry_says_which_rule_would_hold_how_many_groups(
    page: Page, workspace: Workspace, write: Write, group: ChatGroup, second_group: ChatGroup
) -> None:
    quiet(workspace, 22, 8)
    holiday(workspace, "国庆节", TODAY + 2 * DAY)
    planned(write, group, second_group, text="太晚了", after=3 * HOUR)
    planned(write, group, text="放假", after=2 * DAY)
    planned(write, group, text="正好", after=HOUR)
    shown = text_of(page("calendar/"))
    assert shown.count("The quiet hours hold back 2 messages") == 1
    assert shown.count("The holiday holds back 1 message<") == 1
    assert "limit holds back" not in shown


def test_of_a_days_messages_those_over_the_cap_are_marked(
    workspace: Workspace, write: Write, group: ChatGroup, owner: Someone
) -> None:
    cap(workspace, 2)
    for text, after in (("第三条", 3), ("第一条", 1), ("第二条", 2)):
        planned(write, group, text=text, after=after * HOUR)
    planned(write, group, text="第二天", after=DAY)
    assert marks(owner) == [("第一条", {}), ("第二条", {}), ("第三条", {"cap": 1}), ("第二天", {})]


def test_a_cap_counts_what_stands_before_the_shown_days(
    workspace: Workspace, write: Write, group: ChatGroup, owner: Someone
) -> None:
    cap(workspace, 1, days=7)
    gone = planned(write, group, text="前天", after=HOUR)
    Delivery.objects.filter(origin_id=gone.pk).update(state="accepted", due_at=NOON - 2 * DAY)
    planned(write, group, text="今天", after=2 * HOUR)
    found = selectors.calendar_items(owner.actor, NOON + HOUR, NOON + DAY, now=NOON, with_held=True)
    assert [item.held_counts for item in found if item.title == "今天"] == [{"cap": 1}]


def test_the_mark_says_what_the_engine_does(
    workspace: Workspace, write: Write, group: ChatGroup, second_group: ChatGroup, owner: Someone
) -> None:
    quiet(workspace, 23, 8)
    cap(workspace, 2, days=2)
    for number in range(8):
        planned(write, *([group, second_group] if number % 2 else [group]), text="x", after=number * 4 * HOUR + HOUR)
    items = selectors.calendar_items(owner.actor, NOON, NOON + 7 * DAY, now=NOON, with_held=True)
    told = {one.delivery_id: one.held for item in items for one in item.groups}
    for delivery in Delivery.objects.order_by("due_at", "id"):
        messaging.deliver_due(worker="tests", now=delivery.due_at)
    done = {row.pk: row.reason if row.state == "cancelled" else "" for row in Delivery.objects.all()}
    assert told == done
    assert {"quiet_hours", "cap", ""} == set(done.values())


def test_touches_of_a_sale_that_is_on_are_not_marked(workspace: Workspace, start: Start, owner: Someone) -> None:
    quiet(workspace, 0, 23)
    start(starts_at=NOON + HOUR, ends_at=NOON + 3 * HOUR)
    items = selectors.calendar_items(owner.actor, NOON, NOON + 7 * DAY, now=NOON, with_held=True)
    open_items = [item for item in items if "planned" in item.counts]
    assert open_items
    assert all(bool(item.held_counts) is (item.at < NOON + HOUR) for item in open_items)


def test_what_is_no_longer_planned_is_not_marked(
    workspace: Workspace, write: Write, group: ChatGroup, owner: Someone
) -> None:
    quiet(workspace, 20, 23)
    for number, state in enumerate(("accepted", "cancelled", "failed")):
        announcement = planned(write, group, text=state, after=HOUR + number * timedelta(minutes=1))
        Delivery.objects.filter(origin_id=announcement.pk).update(state=state)
    write(text="草稿")
    assert [held for _title, held in marks(owner)] == [{}] * 4


def test_what_is_paused_is_marked_too(workspace: Workspace, write: Write, group: ChatGroup, owner: Someone) -> None:
    quiet(workspace, 20, 23)
    announcement = planned(write, group, text="x", after=HOUR)
    services.pause_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    assert marks(owner) == [("x", {"quiet_hours": 1})]


def test_a_holiday_bears_its_name_with_messages_and_without(page: Page, workspace: Workspace, write: Write) -> None:
    holiday(workspace, "国庆节", TODAY, TODAY + DAY)
    holiday(workspace, "店庆", TODAY + DAY)
    messaging.archive_rule(rule=holiday(workspace, "取消了", TODAY + 3 * DAY), actor=SYSTEM, now=NOON)
    schedule(write())
    days = page("calendar/", {"days": 7}).context["days"]
    assert [day.holiday for day in days[:4]] == ["国庆节", "国庆节, 店庆", "", ""]
    shown = text_of(page("calendar/", {"days": 7}))
    assert shown.count("Holiday · 国庆节") == 2
    assert "取消了" not in shown


def test_rules_of_another_team_mark_nothing(
    page: Page, stranger: Someone, write: Write, group: ChatGroup, owner: Someone
) -> None:
    quiet(stranger.workspace, 0, 23)
    holiday(stranger.workspace, "别人的节日", TODAY)
    planned(write, group, text="x", after=HOUR)
    assert marks(owner) == [("x", {})]
    assert "别人的节日" not in text_of(page("calendar/"))


def test_a_helper_sees_the_marks_of_her_groups_only(
    workspace: Workspace, write: Write, group: ChatGroup, second_group: ChatGroup, helper: Someone, signed_in: SignIn
) -> None:
    group.staff.create(workspace=workspace, user=helper.user, role="helper")
    quiet(workspace, 20, 23)
    planned(write, group, second_group, text="x", after=HOUR)
    answer = signed_in(helper).get(f"/w/{workspace.slug}/calendar/", headers={"Accept-Language": "en"})
    assert "The quiet hours hold back 1 message<" in text_of(answer)


def test_marks_cost_the_same_number_of_queries_for_one_entry_and_for_twenty(
    page: Page, workspace: Workspace, write: Write, group: ChatGroup
) -> None:
    quiet(workspace, 23, 8)
    holiday(workspace, "店庆", TODAY + DAY)
    cap(workspace, 1)
    cap(workspace, 2, days=3)
    cap(workspace, 1, purpose="selling")
    planned(write, group, text="x", after=HOUR)
    page("calendar/")
    with CaptureQueriesContext(connection) as few:
        page("calendar/")
    for number in range(20):
        planned(write, group, text="x", after=number * 6 * HOUR + HOUR)
    with CaptureQueriesContext(connection) as many:
        shown = text_of(page("calendar/"))
    assert len(many) == len(few)
    assert shown.count("hold back") + shown.count("holds back") > 10
