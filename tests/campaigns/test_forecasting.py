"""What an announcement or a plan will take is said before it is scheduled: in the questions, in the plan, over REST."""

from datetime import time, timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns import services
from community_ops.common.models import AuditEntry
from groups.models import ChatGroup
from messaging import services as messaging
from messaging.models import Assignee, Delivery, SendLimit
from messaging.services.limits import BOOK
from tests.campaigns.conftest import END, START, make_endpoint, make_fail, make_group, schedule, text_of
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.usefixtures("at_noon", "in_english")
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _fresh_limits():
    BOOK.forget()


@pytest.fixture
def may(workspace) -> Assignee:
    return messaging.create_assignee(workspace_id=workspace.pk, name="阿May", actor=SYSTEM, now=NOON)


def bound(community, names, endpoint) -> list[ChatGroup]:
    """Groups of one endpoint."""
    facts = {"workspace": community.workspace, "community": community, "kind": "long_term", "endpoint": endpoint}
    return [ChatGroup.objects.create(name=name, **facts) for name in names]


@pytest.fixture
def by_hand(community, may) -> list[ChatGroup]:
    """Seven groups that a colleague posts in."""
    return bound(community, [f"人工 {number} 群" for number in range(1, 8)], may.endpoint)


def said(announcement, **facts) -> list[str]:
    groups = services.target_groups(announcement)
    found = services.forecast_announcement(announcement, groups, now=NOON, **facts)
    return [line.text for line in services.forecast_words(found, zone="Asia/Shanghai").lines]


def plan(ladder, groups, *, starts_at=START, ends_at=END, now=NOON) -> services.PlanForecast:
    window = {"starts_at": starts_at, "ends_at": ends_at}
    touches = services.preview_run(playbook=ladder, groups=groups, now=now, **window)
    return services.forecast_plan(touches, subject_kind="flash_sale", now=now, **window)


# --- announcements ------------------------------------------------------------------------------------


def test_it_says_which_way_each_goes_and_who_hears_last(write, group, silent_group, by_hand) -> None:
    lines = said(write(group, silent_group, *by_hand))
    assert lines[0] == "9 messages: by robot 1, by hand 7 (阿May 7), not reached 1."
    assert lines[1] == "人工 7 群 hears last, about 21 Nov, 21:02: 2 minutes 35 seconds after the first is due."
    assert lines[2] == "1 not reached (没接通的群): The group has no delivery channel."
    assert lines[-1] == "No limit of a day or longer is known for these channels."


def test_it_says_how_much_of_a_limit_of_a_day_it_takes(workspace, write, group) -> None:
    facts = {"scope": "endpoint", "scope_id": group.endpoint.identity_id, "seconds": 86_400}
    SendLimit.objects.create(workspace=workspace, count=1, **facts)
    schedule(write())
    assert said(write())[-1].endswith(
        "that is 1 of this, 1 of other plans and 0 that went out. 1 too few: the rest waits for the next day."
    )


def test_it_says_how_much_of_a_limit_of_a_month_it_takes(workspace, write, group) -> None:
    facts = {"scope": "endpoint", "scope_id": group.endpoint.identity_id, "seconds": 2_592_000}
    SendLimit.objects.create(workspace=workspace, count=1, **facts)
    schedule(write())
    line = said(write())[-1]
    assert "at most 1 in 30 days." in line
    assert line.endswith(
        "that is 1 of this, 1 of other plans and 0 that went out."
        " 1 too few: the rest waits until earlier ones are more than 30 days old."
    )


@pytest.mark.parametrize(("minute", "is_busy"), [(0, True), (30, True), (1, False), (29, False), (45, False)])
def test_it_warns_of_full_and_half_hours_where_the_platform_is_busy_then(community, write, minute, is_busy) -> None:
    feishu = make_group(community, "飞书群", "feishu_robot")
    lines = said(write(feishu, make_group(community, "二群"), due_at=NOON + timedelta(hours=1, minutes=minute)))
    busy = [line for line in lines if "full or half hour" in line]
    words = (
        "1 to Feishu / Lark group robot is due at a full or half hour, when it is busy and may refuse:"
        " a few minutes beside it are better."
    )
    assert busy == ([words] if is_busy else [])


def test_it_names_channels_that_fail_now(write, group) -> None:
    make_fail(group)
    assert "“一群”: the last message to it failed. The platform said: 93000" in said(write())[-1]


def test_it_names_a_channel_whose_last_try_ended_in_a_500(write, group) -> None:
    make_fail(group)
    facts = {"state": "unknown", "reason": "no_answer", "platform_code": "500", "platform_text": "HTTP 500"}
    Delivery.objects.update(**facts)
    assert "“一群”: the last try did not get through. The server on the other side failed (500)." in said(write())[-1]


