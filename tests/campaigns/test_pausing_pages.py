"""Pausing over REST and on the pages: what is offered, what is said, who may."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from campaigns import services
from campaigns.models import Announcement, PlaybookRun
from community_ops.accounts.models import Workspace
from community_ops.common.models import AuditEntry
from groups.models import ChatGroup
from messaging.models import Delivery
from tests.campaigns.conftest import HTMX, Page, SignIn, Start, Write, schedule, text_of
from tests.factories.people import SYSTEM, Someone
from tests.moments import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon", "in_english")]
HOUR = timedelta(hours=1)
PAUSE, GO_ON = 'data-dialog-open="dialog-pause"', 'data-dialog-open="dialog-resume"'
WAIT = "Sending is paused: 2 messages wait."


@pytest.fixture
def announcement(write: Write, group: ChatGroup, second_group: ChatGroup) -> Announcement:
    made = write(group, second_group)
    schedule(made)
    return made


def reasons() -> set[str]:
    return set(Delivery.objects.values_list("reason", flat=True))


# --- REST --------------------------------------------------------------------------------------------


def test_a_tool_pauses_and_resumes_an_announcement_as_often_as_it_likes(
    api: APIClient, announcement: Announcement
) -> None:
    url = f"/api/v1/announcements/{announcement.pk}/"
    for _twice in range(2):
        paused = api.post(f"{url}pause/")
        assert (paused.status_code, paused.json()["state"]) == (200, "scheduled")
        assert paused.json()["paused_at"] is not None
    rows = api.get("/api/v1/deliveries/").json()["results"]
    assert {(row["state"], row["reason"]) for row in rows} == {("planned", "paused")}
    for _twice in range(2):
        assert api.post(f"{url}resume/").json()["paused_at"] is None
    assert reasons() == {""}


def test_what_cannot_be_paused_over_rest_is_409(api: APIClient, write: Write, announcement: Announcement) -> None:
    Delivery.objects.update(state="accepted")
    for pk, action in ((announcement.pk, "pause"), (write().pk, "pause"), (write().pk, "resume")):
        answer = api.post(f"/api/v1/announcements/{pk}/{action}/")
        assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
    assert not Announcement.objects.filter(paused_at__isnull=False).exists()


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_roles_that_may_not_send_and_strangers_change_nothing_over_rest(
    announcement: Announcement,
    workspace: Workspace,
    api_of: Callable[..., APIClient],
    foreign_api: APIClient,
    action: str,
) -> None:
    if action == "resume":
        services.pause_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    audited = AuditEntry.objects.filter(verb__startswith="announcement.")
    before, count = set(Delivery.objects.values_list("pk", "reason", "next_try_at")), audited.count()
    url = f"/api/v1/announcements/{announcement.pk}/{action}/"
    for role in ("moderator", "helper", "viewer"):
        assert api_of(workspace, role).post(url).status_code == 403
    assert foreign_api.post(url).status_code == 404
    assert set(Delivery.objects.values_list("pk", "reason", "next_try_at")) == before
    assert audited.count() == count


# --- an announcement's page --------------------------------------------------------------------------


def test_an_announcement_is_paused_and_goes_on_from_its_page(page: Page, announcement: Announcement) -> None:
    path = f"announcements/{announcement.pk}/"
    shown = text_of(page(path))
    assert PAUSE in shown
    assert GO_ON not in shown
    assert "What is being sent at this moment still goes out." in shown
    assert "Still to go</dt><dd>2</dd>" in shown

    assert page(f"{path}pause/", method="post").status_code == 302
    shown = text_of(page(path))
    assert PAUSE not in shown
    assert GO_ON in shown
    assert WAIT in shown
    assert shown.count(">Paused</span>") == 3  # the announcement and its two groups
    assert "however late it is by now" in shown

    assert page(f"{path}resume/", method="post").status_code == 302
    shown = text_of(page(path))
    assert PAUSE in shown
    assert WAIT not in shown
    assert ">Paused</span>" not in shown


def test_the_buttons_follow_while_somebody_looks(page: Page, announcement: Announcement) -> None:
    path = f"announcements/{announcement.pk}/"
    services.pause_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    piece = text_of(page(path, **HTMX))
    assert GO_ON in piece
    assert 'hx-swap-oob="true"' in piece
    assert WAIT in piece


def test_what_is_going_out_at_this_moment_can_be_paused(page: Page, announcement: Announcement) -> None:
    """Moving is over then, but a wrong text is noticed when the first groups have it."""
    Delivery.objects.update(due_at=NOON)
    Announcement.objects.update(due_at=NOON)
    shown = text_of(page(f"announcements/{announcement.pk}/"))
    assert PAUSE in shown
    assert 'data-dialog-open="dialog-move"' not in shown


def test_nothing_is_offered_when_all_has_gone_out_or_it_is_a_draft(
    page: Page, announcement: Announcement, write: Write
) -> None:
    Delivery.objects.update(state="accepted")
    for pk in (announcement.pk, write().pk):
        shown = text_of(page(f"announcements/{pk}/"))
        assert PAUSE not in shown
        assert GO_ON not in shown


def test_a_refused_pause_is_said_on_the_page(page: Page, announcement: Announcement) -> None:
    Delivery.objects.update(state="accepted")
    page(f"announcements/{announcement.pk}/pause/", method="post")
    assert "nothing is planned any more" in text_of(page(f"announcements/{announcement.pk}/"))


def test_the_list_the_calendar_and_the_record_say_paused(page: Page, announcement: Announcement) -> None:
    services.pause_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    for path in ("announcements/", "calendar/", "deliveries/"):
        assert ">Paused</span>" in text_of(page(path)), path


# --- a run's page ------------------------------------------------------------------------------------


def test_a_run_is_paused_and_goes_on_from_its_page(page: Page, start: Start) -> None:
    run = start()
    path = f"runs/{run.pk}/"
    shown = text_of(page(path))
    assert PAUSE in shown
    assert "Still to go</dt><dd>10</dd>" in shown

    assert page(f"{path}pause/", method="post").status_code == 302
    shown = text_of(page(path))
    assert "Sending is paused: 10 messages wait." in shown
    assert shown.count(">Paused</span>") == 11  # the run and its ten touches
    assert "what has passed its latest moment meanwhile is not sent" in shown
    assert GO_ON in text_of(page(path, **HTMX))

    assert page(f"{path}resume/", method="post").status_code == 302
    assert ">Paused</span>" not in text_of(page(path))
    assert reasons() == {""}


def test_a_run_that_is_over_can_still_go_on_while_something_of_it_waits(
    page: Page, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start()
    services.pause_run(run=run, actor=SYSTEM, now=NOON)
    monkeypatch.setattr("community_ops.common.clock.now", lambda: run.ends_at + HOUR)
    assert GO_ON in text_of(page(f"runs/{run.pk}/"))
    Delivery.objects.update(state="expired", reason="too_late")
    assert GO_ON not in text_of(page(f"runs/{run.pk}/"))


def test_a_stopped_run_offers_nothing_and_refuses(page: Page, start: Start) -> None:
    run = start()
    services.stop_run(run=run, reason="run_stopped", actor=SYSTEM, now=NOON)
    page(f"runs/{run.pk}/pause/", method="post")
    shown = text_of(page(f"runs/{run.pk}/"))
    assert "This run was stopped." in shown
    assert PAUSE not in shown


def test_who_may_not_send_neither_sees_the_buttons_nor_changes_anything(
    announcement: Announcement, start: Start, viewer: Someone, helper: Someone, stranger: Someone, signed_in: SignIn
) -> None:
    run = start()
    paths = [f"{kind}/{pk}/" for kind, pk in (("announcements", announcement.pk), ("runs", run.pk))]
    for path in paths:
        shown = _get(signed_in(viewer), viewer, path).content.decode()
        assert PAUSE not in shown
        assert "dialog-pause" not in shown
    for someone, statuses in ((viewer, {403}), (helper, {403, 404}), (stranger, {404})):
        for path in paths:
            for action in ("pause", "resume"):
                url = f"/w/{someone.workspace.slug}/{path}{action}/"
                assert signed_in(someone).post(url).status_code in statuses
    assert reasons() == {""}
    assert not Announcement.objects.filter(paused_at__isnull=False).exists()
    assert not PlaybookRun.objects.filter(paused_at__isnull=False).exists()
    assert not AuditEntry.objects.filter(verb__endswith=".paused").exists()


def test_a_pause_is_not_a_get(page: Page, announcement: Announcement, start: Start) -> None:
    for path in (f"announcements/{announcement.pk}/pause/", f"runs/{start().pk}/pause/"):
        assert page(path).status_code == 405
    assert reasons() == {""}


def _get(client: Client, someone: Someone, path: str) -> Any:
    return client.get(f"/w/{someone.workspace.slug}/{path}", headers={"Accept-Language": "en"})


def test_the_record_of_a_message_tells_who_paused_it_and_who_let_it_go_on(
    page: Page, write: Write, group: ChatGroup, owner: Someone
) -> None:
    announcement = write()
    schedule(announcement)
    services.pause_announcement(announcement=announcement, actor=owner.actor, now=NOON + timedelta(minutes=1))
    services.resume_announcement(announcement=announcement, actor=owner.actor, now=NOON + timedelta(minutes=2))
    delivery = Delivery.objects.get()
    told = page(f"deliveries/{delivery.pk}/").context["story"]
    assert [(item.title, item.actor) for item in told] == [
        ("Sending went on", owner.actor.label),
        ("Sending was paused", owner.actor.label),
        ("Planned", ""),
    ]
    assert [item.at for item in told[:2]] == [NOON + timedelta(minutes=2), NOON + timedelta(minutes=1)]


def test_a_run_that_is_paused_is_told_of_by_what_is_planned_meanwhile(page: Page, start: Start) -> None:
    run = start()
    services.pause_run(run=run, actor=SYSTEM, now=NOON - timedelta(minutes=1))
    told = page(f"deliveries/{Delivery.objects.first().pk}/").context["story"]
    assert [item.title for item in told] == ["Planned", "Sending was paused"]


def test_a_pause_after_it_went_out_or_over_before_it_was_planned_is_not_told(page: Page, write: Write) -> None:
    announcement = write()
    schedule(announcement)
    row = Delivery.objects.get()
    draft = services.AnnouncementDraft(groups=[announcement.targets.get().group], text="x", due_at=NOON)
    other = services.create_announcement(workspace_id=row.workspace_id, draft=draft, actor=SYSTEM, now=NOON)
    schedule(other)
    services.pause_announcement(announcement=other, actor=SYSTEM, now=NOON + timedelta(minutes=1))
    services.pause_announcement(announcement=announcement, actor=SYSTEM, now=NOON + timedelta(minutes=5))
    out = {"state": "accepted", "reason": "", "sending_at": NOON + timedelta(minutes=4)}
    Delivery.objects.filter(pk=row.pk).update(**out)
    assert [item.title for item in page(f"deliveries/{row.pk}/").context["story"]] == ["Planned"]
    Delivery.objects.filter(pk=row.pk).update(sending_at=NOON + timedelta(minutes=6))
    assert [item.title for item in page(f"deliveries/{row.pk}/").context["story"]] == ["Sending was paused", "Planned"]
    services.resume_announcement(announcement=announcement, actor=SYSTEM, now=NOON + timedelta(minutes=5))
    Delivery.objects.filter(pk=row.pk).update(created_at=NOON + timedelta(minutes=6))
    assert [item.title for item in page(f"deliveries/{row.pk}/").context["story"]] == ["Planned"]
