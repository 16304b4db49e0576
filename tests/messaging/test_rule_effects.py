"""A new send rule says what it holds back of what is planned already."""

from datetime import date, time, timedelta

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import translation

from community_ops.common import clock
from messaging import services
from messaging.models import Delivery, QuietHours
from messaging.services import rule_effects
from tests.factories.people import SYSTEM
from tests.messaging.test_task_warnings import make_group
from tests.moments import NOON

pytestmark = pytest.mark.django_db
TODAY, HOUR, DAY = date(2026, 11, 21), timedelta(hours=1), timedelta(days=1)  # NOON is 20:00 in Shanghai
SHANGHAI = {"zone": "Asia/Shanghai"}
EVENING = {"begins": "19:00", "ends": "23:00", "from_on": "2026-11-21"}


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch):
    services.send_rules.RULES.forget()
    monkeypatch.setattr(clock, "now", lambda: NOON)
    with translation.override("en"):
        yield


def quiet(workspace, begins: int = 19, ends: int = 23) -> QuietHours:
    facts = {"begins": time(begins), "ends": time(ends), "from_on": TODAY, "until_on": None}
    return services.create_quiet_hours(workspace_id=workspace.pk, **facts, actor=SYSTEM, now=NOON)


def cap(workspace, count: int):
    facts = {"purpose": "", "count": count, "days": 1, "from_on": TODAY, "until_on": None}
    return services.create_frequency_cap(workspace_id=workspace.pk, **facts, actor=SYSTEM, now=NOON)


def held_count(rule) -> int:
    return rule_effects.newly_held(rule=rule, now=NOON).count


def test_what_is_planned_for_the_next_days_and_falls_into_it_is_counted(workspace, plan, room) -> None:
    for after in (HOUR, DAY, 4 * HOUR, 8 * DAY):  # the third is free of it, the last is out of sight
        plan(room, **SHANGHAI, due_at=NOON + after)
    plan(room, **SHANGHAI, due_at=NOON + HOUR, exemption="payment")
    gone = plan(room, **SHANGHAI, due_at=NOON + HOUR)
    Delivery.objects.filter(pk=gone.pk).update(state="accepted")
    assert held_count(quiet(workspace)) == 2


def test_what_waits_in_line_counts_by_the_time_of_its_turn(workspace, plan, room) -> None:
    rows = [plan(room, **SHANGHAI, due_at=NOON - 2 * HOUR) for _ in range(2)]
    Delivery.objects.filter(pk=rows[0].pk).update(reason="limit", next_try_at=NOON + 4 * HOUR)
    assert held_count(quiet(workspace)) == 1


def test_only_what_no_other_rule_holds_is_counted(workspace, plan, room) -> None:
    for hours in (1, 3.5):
        plan(room, **SHANGHAI, due_at=NOON + hours * HOUR)
    assert held_count(quiet(workspace, 19, 23)) == 1
    assert held_count(quiet(workspace, 19, 22)) == 0
    assert held_count(cap(workspace, 1)) == 0
    plan(room, **SHANGHAI, due_at=NOON + 3.6 * HOUR)
    assert held_count(cap(workspace, 2)) == 0
    assert services.rule_warnings(rule=quiet(workspace, 20, 22), now=NOON) == []


def test_a_cap_counts_what_is_above_it(workspace, plan, room) -> None:
    for hours in (1, 2, 3):
        plan(room, **SHANGHAI, due_at=NOON + hours * HOUR)
    assert held_count(cap(workspace, 2)) == 1


def test_a_rule_that_is_not_the_newest_is_judged_by_what_it_holds_itself(
    workspace, plan, room, signed_in, owner
) -> None:
    plan(room, **SHANGHAI, due_at=NOON + HOUR)  # 21:00 there
    first, second = quiet(workspace, 20, 22), quiet(workspace, 23, 2)
    assert (held_count(first), held_count(second)) == (1, 0)
    ask = reverse("messaging:send_rule_archive", args=[workspace.slug, "quiet-hours", first.pk])
    asked = signed_in(owner).get(ask, headers={"Accept-Language": "en"}).content.decode()
    assert "This rule holds back 1 message that is planned already for the next 7 days." in asked


@pytest.fixture
def card(workspace, person):
    """A card that somebody made by hand for two groups, due in an hour."""
    groups = [make_group(workspace, name) for name in ("一群", "二群")]
    items = [services.NewItem(group.name, "group", group.pk) for group in groups]
    facts = {"title": "晚上的事", "text": "快来", "due_at": NOON + HOUR, "items": items, **SHANGHAI}
    return services.create_task(assignee=person, kind="message", actor=SYSTEM, now=NOON, **facts)


@pytest.mark.usefixtures("card")
def test_what_waits_on_a_card_made_by_hand_counts_by_itself(workspace, plan, room) -> None:
    plan(room, **SHANGHAI, due_at=NOON + HOUR)
    rule = quiet(workspace)
    found = rule_effects.newly_held(rule=rule, now=NOON)
    assert (found.count, found.card_count) == (1, 2)
    warnings = services.rule_warnings(rule=rule, now=NOON)
    assert [warning["code"] for warning in warnings] == ["holds_planned", "holds_cards"]
    assert "nobody copy the text for 2 groups" in warnings[1]["message"]


@pytest.mark.usefixtures("card")
def test_cards_that_can_be_copied_at_their_time_are_not_warned_of(workspace) -> None:
    assert services.rule_warnings(rule=quiet(workspace, 22, 23), now=NOON) == []