def test_it_says_who_will_not_hear_of_it_and_who_never_opened_her_link(write, by_hand, may, group) -> None:
    lines = said(write(*by_hand))
    assert ("There is no channel to notify 阿May (a staff robot or mail). The cards are only on the list.") in lines
    assert "阿May: no personal link yet, so the cards cannot be seen." in lines
    Assignee.objects.filter(pk=may.pk).update(notice_endpoint=group.endpoint)
    messaging.issue_link(assignee=may, actor=SYSTEM, now=NOON)
    lines = said(write(*by_hand))
    assert "阿May: the personal link was never opened. Make sure that it has arrived." in lines
    assert not any(line.startswith("There is no channel to notify") for line in lines)
    messaging.note_link_use(assignee=may, now=NOON)
    assert not any("link" in line for line in said(write(*by_hand)))


def test_it_names_the_carrier_of_each_group_with_trouble_first(write, group, silent_group, by_hand) -> None:
    make_fail(group)
    announcement = write(group, silent_group, by_hand[0])
    found = services.forecast_announcement(announcement, services.target_groups(announcement), now=NOON)
    words = services.forecast_words(found, zone="Asia/Shanghai")
    assert words.group_count == 3
    assert [(row.name, row.way, row.carrier, list(row.notes)) for row in words.groups] == [
        ("没接通的群", "Cannot be reached", "", ["The group has no delivery channel."]),
        ("人工 1 群", "By hand", "阿May", ["She is not notified."]),
        ("一群", "By robot", group.endpoint.name, ["The last try through this channel did not work."]),
    ]


def test_nobody_at_all_is_said_plainly(write, silent_group) -> None:
    assert said(write(silent_group))[:2] == [
        "1 message: not reached 1.",
        "Nothing of it would be there: see why below.",
    ]


def test_it_names_the_limit_that_makes_it_slow(workspace, write, community) -> None:
    endpoint = make_endpoint(workspace)
    facts = {"scope": "endpoint", "scope_id": endpoint.identity_id, "seconds": 60}
    SendLimit.objects.create(workspace=workspace, count=5, **facts)
    for count, is_slow in ((5, False), (6, True)):
        groups = bound(community, [f"{count}.{number} 群" for number in range(count)], endpoint)
        found = services.forecast_announcement(write(*groups), groups, now=NOON)
        note = services.forecast_words(found, zone="Asia/Shanghai").note
        assert (f"{endpoint.name} at most 5 in 1 minute" in note) is is_slow


def quiet(workspace, begins: int, ends: int) -> None:
    messaging.send_rules.RULES.forget()
    messaging.create_quiet_hours(
        workspace_id=workspace.pk, begins=time(begins), ends=time(ends), from_on=NOON.date(), until_on=None,
        actor=SYSTEM, now=NOON,
    )  # fmt: skip


def test_it_says_that_what_quiet_hours_hold_is_dropped_not_moved(workspace, write, group) -> None:
    quiet(workspace, 19, 23)  # NOON is 20:00 in Shanghai
    assert (
        "It is not moved to 21 Nov, 23:00: what the rules hold at its time is not sent. To send it, choose a time from"
        " 21 Nov, 23:00 on."
    ) in said(write(group))


def test_it_says_that_quiet_hours_hold_it_until_after_its_latest_moment(workspace, write, group) -> None:
    quiet(workspace, 19, 23)
    draft = write(group)
    draft.latest_at = NOON + timedelta(hours=2)
    lines = said(draft)
    assert (
        "The rules let it go out from 21 Nov, 23:00 on only, after its latest moment (21 Nov, 22:00): it cannot be sent"
        " in between. Choose another time."
    ) in lines
    assert not any(line.startswith("It is not moved") for line in lines)


def test_where_nobody_would_be_reached_another_time_is_the_main_way_out(page, workspace, write, group) -> None:
    announcement = write(group)
    assert "instead" not in page(f"announcements/{announcement.pk}/").context["questions"]["send_now"]
    quiet(workspace, 19, 23)
    answer = page(f"announcements/{announcement.pk}/")
    edit = f"/w/{workspace.slug}/announcements/{announcement.pk}/edit/?due_at=2026-11-21T23:00"
    assert answer.context["questions"]["send_now"]["instead"]["url"] == edit
    shown = text_of(answer)
    assert f'<a class="button button-primary" href="{edit}">Change the time</a>' in shown
    assert '<button type="submit" class="button">Send now</button>' in shown
    assert 'value="2026-11-21T23:00"' in text_of(page(edit.removeprefix(f"/w/{workspace.slug}/")))


@pytest.mark.parametrize("asked", ["", "soon", "2026-11-21T23:00+08:00", "2026-13-01T00:00"])
def test_a_time_in_the_address_that_is_none_leaves_the_drafts_own(page, write, asked) -> None:
    announcement = write(due_at=NOON + timedelta(hours=1))
    address = f"announcements/{announcement.pk}/edit/?{urlencode({'due_at': asked})}"
    assert 'value="2026-11-21T21:00"' in text_of(page(address))


