"""Announcements: draft, schedule, move, cancel."""

from datetime import timedelta

import pytest

from campaigns import selectors, services
from campaigns.errors import AlreadyCancelled, GroupClosed, NoGroups, NothingPlanned
from campaigns.models import Announcement, Occurrence
from community_ops.common.errors import InvalidInput
from community_ops.common.models import AuditEntry, OutboxEvent
from community_ops.common.tenancy import WorkspaceMismatch
from groups.models import ChatGroup, Community
from messaging.models import Delivery
from messaging.selectors import deliveries_visible_to
from tests.campaigns.conftest import Write, make_group
from tests.factories.people import SYSTEM, Someone
from tests.moments import NOON

HOUR = timedelta(hours=1)


def schedule(announcement: Announcement) -> list[str]:
    warnings = services.schedule_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    return [warning["code"] for warning in warnings]


def deliveries() -> list[tuple[int, str]]:
    return list(Delivery.objects.order_by("target_id").values_list("target_id", "state"))


def test_nothing_is_sent_when_a_draft_is_written(write: Write, group: ChatGroup, second_group: ChatGroup) -> None:
    draft = write(second_group, group, group)
    assert draft.state == "draft"
    assert [found.pk for found in services.target_groups(draft)] == [group.pk, second_group.pk]
    assert not Delivery.objects.exists()
    assert AuditEntry.objects.get().verb == "announcement.created"


def test_planned_deliveries_exist_when_schedule_has_answered(
    write: Write, group: ChatGroup, second_group: ChatGroup
) -> None:
    draft = write(group, second_group)
    assert schedule(draft) == []
    assert draft.state == "scheduled"
    rows = list(Delivery.objects.order_by("target_id"))
    assert [(row.target_id, row.state, row.due_at) for row in rows] == [
        (group.pk, "planned", NOON + HOUR),
        (second_group.pk, "planned", NOON + HOUR),
    ]
    assert {row.endpoint_id for row in rows} == {group.endpoint_id, second_group.endpoint_id}
    assert OutboxEvent.objects.get().name == "campaigns.AnnouncementScheduled"
    assert AuditEntry.objects.filter(verb="announcement.scheduled").count() == 1


def test_scheduling_twice_plans_once(write: Write) -> None:
    draft = write()
    schedule(draft)
    schedule(Announcement.objects.get(pk=draft.pk))
    assert Delivery.objects.count() == 1
    assert Occurrence.objects.count() == 1
    assert OutboxEvent.objects.count() == 1


def test_group_without_endpoint_is_said_and_planned(write: Write, group: ChatGroup, silent_group: ChatGroup) -> None:
    draft = write(group, silent_group)
    assert schedule(draft) == ["no_endpoint"]
    assert Delivery.objects.get(target_id=silent_group.pk).endpoint_id is None


@pytest.mark.parametrize("text", ["字" * 683, "x" * 2049])
def test_text_is_refused_when_it_is_too_big_for_a_platform(write: Write, community: Community, text: str) -> None:
    robot = make_group(community, "机器人群", platform="wecom_robot")
    with pytest.raises(InvalidInput) as caught:
        write(robot, text=text)
    assert caught.value.field == "text"
    assert not Announcement.objects.exists()


def test_text_of_exactly_the_platforms_size_is_taken(write: Write, community: Community) -> None:
    robot = make_group(community, "机器人群", platform="wecom_robot")
    assert schedule(write(robot, text="x" * 2048)) == []


