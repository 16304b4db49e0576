"""A pause also holds what colleagues send by hand: their cards, the team's list, and the numbers people agree to."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from campaigns import services
from campaigns.models import Announcement
from campaigns.selectors import paused_sends
from community_ops.common import clock
from groups.models import ChatGroup
from messaging import services as messaging
from messaging.models import Assignee, Delivery, HumanTask, TaskItem
from tests.campaigns.conftest import Page, Write, schedule, text_of
from tests.factories.people import SYSTEM, Someone
from tests.messaging.test_public_task_pages import opened
from tests.moments import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]
MINUTE = timedelta(minutes=1)
PAUSED = "Paused: do not send it yet."


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set the product's clock, from noon on."""

    def go(**delta: float) -> None:
        monkeypatch.setattr(clock, "now", lambda: NOON + timedelta(**delta))

    go(minutes=1)
    return go


@pytest.fixture
def may(group: ChatGroup) -> Assignee:
    """She sends by hand in the first group."""
    person = messaging.create_assignee(workspace_id=group.workspace_id, name="阿May", actor=SYSTEM, now=NOON)
    ChatGroup.objects.filter(pk=group.pk).update(endpoint=person.endpoint)
    group.refresh_from_db()
    return person


@pytest.fixture
def announcement(may: Assignee, group: ChatGroup, second_group: ChatGroup, write: Write) -> Announcement:
    """To her group and to one with a robot, which has got it at noon; hers waits on her list."""
    made = write(group, second_group, due_at=NOON)
    schedule(made)
    messaging.deliver_due(worker="tests", now=NOON)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"waiting", "accepted"}
    return made


def pause(announcement: Announcement) -> int:
    return services.pause_announcement(announcement=announcement, actor=SYSTEM, now=NOON + MINUTE)


def resume(announcement: Announcement) -> int:
    return services.resume_announcement(announcement=announcement, actor=SYSTEM, now=NOON + 2 * MINUTE)


def body(answer: Any) -> str:
    return answer.content.decode()


def test_what_waits_by_hand_can_be_paused_and_is_counted(announcement: Announcement) -> None:
    assert pause(announcement) == 1
    assert pause(announcement) == 0
    assert resume(announcement) == 1


def test_the_page_counts_it_and_keeps_its_buttons_once_the_robots_are_done(
    page: Page, announcement: Announcement, at: Callable[..., None]
) -> None:
    path = f"announcements/{announcement.pk}/"
    shown = text_of(page(path))
    assert 'data-dialog-open="dialog-pause"' in shown
    assert 'data-dialog-open="dialog-cancel"' in shown
    assert 'data-dialog-open="dialog-move"' not in shown
    assert "Still to go</dt><dd>1</dd>" in shown
    page(f"{path}pause/", method="post")
    shown = text_of(page(path))
    assert "Sending is paused: 1 message waits." in shown
    assert "It is paused: the to-send list says not to send it yet." in shown
    assert 'data-dialog-open="dialog-resume"' in shown
    page(f"{path}cancel/", method="post")
    assert set(Delivery.objects.values_list("state", flat=True)) == {"cancelled", "accepted"}


def test_her_phone_says_it_and_gives_no_text_until_it_goes_on(
    announcement: Announcement, may: Assignee, at: Callable[..., None]
) -> None:
    phone, task = opened(may), HumanTask.objects.get()
    pause(announcement)
    assert PAUSED in body(phone.get("/t/"))
    assert PAUSED in body(phone.get(f"/t/{task.pk}/"))
    shown = body(phone.post(f"/t/{task.pk}/copy/", follow=True))
    assert "Paused: do not send it yet. Not copied: 一群." in shown
    assert "<textarea" not in shown
    assert TaskItem.objects.get().copied_text == ""
    at(hours=1)
    assert "late" not in body(phone.get("/t/"))
    resume(announcement)
    assert PAUSED not in body(phone.get(f"/t/{task.pk}/"))
    assert "<textarea" in body(phone.post(f"/t/{task.pk}/copy/", follow=True))


def test_the_team_reads_it_and_nobody_is_called_late_or_told_to_send(
    announcement: Announcement, may: Assignee, page: Page, at: Callable[..., None], second_group: ChatGroup
) -> None:
    Assignee.objects.update(notice_endpoint=second_group.endpoint)
    pause(announcement)
    assert PAUSED in text_of(page("tasks/"))
    assert PAUSED in text_of(page("deliveries/"))
    at(hours=1)
    assert "1 late" not in text_of(page("tasks/"))
    assert messaging.tell_assignees(now=NOON + 2 * MINUTE) == 0
    resume(announcement)
    assert PAUSED not in text_of(page("tasks/"))
    assert messaging.tell_assignees(now=NOON + 10 * MINUTE) == 1


def test_today_counts_what_waits_by_hand(announcement: Announcement, owner: Someone) -> None:
    pause(announcement)
    assert [one.count for one in paused_sends(owner.actor, now=NOON + MINUTE)] == [1]
