"""What quiet hours, holidays and caps would hold back is said before it is scheduled, and done when it is due."""

from datetime import date, time, timedelta

import pytest

from campaigns import services
from community_ops.common import clock
from messaging import services as messaging
from messaging.models import Delivery
from tests.campaigns.conftest import END, START
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _fresh_rules():
    messaging.send_rules.RULES.forget()


def quiet(workspace, begins: int, ends: int) -> None:
    messaging.create_quiet_hours(
        workspace_id=workspace.pk, begins=time(begins), ends=time(ends), from_on=date(2026, 11, 1), until_on=None,
        actor=SYSTEM, now=NOON,
    )  # fmt: skip


def cap(workspace, count: int, purpose: str = "") -> None:
    messaging.create_frequency_cap(
        workspace_id=workspace.pk, purpose=purpose, count=count, days=1, from_on=date(2026, 11, 1), until_on=None,
        actor=SYSTEM, now=NOON,
    )  # fmt: skip


def schedule(announcement) -> list[str]:
    found = services.schedule_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    return [warning["code"] for warning in found]


def test_scheduling_says_what_the_rules_would_hold_back(workspace, write, group, second_group) -> None:
    quiet(workspace, 21, 8)
    warnings = services.schedule_announcement(announcement=write(group, second_group), actor=SYSTEM, now=NOON)
    assert [warning["code"] for warning in warnings] == ["quiet_hours"]
    assert "一群" in warnings[0]["message"]
    assert "二群" in warnings[0]["message"]


def test_without_rules_nothing_is_said(write) -> None:
    assert schedule(write()) == []


def test_the_second_message_of_a_day_is_over_its_cap(workspace, write, group) -> None:
    cap(workspace, 1, "selling")
    facts, known = {"groups": [group], "text": "x", "purpose": "selling"}, {"actor": SYSTEM, "now": NOON}
    drafts = [services.AnnouncementDraft(**facts, due_at=NOON + hours * HOUR) for hours in (1, 2)]
    first, second = (services.create_announcement(workspace_id=workspace.pk, draft=draft, **known) for draft in drafts)
    assert (schedule(first), schedule(second), schedule(write())) == ([], ["cap"], [])
    assert schedule(first) == []  # asked again it does not count itself


def test_a_held_message_is_cancelled_when_it_is_due_and_says_why(workspace, write, monkeypatch) -> None:
    quiet(workspace, 21, 8)
    schedule(write())
    monkeypatch.setattr(clock, "now", lambda: NOON + HOUR)
    messaging.deliver_due(worker="tests", now=NOON + HOUR)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.reason, delivery.attempt_count) == ("cancelled", "quiet_hours", 0)


def test_touches_of_a_running_sale_are_exempt_and_those_before_it_are_not(workspace, start) -> None:
    run = start()
    rows = Delivery.objects.filter(origin_id=run.pk).order_by("due_at")
    assert {row.purpose for row in rows} == {"selling"}
    assert {row.zone for row in rows} == {"Asia/Shanghai"}
    assert all((row.exemption == "running_sale") is (START <= row.due_at <= END) for row in rows)
    assert {row.exemption for row in rows} == {"", "running_sale"}


def test_a_runs_warnings_leave_out_what_is_exempt(workspace, start) -> None:
    quiet(workspace, 0, 12)
    quiet(workspace, 19, 23)  # START is 20:00 in Shanghai
    run = start()
    (warning,) = services.run_held_warnings(run)
    held = Delivery.objects.filter(origin_id=run.pk, exemption="").count()
    assert warning["code"] == "quiet_hours"
    assert warning["message"].startswith(str(held)) or str(held) in warning["message"]


def test_a_plan_that_is_only_looked_at_says_the_same(workspace, ladder, group) -> None:
    cap(workspace, 1)
    touches = services.preview_run(playbook=ladder, starts_at=START, ends_at=END, groups=[group], now=NOON)
    found = services.plan_held_warnings(touches, subject_kind="flash_sale", starts_at=START, ends_at=END)
    assert [warning["code"] for warning in found] == ["cap"]
    assert not Delivery.objects.exists()


def test_an_announcements_purpose_is_kept_and_goes_with_its_deliveries(api, group) -> None:
    body = {"groups": [group.pk], "text": "x", "due_at": (clock.now() + HOUR).isoformat(), "purpose": "care"}
    made = api.post("/api/v1/announcements/", body).json()
    assert made["purpose"] == "care"
    api.post(f"/api/v1/announcements/{made['id']}/schedule/")
    assert api.get("/api/v1/deliveries/").json()["results"][0]["purpose"] == "care"
    assert api.post("/api/v1/announcements/", body | {"purpose": "spam"}).status_code == 400


def moved(api, announcement, due_at) -> list[str]:
    answer = api.post(f"/api/v1/announcements/{announcement.pk}/move/", {"due_at": due_at.isoformat()})
    assert answer.status_code == 200
    return [warning["code"] for warning in answer.json()["warnings"]]


@pytest.mark.usefixtures("at_noon")
def test_moving_over_rest_says_what_the_page_says(api, workspace, write, group, second_group) -> None:
    quiet(workspace, 21, 8)
    scheduled, draft = write(group, second_group, due_at=NOON + 22 * HOUR), write(due_at=NOON + 22 * HOUR)
    assert schedule(scheduled) == []  # 18:00 in Shanghai
    for announcement in (scheduled, draft):
        assert moved(api, announcement, NOON + 2 * HOUR) == ["quiet_hours"]
        assert moved(api, announcement, NOON + 2 * HOUR) == ["quiet_hours"]  # the same time again
        assert moved(api, announcement, NOON + 20 * HOUR) == []


@pytest.mark.usefixtures("at_noon")
def test_moving_over_rest_does_not_warn_of_what_has_gone_out(api, workspace, write, group, second_group) -> None:
    announcement = write(group, second_group)
    schedule(announcement)
    Delivery.objects.filter(target_id=group.pk).update(state="accepted")
    cap(workspace, 1)
    assert moved(api, announcement, NOON + 2 * HOUR) == []
    quiet(workspace, 21, 8)
    answer = api.post(f"/api/v1/announcements/{announcement.pk}/move/", {"due_at": (NOON + 2 * HOUR).isoformat()})
    (warning,) = answer.json()["warnings"]
    assert "二群" in warning["message"]
    assert "一群" not in warning["message"]


def test_a_cap_counts_what_of_the_same_run_has_gone_out(workspace, start) -> None:
    run = start()
    first, second = Delivery.objects.order_by("due_at")[:2]
    Delivery.objects.exclude(pk__in=[first.pk, second.pk]).update(state="cancelled")
    Delivery.objects.filter(pk=second.pk).update(due_at=first.due_at + HOUR)
    run.touches.filter(source_key=second.source_key).update(due_at=first.due_at + HOUR)
    cap(workspace, 1)
    (planned_both,) = services.run_held_warnings(run)
    Delivery.objects.filter(pk=first.pk).update(state="accepted")
    (one_is_out,) = services.run_held_warnings(run)
    assert planned_both == one_is_out
    Delivery.objects.filter(pk=first.pk).update(state="cancelled")
    assert services.run_held_warnings(run) == []
