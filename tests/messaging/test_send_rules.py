"""Quiet hours, holidays and caps: off by default, judged by the target's clock, at planning and at sending alike."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.urls import reverse

from community_ops.common.errors import InvalidInput
from community_ops.common.models import AuditEntry
from messaging import services
from messaging.models import Delivery, FrequencyCap, Holiday, QuietHours
from messaging.policies import EXEMPTIONS, Quiet, Span
from messaging.services import PlannedSend, would_be_held
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
SHANGHAI = {"zone": "Asia/Shanghai"}
TODAY = date(2026, 11, 21)  # of NOON, in UTC as in Shanghai
HOUR = timedelta(hours=1)


def quiet(workspace, begins: int, ends: int, **span) -> QuietHours:
    facts = {"from_on": TODAY, "until_on": None} | span
    return services.create_quiet_hours(
        workspace_id=workspace.pk, begins=time(begins), ends=time(ends), actor=SYSTEM, now=NOON, **facts
    )


def holiday(workspace, from_on: date = TODAY, until_on: date | None = None) -> Holiday:
    facts = {"workspace_id": workspace.pk, "name": "国庆", "from_on": from_on, "until_on": until_on}
    return services.create_holiday(**facts, actor=SYSTEM, now=NOON)


def cap(workspace, count: int, purpose: str = "", days: int = 1, **span) -> FrequencyCap:
    facts = {"from_on": TODAY - 30 * timedelta(days=1), "until_on": None} | span
    return services.create_frequency_cap(
        workspace_id=workspace.pk, purpose=purpose, count=count, days=days, actor=SYSTEM, now=NOON, **facts
    )


def sent(plan, deliver, room, **facts) -> tuple[str, str]:
    row = plan(room, **SHANGHAI | facts)
    deliver(facts.get("due_at", NOON))
    row.refresh_from_db()
    return row.state, row.reason


def test_nothing_holds_a_message_back_unless_somebody_made_a_rule(plan, deliver, room) -> None:
    assert sent(plan, deliver, room, due_at=datetime(2026, 11, 21, 19, 0, tzinfo=UTC)) == ("accepted", "")


@pytest.mark.parametrize(("hour", "is_quiet"), [(21, False), (22, True), (23, True), (0, True), (7, True), (8, False)])
def test_quiet_hours_over_midnight_are_those_of_the_targets_clock(
    workspace, plan, deliver, room, hour, is_quiet
) -> None:
    quiet(workspace, 22, 8)
    wall = datetime(2026, 11, 22, hour, 0, tzinfo=UTC) - 8 * HOUR  # in Shanghai
    assert sent(plan, deliver, room, due_at=wall) == (("cancelled", "quiet_hours") if is_quiet else ("accepted", ""))


def test_a_night_belongs_to_the_day_it_begins_on() -> None:
    one_night = Quiet(Span(TODAY, TODAY), time(22), time(8))
    nights = {hour: one_night.has(datetime(2026, 11, 21, 0) + hour * HOUR) for hour in (-1, 23, 24 + 3, 24 + 23)}
    assert nights == {-1: False, 23: True, 27: True, 47: False}


def test_a_rule_made_in_the_middle_of_the_night_holds_at_once() -> None:
    """From "today" at two o'clock means this night too; it began yesterday."""
    from_today = Quiet(Span(TODAY, None), time(22), time(8))
    night = datetime(2026, 11, 21, 0)
    assert [from_today.has(night + hour * HOUR) for hour in (0, 3, 8, 22)] == [True, True, False, True]


def test_the_same_moment_is_quiet_here_and_not_there(workspace, plan, deliver, room) -> None:
    quiet(workspace, 19, 21)  # NOON is 20:00 in Shanghai and 12:00 in London
    assert sent(plan, deliver, room) == ("cancelled", "quiet_hours")
    assert sent(plan, deliver, room, zone="Europe/London") == ("accepted", "")


