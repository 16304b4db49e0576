"""An announcement's latest moment: what has not begun by then is not sent, however it was written or moved."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from rest_framework.test import APIClient

from campaigns import policies, services
from campaigns.models import Announcement, Occurrence
from community_ops.common import clock
from community_ops.common.errors import InvalidInput
from community_ops.common.models import AuditEntry
from groups.models import ChatGroup
from messaging import services as messaging
from messaging.models import Delivery, HumanTask, SandboxPost, TaskItem
from tests.campaigns.conftest import Page, schedule, text_of
from tests.campaigns.test_composer_pages import fill
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
DUE = NOON + HOUR
NEW, URL = "announcements/new/", "/api/v1/announcements/"


def write(*groups: ChatGroup, due_at: datetime = DUE, latest_at: datetime | None = DUE + HOUR) -> Announcement:
    draft = services.AnnouncementDraft(groups=groups, text="早上好", due_at=due_at, latest_at=latest_at)
    return services.create_announcement(workspace_id=groups[0].workspace_id, draft=draft, actor=SYSTEM, now=NOON)


def write_anew(draft: Announcement, group: ChatGroup, **facts: Any) -> None:
    written = services.AnnouncementDraft(groups=[group], text="x", due_at=DUE, **facts)
    services.change_announcement(announcement=draft, draft=written, actor=SYSTEM, now=NOON)


def deliver(now: datetime) -> int:
    return messaging.deliver_due(worker="tests", now=now)


def found() -> list[tuple[str, str]]:
    return list(Delivery.objects.order_by("id").values_list("state", "reason"))


@pytest.fixture
def scheduled(group: ChatGroup, second_group: ChatGroup) -> Announcement:
    announcement = write(group, second_group)
    schedule(announcement)
    return announcement


# --- what goes out -----------------------------------------------------------------------------------


def test_what_an_outage_kept_past_the_latest_moment_expires_and_is_not_sent(scheduled: Announcement) -> None:
    assert deliver(DUE + 5 * HOUR) == 0
    assert found() == [("expired", "too_late")] * 2
    assert not SandboxPost.objects.exists()


def test_until_the_latest_moment_it_goes_out_late(scheduled: Announcement) -> None:
    assert deliver(DUE + HOUR) == 2
    assert {state for state, _reason in found()} == {"accepted"}


def test_one_without_a_latest_moment_goes_out_however_late(group: ChatGroup) -> None:
    schedule(write(group, latest_at=None))
    assert deliver(DUE + 5 * HOUR) == 1
    assert Delivery.objects.get().latest_at is None


def test_what_is_paused_past_its_latest_moment_expires(scheduled: Announcement) -> None:
    services.pause_announcement(announcement=scheduled, actor=SYSTEM, now=NOON)
    assert deliver(DUE + HOUR + SECOND) == 0
    assert found() == [("expired", "too_late")] * 2


def test_the_planner_that_makes_up_for_missing_deliveries_knows_it(scheduled: Announcement) -> None:
    Delivery.objects.all().delete()
    Occurrence.objects.update(planned_at=None)
    services.plan_due(now=DUE + 3 * HOUR)
    assert set(Delivery.objects.values_list("due_at", "latest_at")) == {(DUE, DUE + HOUR)}


def test_a_card_of_it_knows_its_latest_moment(group: ChatGroup) -> None:
    person = messaging.create_assignee(workspace_id=group.workspace_id, name="阿May", actor=SYSTEM, now=NOON)
    group.endpoint = person.endpoint
    group.save(update_fields=["endpoint", "updated_at"])
    schedule(write(group))
    deliver(DUE)
    assert HumanTask.objects.get().latest_at == DUE + HOUR
    assert TaskItem.objects.get().state == "open"


# --- moving ------------------------------------------------------------------------------------------


def test_moving_moves_it_along_with_what_is_planned(scheduled: Announcement) -> None:
    services.move_announcement(announcement=scheduled, due_at=DUE + 9 * HOUR, actor=SYSTEM, now=NOON)
    assert (scheduled.due_at, scheduled.latest_at) == (DUE + 9 * HOUR, DUE + 10 * HOUR)
    assert set(Delivery.objects.values_list("due_at", "latest_at")) == {(DUE + 9 * HOUR, DUE + 10 * HOUR)}
    assert deliver(DUE + 10 * HOUR) == 2


def test_a_moved_draft_and_one_sent_now_keep_the_span(group: ChatGroup) -> None:
    draft = write(group, due_at=NOON + 3 * HOUR, latest_at=NOON + 5 * HOUR)
    services.move_announcement(announcement=draft, due_at=NOON + HOUR, actor=SYSTEM, now=NOON)
    draft.refresh_from_db()
    assert draft.latest_at == NOON + 3 * HOUR
    services.schedule_announcement(announcement=draft, due_at=NOON, actor=SYSTEM, now=NOON)
    assert (draft.due_at, draft.latest_at) == (NOON, NOON + 2 * HOUR)
    assert Delivery.objects.get().latest_at == NOON + 2 * HOUR


# --- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize("latest_at", [DUE, DUE - SECOND])
def test_a_latest_moment_that_is_not_after_its_time_is_refused(group: ChatGroup, latest_at: datetime) -> None:
    draft, audited = write(group), AuditEntry.objects.count()
    for change in (
        lambda: write(group, latest_at=latest_at),
        lambda: write_anew(draft, group, latest_at=latest_at),
    ):
        with pytest.raises(InvalidInput) as caught:
            change()
        assert caught.value.field == "latest_at"
    assert list(Announcement.objects.values_list("text", "latest_at")) == [("早上好", DUE + HOUR)]
    assert AuditEntry.objects.count() == audited


def test_the_database_refuses_it_too(group: ChatGroup) -> None:
    draft = write(group)
    with pytest.raises(IntegrityError), transaction.atomic():
        Announcement.objects.filter(pk=draft.pk).update(latest_at=DUE)


def test_a_draft_written_anew_without_one_has_none(group: ChatGroup) -> None:
    draft = write(group)
    write_anew(draft, group)
    assert Announcement.objects.get().latest_at is None


# --- REST --------------------------------------------------------------------------------------------


def in_hours(count: int) -> str:
    return (clock.now().replace(microsecond=0) + count * HOUR).isoformat()


def test_a_tool_writes_reads_moves_and_changes_it(api: APIClient, group: ChatGroup) -> None:
    body = {"groups": [group.pk], "text": "早上好", "due_at": in_hours(1), "latest_at": in_hours(3)}
    made = api.post(URL, body, format="json").json()
    assert api.get(f"{URL}{made['id']}/").json()["latest_at"] == made["latest_at"]
    assert span(made) == 2 * HOUR
    assert span(api.post(f"{URL}{made['id']}/move/", {"due_at": in_hours(9)}, format="json").json()) == 2 * HOUR
    changed = api.post(f"{URL}{made['id']}/change/", body | {"latest_at": None}, format="json")
    assert (changed.status_code, changed.json()["latest_at"]) == (200, None)


def test_without_a_word_of_it_two_hours_late_is_the_most(api: APIClient, group: ChatGroup) -> None:
    """After an outage of five hours nobody wants to read that it begins now."""
    body = {"groups": [group.pk], "text": "马上开始", "due_at": in_hours(1)}
    made = api.post(URL, body, format="json").json()
    assert span(made) == policies.DEFAULT_LATENESS == 2 * HOUR
    changed = api.post(f"{URL}{made['id']}/change/", body | {"due_at": in_hours(5)}, format="json").json()
    assert span(changed) == 2 * HOUR
    assert api.post(URL, body | {"latest_at": None}, format="json").json()["latest_at"] is None


def span(answer: dict[str, Any]) -> timedelta:
    return datetime.fromisoformat(answer["latest_at"]) - datetime.fromisoformat(answer["due_at"])


@pytest.mark.parametrize("latest_at", ["2020-01-01T00:00:00Z", "gestern", 7, "2026-11-22T20:00:00"])
def test_a_wrong_one_is_400_naming_it(api: APIClient, group: ChatGroup, latest_at: Any) -> None:
    body = {"groups": [group.pk], "text": "早上好", "due_at": in_hours(1), "latest_at": latest_at}
    answer = api.post(URL, body, format="json")
    assert (answer.status_code, list(answer.json())) == (400, ["latest_at"])
    assert not Announcement.objects.exists()


# --- pages -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_noon")
def test_the_composer_asks_how_late_it_may_be(page: Page, group: ChatGroup) -> None:
    assert page(NEW).context["form"]["may_be_late"].value() == "7200"
    assert page(NEW, fill(group, may_be_late="7200"), method="post").status_code == 302
    draft = Announcement.objects.get()
    assert draft.latest_at == draft.due_at + 2 * HOUR
    shown = text_of(page(f"announcements/{draft.pk}/"))
    assert "After 21 Nov, 23:30 it is not sent any more." in shown
    assert shown.count("At most 2 hours late") == 3  # asked before it is scheduled, sent now or cancelled


@pytest.mark.usefixtures("at_noon")
def test_what_waited_through_an_outage_expires_unless_it_was_chosen_otherwise(page: Page, group: ChatGroup) -> None:
    page(NEW, fill(group, text="马上开始"), method="post")
    page(NEW, fill(group, text="价目表", may_be_late="any"), method="post")
    short, any_time = Announcement.objects.order_by("id")
    assert (short.may_be_late, any_time.latest_at) == (2 * HOUR, None)
    for draft in (short, any_time):
        schedule(draft)
    deliver(short.due_at + 5 * HOUR)
    assert dict(Delivery.objects.values_list("message__text", "state")) == {"马上开始": "expired", "价目表": "accepted"}
    form = page(f"announcements/{any_time.pk}/edit/").context["form"]
    assert form["may_be_late"].value() == "any"
    assert list(dict(form.fields["may_be_late"].choices))[-1] == "any"


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize("value", ["7", "x", "-600"])
def test_the_composer_takes_the_offered_spans_only(page: Page, group: ChatGroup, value: str) -> None:
    refused = page(NEW, fill(group, may_be_late=value), method="post")
    assert (refused.status_code, list(refused.context["form"].errors)) == (422, ["may_be_late"])
    assert not Announcement.objects.exists()


@pytest.mark.usefixtures("at_noon")
def test_a_draft_keeps_the_span_a_tool_gave_it(page: Page, group: ChatGroup) -> None:
    draft = write(group, latest_at=DUE + timedelta(minutes=47))
    address = f"announcements/{draft.pk}/edit/"
    assert "At most 47 minutes late" in text_of(page(address))
    assert page(address, fill(group, may_be_late="2820"), method="post").status_code == 302
    draft.refresh_from_db()
    assert draft.latest_at == draft.due_at + timedelta(minutes=47)


@pytest.mark.usefixtures("at_noon")
def test_its_page_says_what_was_too_late_and_what_a_pause_may_cost(page: Page, scheduled: Announcement) -> None:
    services.pause_announcement(announcement=scheduled, actor=SYSTEM, now=NOON)
    shown = text_of(page(f"announcements/{scheduled.pk}/"))
    assert "what has passed its latest moment meanwhile is not sent" in shown
    assert "however late it is by now" not in shown
    deliver(DUE + HOUR + SECOND)
    rows = page(f"announcements/{scheduled.pk}/").context["rows"]
    assert [str(row["badge"].help) for row in rows] == ["Its latest moment had passed."] * 2