def test_of_a_scheduled_one_only_what_is_ahead_is_counted(write, group, second_group) -> None:
    announcement = write(group, second_group)
    schedule(announcement)
    Delivery.objects.filter(target_id=group.pk).update(state="accepted")
    assert said(announcement)[0] == "1 message: by robot 1."


def test_the_questions_before_scheduling_and_sending_say_it(page, write, by_hand) -> None:
    shown = text_of(page(f"announcements/{write(*by_hand).pk}/"))
    assert shown.count("7 messages: by hand 7 (阿May 7).") == 2
    assert "about 21 Nov, 21:02" in shown  # at its time
    assert "about 21 Nov, 20:02" in shown  # now
    assert "Estimated: by hand 15 s a card and 20 s a group." in shown
    assert not AuditEntry.objects.filter(verb="announcement.scheduled").exists()


def test_a_time_that_would_be_refused_is_not_foreseen(page, write, monkeypatch) -> None:
    announcement = write()
    monkeypatch.setattr("community_ops.common.clock.now", lambda: NOON + 90 * MINUTE)
    assert text_of(page(f"announcements/{announcement.pk}/")).count("1 message: by robot 1.") == 1


def test_who_may_not_send_is_not_asked_and_sees_no_forecast(write, viewer, signed_in) -> None:
    address = f"/w/{viewer.workspace.slug}/announcements/{write().pk}/"
    assert "forecast" not in text_of(signed_in(viewer).get(address))


def test_rehearsing_over_rest_answers_the_forecast(api, write, group, silent_group, by_hand, may) -> None:
    announcement = write(group, silent_group, *by_hand)
    answer = api.post(f"/api/v1/announcements/{announcement.pk}/rehearse/")
    assert answer.status_code == 200
    forecast = answer.json()["forecast"]
    assert (forecast["robot_count"], forecast["hand_count"], forecast["seconds"]) == (1, 7, 155.0)
    assert (forecast["last_at"], forecast["last_group"]) == ("2026-11-21T13:02:35Z", by_hand[-1].pk)
    assert [(one["group"], one["reason"]) for one in forecast["unreached"]] == [(silent_group.pk, "no_endpoint")]
    (hand,) = forecast["hands"]
    assert (hand["assignee"], hand["card_count"], hand["send_count"], hand["late_count"]) == (may.pk, 1, 7, 0)
    assert (forecast["allowances"], forecast["failing"], forecast["is_cut"]) == ([], [], False)
    assert forecast["busy"] == []
    ways = [(one["group"], one["way"], one["carrier"], one["reasons"]) for one in forecast["groups"]]
    assert ways[:2] == [(group.pk, "robot", group.endpoint.name, []), (silent_group.pk, "none", "", ["no_endpoint"])]
    assert ways[2] == (by_hand[0].pk, "hand", "阿May", [])
    assert not Delivery.objects.exists()


def test_tools_are_warned_of_busy_minutes_too(api, write, community) -> None:
    announcement = write(make_group(community, "飞书群", "feishu_robot"), due_at=NOON + timedelta(minutes=30))
    answer = api.post(f"/api/v1/announcements/{announcement.pk}/rehearse/", headers={"accept-language": "en"})
    (busy,) = answer.json()["forecast"]["busy"]
    assert (busy["platform"], busy["send_count"]) == ("feishu_robot", 1)
    assert busy["message"].startswith("1 to Feishu / Lark group robot is due at a full or half hour")


def test_a_page_of_a_draft_asks_the_same_number_of_questions_for_many_groups(page, write, community, by_hand) -> None:
    few_groups, many_groups = [make_group(community)], [make_group(community, f"{n} 群") for n in range(12)]
    counts = []
    for groups in (few_groups, many_groups):
        address = f"announcements/{write(*groups, *by_hand).pk}/"
        page(address)
        with CaptureQueriesContext(connection) as asked:
            text_of(page(address))
        counts.append(len(asked))
    assert counts[0] == counts[1]


# --- plans --------------------------------------------------------------------------------------------


def test_each_step_of_a_plan_says_who_hears_it_and_when(ladder, group, by_hand) -> None:
    found = plan(ladder, [group, *by_hand])
    steps = {step.step.key: step for step in found.steps}
    at_start = next(step for step in found.steps if step.due_at == START)
    assert (at_start.robot_count, at_start.hand_count, at_start.unreached_count) == (1, 7, 0)
    assert at_start.last.send.target_id == by_hand[-1].pk
    assert at_start.last.at - START == timedelta(seconds=155)
    assert len(steps) == ladder.steps.exclude(anchor="condition").count()