def test_on_a_holiday_nothing_goes_out(workspace, plan, deliver, room) -> None:
    holiday(workspace, TODAY, TODAY + timedelta(days=2))
    assert sent(plan, deliver, room) == ("cancelled", "holiday")
    assert sent(plan, deliver, room, due_at=NOON + timedelta(days=3)) == ("accepted", "")


def test_a_rule_holds_from_its_first_to_its_last_day_and_not_when_taken_away(workspace, plan, deliver, room) -> None:
    quiet(workspace, 19, 21, from_on=TODAY + timedelta(days=1))
    quiet(workspace, 19, 21, from_on=TODAY - timedelta(days=9), until_on=TODAY - timedelta(days=1))
    rule = quiet(workspace, 19, 21)
    assert sent(plan, deliver, room) == ("cancelled", "quiet_hours")
    for _ in range(2):
        services.archive_rule(rule=rule, actor=SYSTEM, now=NOON)
    services.send_rules.RULES.forget()
    assert sent(plan, deliver, room) == ("accepted", "")
    assert AuditEntry.objects.filter(verb="send_rule.archived").count() == 1


def test_rules_of_another_workspace_hold_nothing_here(stranger, plan, deliver, room) -> None:
    quiet(stranger.workspace, 19, 21)
    cap(stranger.workspace, 1)
    assert [sent(plan, deliver, room) for _ in range(2)] == [("accepted", "")] * 2


def test_a_cap_lets_the_first_ones_of_the_day_through(workspace, plan, deliver, room) -> None:
    cap(workspace, 2)
    assert [sent(plan, deliver, room)[1] for _ in range(3)] == ["", "", "cap"]
    assert sent(plan, deliver, room, target_id=8) == ("accepted", "")
    assert sent(plan, deliver, room, due_at=NOON + 4 * HOUR) == ("accepted", "")  # midnight in Shanghai: another day


def test_a_cap_counts_its_purpose_alone(workspace, plan, deliver, room) -> None:
    cap(workspace, 1, purpose="selling")
    assert sent(plan, deliver, room, purpose="content") == ("accepted", "")
    assert sent(plan, deliver, room, purpose="selling") == ("accepted", "")
    assert sent(plan, deliver, room, purpose="selling") == ("cancelled", "cap")


def test_a_cap_of_several_days_looks_back(workspace, plan, deliver, room) -> None:
    cap(workspace, 1, days=7)
    sent(plan, deliver, room, due_at=NOON - timedelta(days=6))
    assert sent(plan, deliver, room) == ("cancelled", "cap")
    assert sent(plan, deliver, room, due_at=NOON + timedelta(days=1)) == ("accepted", "")


def test_of_two_that_share_the_last_place_the_earlier_has_it(workspace, plan, deliver, room, hook) -> None:
    cap(workspace, 1)
    waits = plan(hook, **SHANGHAI, due_at=NOON - HOUR)
    Delivery.objects.filter(pk=waits.pk).update(next_try_at=NOON + HOUR)  # it is being retried
    assert sent(plan, deliver, room) == ("cancelled", "cap")
    Delivery.objects.filter(pk=waits.pk).update(state="failed")
    assert sent(plan, deliver, room) == ("accepted", "")


@pytest.mark.parametrize("exemption", sorted(EXEMPTIONS))
def test_exempt_messages_go_out_and_are_not_counted(workspace, plan, deliver, room, exemption) -> None:
    quiet(workspace, 0, 12)
    holiday(workspace)
    cap(workspace, 1)
    exempt = [sent(plan, deliver, room, exemption=exemption) for _ in range(2)]
    assert exempt == [("accepted", "")] * 2
    Holiday.objects.all().delete()
    services.send_rules.RULES.forget()
    assert [sent(plan, deliver, room)[0] for _ in range(2)] == ["accepted", "cancelled"]


def test_a_test_message_is_held_by_no_rule_and_counts_in_none(workspace, hook, room, plan, deliver, httpserver) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    rule = holiday(workspace)
    assert services.send_test_message(endpoint=hook, actor=SYSTEM, now=NOON).outcome == "accepted"
    services.archive_rule(rule=rule, actor=SYSTEM, now=NOON)
    cap(workspace, 1)
    assert sent(plan, deliver, room) == ("accepted", "")


