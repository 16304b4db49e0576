"""Cancelled while a colleague is at it: what she says she has posted is kept, and whoever cancels is told of her."""

import pytest
from django.test import Client

from campaigns import services
from campaigns.models import Announcement
from community_ops.common.models import AuditEntry
from messaging.models import Assignee, Delivery, HumanTask, TaskItem
from tests.campaigns.conftest import Page, text_of
from tests.campaigns.test_pausing_by_hand import MINUTE, announcement, at, body, may  # noqa: F401
from tests.factories.people import SYSTEM
from tests.messaging.test_public_task_pages import opened
from tests.moments import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english", "at")]
SAID = "It was cancelled, but it is noted: you said that it has been posted in the group."


@pytest.fixture
def phone(announcement: Announcement, may: Assignee) -> Client:  # noqa: F811
    """She has opened her card, and copied its text."""
    client = opened(may)
    client.post(f"/t/{HumanTask.objects.get().pk}/copy/")
    assert TaskItem.objects.get().copied_text
    return client


def cancel(announcement: Announcement) -> None:  # noqa: F811
    services.cancel_announcement(announcement=announcement, actor=SYSTEM, now=NOON + 2 * MINUTE)
    assert by_hand() == ("cancelled", "announcement_cancelled")


def by_hand() -> tuple[str, str]:
    return Delivery.objects.filter(task_item__isnull=False).values_list("state", "reason").get()


def ends() -> tuple[str, str]:
    return TaskItem.objects.get().state, HumanTask.objects.get().state


def tick(phone: Client) -> str:
    task = HumanTask.objects.get()
    return body(phone.post(f"/t/{task.pk}/done/", {"items": [item.pk for item in task.items.all()]}, follow=True))


def test_what_she_posted_before_it_was_cancelled_is_kept_once(
    announcement: Announcement,  # noqa: F811
    phone: Client,
    page: Page,
) -> None:
    cancel(announcement)
    assert SAID in tick(phone)
    assert (by_hand(), ends()) == (("confirmed", "said_after"), ("done", "done"))
    told = "The announcement was cancelled. But 阿May said at 20:01 that it had been posted already."
    delivery = Delivery.objects.get(task_item__isnull=False)
    assert told in text_of(page(f"deliveries/{delivery.pk}/"))
    assert told in text_of(page(f"tasks/{HumanTask.objects.get().pk}/"))
    verbs = list(AuditEntry.objects.filter(verb__contains="done").values_list("verb", flat=True))
    assert sorted(verbs) == ["delivery.done_after_by_hand", "task.done_after"]
    assert SAID not in tick(phone)
    assert AuditEntry.objects.filter(verb__contains="done").count() == 2
    assert delivery.sent_text == "晚上八点见"


def test_she_can_take_it_back_and_it_is_cancelled_as_before(
    announcement: Announcement,  # noqa: F811
    phone: Client,
) -> None:
    cancel(announcement)
    tick(phone)
    task = HumanTask.objects.get()
    phone.post(f"/t/{task.pk}/undo/", {"items": [TaskItem.objects.get().pk]})
    assert (by_hand(), ends()) == (("cancelled", "announcement_cancelled"), ("withdrawn", "withdrawn"))


def test_what_she_never_copied_stays_cancelled(announcement: Announcement, may: Assignee) -> None:  # noqa: F811
    client = opened(may)
    cancel(announcement)
    assert SAID not in tick(client)
    assert by_hand() == ("cancelled", "announcement_cancelled")


def test_whoever_cancels_or_pauses_reads_who_has_copied_it(
    announcement: Announcement,  # noqa: F811
    may: Assignee,  # noqa: F811
    page: Page,
) -> None:
    words = "阿May copied it at 20:01 and may have posted it already."
    assert words not in text_of(page(f"announcements/{announcement.pk}/"))
    opened(may).post(f"/t/{HumanTask.objects.get().pk}/copy/")
    assert text_of(page(f"announcements/{announcement.pk}/")).count(words) == 2  # in the question of each