@pytest.mark.usefixtures("card")
def test_a_card_takes_a_place_of_a_cap_from_what_comes_after_it(workspace, plan, room) -> None:
    group_id = Delivery.objects.order_by("pk").first().target_id
    plan(room, **SHANGHAI, due_at=NOON + 2 * HOUR, target_id=group_id)
    found = rule_effects.newly_held(rule=cap(workspace, 1), now=NOON)
    assert (found.count, found.card_count) == (1, 0)


def test_what_has_begun_is_not_held_whatever_it_waits_for(workspace, plan, room) -> None:
    row = plan(room, **SHANGHAI, due_at=NOON)
    Delivery.objects.filter(pk=row.pk).update(reason="retrying", parts_sent=1, part_count=2)
    assert held_count(quiet(workspace)) == 0


def test_it_says_where_it_did_not_look_at_everything(workspace, plan, room, monkeypatch) -> None:
    monkeypatch.setattr(rule_effects, "MOST_ROWS", 1)
    for _ in range(2):
        plan(room, **SHANGHAI)
    (warning,) = services.rule_warnings(rule=quiet(workspace), now=NOON)
    assert warning["code"] == "holds_planned"
    assert "at least 1 messages" in warning["message"]


@pytest.mark.parametrize("count", [1, 20])
def test_counting_asks_the_same_for_one_and_for_many(workspace, plan, room, django_assert_num_queries, count) -> None:
    cap(workspace, 1)
    rule = cap(workspace, 2)
    for number in range(count):
        plan(room, **SHANGHAI, target_id=number)
    with django_assert_num_queries(7):
        held_count(rule)


def test_the_page_warns_and_leads_to_the_calendar(signed_in, owner, workspace, plan, room) -> None:
    plan(room, **SHANGHAI)
    url = reverse("messaging:send_rule_new", args=[workspace.slug, "quiet-hours"])
    answer = signed_in(owner).post(url, EVENING, headers={"Accept-Language": "en"})
    told = [str(message) for message in get_messages(answer.wsgi_request) if message.level_tag == "warning"]
    assert len(told) == 1
    assert "holds back 1 message that is planned already" in told[0]
    assert reverse("campaigns:calendar", args=[workspace.slug]) in told[0]
    assert QuietHours.objects.count() == 1


@pytest.mark.usefixtures("card")
def test_the_page_leads_to_the_cards(signed_in, owner, workspace) -> None:
    url = reverse("messaging:send_rule_new", args=[workspace.slug, "quiet-hours"])
    answer = signed_in(owner).post(url, EVENING, headers={"Accept-Language": "en"})
    (told,) = [str(message) for message in get_messages(answer.wsgi_request) if message.level_tag == "warning"]
    assert reverse("messaging:tasks", args=[workspace.slug]) in told


def test_a_tool_is_told_too(api, plan, room) -> None:
    assert api.post("/api/v1/quiet-hours/", EVENING).json()["warnings"] == []
    plan(room, **SHANGHAI, due_at=NOON + 4 * HOUR)
    made = api.post("/api/v1/quiet-hours/", EVENING | {"begins": "23:30", "ends": "01:00"})
    assert [warning["code"] for warning in made.json()["warnings"]] == ["holds_planned"]
    assert made.status_code == 201


@pytest.mark.parametrize(
    ("reason", "label"),
    [
        ("quiet_hours", "Not sent: quiet hours"),
        ("holiday", "Not sent: holiday"),
        ("cap", "Not sent: limit"),
        ("cancelled_by_person", "Cancelled"),
    ],
)
def test_the_record_says_which_rule_kept_it_and_not_that_somebody_cancelled_it(
    signed_in, owner, workspace, plan, room, reason, label
) -> None:
    row = plan(room)
    Delivery.objects.filter(pk=row.pk).update(state="cancelled", reason=reason)
    client, english = signed_in(owner), {"Accept-Language": "en"}
    detail = client.get(reverse("messaging:delivery", args=[workspace.slug, row.pk]), headers=english)
    assert f">{label}</span>" in detail.content.decode()
    state = "cancelled" if label == "Cancelled" else reason
    record = reverse("messaging:deliveries", args=[workspace.slug])
    listed = client.get(f"{record}?state={state}", headers=english)
    assert [shown["state"] for shown in listed.context["rows"]] == [state]
    other = "cancelled" if state != "cancelled" else "cap"
    assert not client.get(f"{record}?state={other}").context["rows"]


def test_what_a_rule_kept_has_its_own_tab_and_its_stored_state(
    signed_in, owner, workspace, plan, deliver, room, api, fresh
) -> None:
    quiet(workspace)
    row = plan(room, **SHANGHAI)
    deliver()
    assert fresh(row).state == "cancelled"
    answer = signed_in(owner).get(reverse("messaging:deliveries", args=[workspace.slug]))
    assert [(tab["state"], tab["count"]) for tab in answer.context["tabs"][1:]] == [("quiet_hours", 1)]
    told = api.get(f"/api/v1/deliveries/{row.pk}/").json()
    assert (told["state"], told["reason"]) == ("cancelled", "quiet_hours")


def test_the_story_of_one_a_rule_kept_does_not_say_cancelled(signed_in, owner, workspace, plan, deliver, room) -> None:
    quiet(workspace)
    row = plan(room, **SHANGHAI)
    deliver()
    url = reverse("messaging:delivery", args=[workspace.slug, row.pk])
    story = signed_in(owner).get(url, headers={"Accept-Language": "en"}).context["story"]
    assert "Not sent: quiet hours" in [told.title for told in story]
    assert "Cancelled" not in [told.title for told in story]