def send(due_at: datetime, target_id: int = 7, **facts) -> PlannedSend:
    base = {"endpoint_id": None, "text": "x", "origin": "test", "origin_id": 500_000, "zone": "Asia/Shanghai"}
    key = f"plan:{due_at.isoformat()}:{target_id}:{facts}"
    return PlannedSend(source_key=key, due_at=due_at, target_id=target_id, **base | facts)


def held(workspace, *sends: PlannedSend) -> list[tuple[datetime, str]]:
    return [(one.send.due_at, one.reason) for one in would_be_held(workspace_id=workspace.pk, sends=sends)]


def test_a_plan_tells_beforehand_what_would_be_held(workspace, plan, deliver, room) -> None:
    assert held(workspace, send(NOON)) == []
    quiet(workspace, 23, 8)
    holiday(workspace, TODAY + timedelta(days=1))
    cap(workspace, 2)
    sent(plan, deliver, room)
    plan(room, **SHANGHAI, target_id=8, due_at=NOON)
    night, tomorrow, later = NOON + 4 * HOUR, NOON + timedelta(days=1), NOON + HOUR
    found = held(workspace, send(later), send(NOON), send(night), send(tomorrow), send(later, 8), send(later, 9))
    assert found == [(later, "cap"), (night, "quiet_hours"), (tomorrow, "holiday")]


def test_a_plan_looks_back_as_far_as_its_caps_and_leaves_itself_out(workspace, plan, room) -> None:
    cap(workspace, 1, purpose="selling", days=2)
    plan(room, **SHANGHAI, purpose="selling", origin_id=500_000, due_at=NOON)  # the plan itself, as it stood before
    days = [NOON + timedelta(days=number) for number in range(4)]
    found = held(workspace, *(send(day, purpose="selling") for day in days), send(NOON, purpose="care"))
    assert found == [(days[1], "cap"), (days[3], "cap")]
    assert held(workspace, send(days[0], purpose="selling", exemption="running_sale")) == []


def test_planning_asks_the_same_for_one_and_for_many(workspace, django_assert_num_queries) -> None:
    cap(workspace, 1)
    for count in (1, 20):
        with django_assert_num_queries(4):
            held(workspace, *(send(NOON, target_id=number) for number in range(count)))


@pytest.mark.parametrize(
    ("make", "facts", "field"),
    [
        (quiet, {"begins": 8, "ends": 8}, "ends"),
        (quiet, {"begins": 8, "ends": 9, "until_on": date(2026, 1, 1)}, "until_on"),
        (quiet, {"begins": 8, "ends": 9, "from_on": date(1, 1, 1)}, "from_on"),
        (holiday, {"until_on": date(2026, 1, 1)}, "until_on"),
        (cap, {"count": 0}, "count"), (cap, {"count": 1_001}, "count"), (cap, {"count": 1, "days": 0}, "days"),
        (cap, {"count": 1, "days": 32}, "days"), (cap, {"count": 1, "purpose": "spam"}, "purpose"),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused_and_nothing_is_kept(workspace, make, facts, field) -> None:
    with pytest.raises(InvalidInput) as refusal:
        make(workspace, **facts)
    assert refusal.value.field == field
    assert not any(model.objects.exists() for model in (QuietHours, Holiday, FrequencyCap, AuditEntry))


def test_the_record_says_why_rules_did_not_hold_a_message(signed_in, owner, workspace, plan, room) -> None:
    row = plan(room, purpose="selling", exemption="running_sale")
    url = reverse("messaging:delivery", args=[workspace.slug, row.pk])
    page = signed_in(owner).get(url, headers={"Accept-Language": "en"}).content.decode()
    assert "Selling" in page
    assert "A sale that is on" in page
    plain = reverse("messaging:delivery", args=[workspace.slug, plan(room).pk])
    assert "Not held back" not in signed_in(owner).get(plain, headers={"Accept-Language": "en"}).content.decode()