def test_scheduling_is_refused_when_a_group_moved_to_a_smaller_platform(write: Write, community: Community) -> None:
    draft = write(text="字" * 700)
    robot = make_group(community, "机器人群", platform="wecom_robot")
    ChatGroup.objects.filter(pk=draft.targets.get().group_id).update(endpoint=robot.endpoint)
    with pytest.raises(InvalidInput) as caught:
        schedule(draft)
    assert caught.value.field == "text"
    assert Announcement.objects.get().state == "draft"
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("text", ["", "  \n ", "a\x00b", "a\u202eb", "字" * 20_001, "你好 {name}", "\ud83d"])
def test_bad_text_is_refused_naming_it(write: Write, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        write(text=text)
    assert caught.value.field == "text"
    assert not Announcement.objects.exists()


def test_text_with_braces_that_are_no_placeholder_is_taken(write: Write) -> None:
    assert write(text='{"a": 1} 👨‍👩‍👧 <b>粗</b>').text == '{"a": 1} 👨‍👩‍👧 <b>粗</b>'


def test_time_of_a_minute_ago_means_now(write: Write) -> None:
    assert write(due_at=NOON - timedelta(seconds=60)).due_at == NOON


def test_older_time_is_refused(write: Write) -> None:
    with pytest.raises(InvalidInput) as caught:
        write(due_at=NOON - timedelta(seconds=61))
    assert caught.value.field == "due_at"
    assert not Announcement.objects.exists()


def test_draft_whose_time_has_passed_is_not_scheduled(write: Write) -> None:
    draft = write()
    with pytest.raises(InvalidInput) as caught:
        services.schedule_announcement(announcement=draft, actor=SYSTEM, now=NOON + 2 * HOUR)
    assert caught.value.field == "due_at"
    assert Announcement.objects.get().state == "draft"
    assert not Delivery.objects.exists()


def test_no_groups_and_archived_groups_are_refused(workspace: object, group: ChatGroup, write: Write) -> None:
    group.archived_at = NOON
    with pytest.raises(GroupClosed):
        write(group)
    nobody = services.AnnouncementDraft(groups=[], text="你好", due_at=NOON)
    with pytest.raises(NoGroups):
        services.create_announcement(workspace_id=group.workspace_id, draft=nobody, actor=SYSTEM, now=NOON)
    assert not Announcement.objects.exists()


def test_foreign_group_is_never_written_to(write: Write, foreign_group: ChatGroup) -> None:
    with pytest.raises(WorkspaceMismatch):
        write(foreign_group)
    assert not Announcement.objects.exists()


def test_cancelling_cancels_what_is_planned_and_leaves_what_went_out(
    write: Write, group: ChatGroup, second_group: ChatGroup
) -> None:
    announcement = write(group, second_group)
    schedule(announcement)
    Delivery.objects.filter(target_id=group.pk).update(state="accepted")
    assert services.cancel_announcement(announcement=announcement, actor=SYSTEM, now=NOON) == 1
    assert announcement.state == "cancelled"
    assert deliveries() == [(group.pk, "accepted"), (second_group.pk, "cancelled")]
    assert OutboxEvent.objects.filter(name="campaigns.AnnouncementCancelled").count() == 1


def test_cancelling_twice_is_harmless(write: Write) -> None:
    announcement = write()
    schedule(announcement)
    services.cancel_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    assert services.cancel_announcement(announcement=announcement, actor=SYSTEM, now=NOON) == 0
    assert OutboxEvent.objects.filter(name="campaigns.AnnouncementCancelled").count() == 1


def test_cancelling_a_draft_cancels_it(write: Write) -> None:
    draft = write()
    services.cancel_announcement(announcement=draft, actor=SYSTEM, now=NOON)
    assert Announcement.objects.get().state == "cancelled"


def test_cancelling_is_refused_when_everything_went_out(write: Write) -> None:
    announcement = write()
    schedule(announcement)
    Delivery.objects.update(state="accepted")
    with pytest.raises(NothingPlanned):
        services.cancel_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    assert Announcement.objects.get().state == "scheduled"
    assert not AuditEntry.objects.filter(verb="announcement.cancelled").exists()


def test_cancelled_announcement_is_not_scheduled_again(write: Write) -> None:
    draft = write()
    services.cancel_announcement(announcement=draft, actor=SYSTEM, now=NOON)
    with pytest.raises(AlreadyCancelled):
        schedule(draft)
    assert not Delivery.objects.exists()


def test_moving_moves_what_is_planned_also_under_a_lease(write: Write) -> None:
    announcement = write()
    schedule(announcement)
    Delivery.objects.update(lease_owner="worker", lease_until=NOON + HOUR)
    services.move_announcement(announcement=announcement, due_at=NOON + 3 * HOUR, actor=SYSTEM, now=NOON)
    row = Delivery.objects.get()
    assert (row.due_at, row.next_try_at, row.lease_owner) == (NOON + 3 * HOUR, NOON + 3 * HOUR, "")
    assert Occurrence.objects.get().due_at == Announcement.objects.get().due_at == NOON + 3 * HOUR
    assert schedule(Announcement.objects.get()) == []
    assert Delivery.objects.count() == 1


def test_moving_is_refused_when_everything_went_out(write: Write) -> None:
    announcement = write()
    schedule(announcement)
    Delivery.objects.update(state="sending")
    with pytest.raises(NothingPlanned):
        services.move_announcement(announcement=announcement, due_at=NOON + 3 * HOUR, actor=SYSTEM, now=NOON)
    assert Occurrence.objects.get().due_at == Announcement.objects.get().due_at == NOON + HOUR


def test_moving_a_draft_only_changes_its_time(write: Write) -> None:
    services.move_announcement(announcement=write(), due_at=NOON + 3 * HOUR, actor=SYSTEM, now=NOON)
    assert Announcement.objects.get().due_at == NOON + 3 * HOUR
    assert not Delivery.objects.exists()


def test_helper_sees_only_what_goes_to_her_groups(
    write: Write, group: ChatGroup, second_group: ChatGroup, helper: Someone
) -> None:
    hers, other = write(group, second_group), write(second_group)
    for announcement in (hers, other):
        schedule(announcement)
    group.staff.create(workspace=group.workspace, user=helper.user, role="helper")
    seen = selectors.announcements_visible_to(helper.actor)
    assert [row.pk for row in seen] == [hers.pk]
    assert [target.group_id for target in seen[0].targets.all()] == [group.pk]
    assert [row.target_id for row in deliveries_visible_to(helper.actor)] == [group.pk]