def test_steps_without_a_time_are_named_as_not_counted(ladder, group, second_group) -> None:
    found = plan(ladder, [group, second_group])
    waiting = set(ladder.steps.filter(anchor="condition").values_list("key", flat=True))
    assert {(one.step.key, one.group_count) for one in found.uncounted} == {(key, 2) for key in waiting}
    lines = [line.text for line in services.plan_words(found, zone="UTC").lines]
    assert any(line.startswith("Not counted, for nobody knows when it comes:") for line in lines)


def test_a_plan_names_the_carrier_of_each_group_and_why_it_is_skipped(ladder, group, silent_group, by_hand) -> None:
    found = plan(ladder, [group, silent_group, by_hand[0]])
    rows = services.plan_words(found, zone="Asia/Shanghai").groups
    assert [(row.name, row.way, row.carrier) for row in rows] == [
        ("没接通的群", "Cannot be reached", ""),
        ("人工 1 群", "By hand", "阿May"),
        ("一群", "By robot", group.endpoint.name),
    ]
    assert "The group has no delivery channel." in rows[0].notes


def test_what_a_plan_skips_does_not_vanish(ladder, group, silent_group) -> None:
    found = plan(ladder, [group, silent_group], now=START - timedelta(hours=2))
    assert {touch.skipped_reason for touch in found.skipped} == {"past", "no_endpoint"}
    assert sum(step.unreached_count for step in found.steps) == sum(touch.due_at is not None for touch in found.skipped)
    words = [line.text for line in services.plan_words(found, zone="UTC").lines if line.tone == "warn"]
    missed = sum(step.unreached_count for step in found.steps)
    assert sum(int(text.split(" ")[0]) for text in words) == missed  # as the total says: steps without a time apart
    assert any("没接通的群" in text for text in words)


def test_a_step_that_reaches_a_group_only_after_the_start_is_said(minute_ladder, by_hand) -> None:
    found = plan(minute_ladder, by_hand, starts_at=NOON + 10 * MINUTE, ends_at=NOON + 30 * MINUTE)
    late = [step.step.key for step in found.steps if step.is_after_start]
    assert late == ["minute-before"]
    texts = [line.text for line in services.plan_words(found, zone="UTC").lines]
    assert any("1 minute before" in text and "after the start" in text for text in texts)
    assert any("would be there after their latest moment" in text for text in texts)


def test_robots_that_would_be_too_late_are_not_reached(workspace, minute_ladder, community) -> None:
    groups = bound(community, [f"{number} 群" for number in range(30)], make_endpoint(workspace, "wecom_robot"))
    found = plan(minute_ladder, groups, starts_at=NOON + 10 * MINUTE, ends_at=NOON + 30 * MINUTE)
    step = next(step for step in found.steps if step.step.key == "minute-before")
    assert (step.robot_count, step.unreached_count) == (20, 10)
    assert {row.reason for row in found.forecast.unreached} == {"too_late"}
    lines = [line.text for line in services.plan_words(found, zone="Asia/Shanghai").lines]
    named = "3 minutes before, 1 minute before, Start, Last minute"
    # ten of each step, and ten more of the start: it stands behind those of the minute before, who hold their places
    assert f"50 not reached ({named}): Its turn would come after its latest moment." in lines


def test_of_a_run_only_what_has_not_gone_out_is_foreseen(start, group, second_group) -> None:
    run = start(group, second_group)
    planned = Delivery.objects.filter(origin_id=run.pk)
    before = services.forecast_run(run, now=NOON)
    assert len(before.forecast.rows) == planned.count()
    planned.filter(pk=planned.first().pk).update(state="accepted")
    after = services.forecast_run(run, now=NOON)
    assert len(after.forecast.rows) == len(before.forecast.rows) - 1
    assert {one.step.key for one in after.uncounted} == {one.step.key for one in before.uncounted}


def test_a_plan_of_many_groups_asks_no_more_questions(ladder, community, django_assert_max_num_queries) -> None:
    groups = [make_group(community, f"{number} 群") for number in range(30)]
    for chosen in (groups[:1], groups):
        with django_assert_max_num_queries(20):
            plan(ladder, chosen)


def test_a_plans_page_says_what_it_takes_and_what_is_held_back(page, workspace, ladder, group, by_hand) -> None:
    messaging.create_frequency_cap(
        workspace_id=workspace.pk, purpose="selling", count=1, days=1, from_on=NOON.date(), until_on=None,
        actor=SYSTEM, now=NOON,
    )  # fmt: skip
    query = {"starts_at": "2026-11-28T20:00", "ends_at": "2026-11-28T22:00", "groups": [group.pk, by_hand[0].pk]}
    shown = text_of(page(f"playbooks/{ladder.pk}/", query))
    assert "Who hears each step, and how" in shown
    assert "will not be sent" in shown
    assert not Delivery.objects.exists()
