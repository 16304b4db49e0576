"""The activity roll-up: recounted from the events, so twice and in any order is the same."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from community_ops.common import clock, outbox
from community_ops.common.models import EventReceipt
from groups import services as groups
from members.events import EventsIngested
from members.models import Member, MemberFacts
from retention import selectors
from retention.models import DailyActivity
from retention.policies import Act, are_answered, days_to_recount, ranges
from retention.subscribers import recount_activity
from tests.factories.people import SYSTEM
from tests.members.makers import event, ingest, make_community, make_group
from tests.moments import NOON

DAY = date(2026, 11, 21)


def drain() -> None:
    while outbox.drain(now=clock.now()):
        pass


def days(group) -> list[tuple[str, date, int, int, int]]:
    rows = DailyActivity.objects.filter(group=group).order_by("on", "member__display_name")
    return [
        (row.member.display_name, row.on, row.message_count, row.reaction_count, row.answered_count)
        for row in rows.select_related("member")
    ]


@pytest.mark.django_db
def test_messages_and_reactions_are_counted_by_the_groups_day(group) -> None:
    ingest(
        group,
        event(group, author="李姐", occurred_at="2026-11-20T23:30:00+08:00"),
        event(group, author="李姐", occurred_at="2026-11-21T00:30:00+08:00"),
        event(group, author="李姐", occurred_at="2026-11-21T09:00:00+08:00", kind="reaction"),
        event(group, author="王哥", occurred_at="2026-11-21T10:00:00+08:00", kind="join"),
    )
    drain()
    assert days(group) == [("李姐", date(2026, 11, 20), 1, 0, 0), ("李姐", DAY, 1, 1, 0)]
    facts = MemberFacts.objects.get(member__display_name="李姐")
    assert (facts.message_count, facts.last_active_at) == (2, datetime(2026, 11, 21, 1, tzinfo=UTC))
    assert facts.sources["message_count"] == "platform"


@pytest.mark.django_db
def test_the_same_batch_told_twice_counts_once(group) -> None:
    ingest(group, event(group), event(group))
    drain()
    before = days(group)
    told = EventsIngested.from_payload(EventReceipt.objects.get(handler="retention.recount_activity").event.payload)
    for _ in range(2):
        recount_activity(told)
    assert days(group) == before
    assert MemberFacts.objects.get().message_count == 2


@pytest.mark.django_db
def test_batches_in_any_order_give_the_same(workspace) -> None:
    results = []
    for order in ((0, 1), (1, 0)):
        group = make_group(make_community(workspace))
        for number in order:
            ingest(
                group,
                event(
                    group, f"e{number}", author="李姐王哥"[number * 2 :][:2], occurred_at=f"2026-11-21T0{number}:00:00Z"
                ),
            )
        drain()
        results.append(days(group))
    assert results[0] == results[1]
    assert results[0][0][4] == 1  # answered by the later message, whichever came in first


@pytest.mark.django_db
def test_a_late_answer_of_the_next_day_counts_for_the_day_before(group) -> None:
    ingest(group, event(group, author="李姐", occurred_at="2026-11-20T20:00:00+08:00"))
    drain()
    assert days(group)[0][4] == 0
    ingest(group, event(group, author="王哥", occurred_at="2026-11-21T19:00:00+08:00"))
    drain()
    assert days(group)[0] == ("李姐", date(2026, 11, 20), 1, 0, 1)


@pytest.mark.django_db
def test_a_batch_of_nothing_known_is_no_error(workspace) -> None:
    recount_activity(
        EventsIngested(workspace_id=workspace.pk, batch=str(uuid.uuid4()), group_ids=(999_999,), source="platform")
    )
    assert not DailyActivity.objects.exists()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    told=st.lists(st.tuples(st.sampled_from("甲乙"), st.integers(0, 60)), min_size=1, max_size=12),
    cut=st.integers(0, 12),
)
@pytest.mark.django_db
def test_counts_match_the_events_however_they_came(workspace, told, cut) -> None:
    group = make_group(make_community(workspace))
    moments = [NOON + timedelta(hours=hours) for _, hours in told]
    events = [
        event(group, f"e{number}", author=author, occurred_at=moment.isoformat())
        for number, ((author, _), moment) in enumerate(zip(told, moments, strict=True))
    ]
    for part in (events[cut:], events[:cut], events):
        if part:
            ingest(group, *part)
    drain()
    counted = {(name, on): messages for name, on, messages, _, _ in days(group)}
    expected: dict[tuple[str, date], int] = {}
    for (author, _), moment in zip(told, moments, strict=True):
        key = (author, moment.astimezone(group.zone).date())
        expected[key] = expected.get(key, 0) + 1
    assert counted == expected


# --- figures ------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_busiest_day_and_its_speakers(group, owner) -> None:
    for day, authors in (("20", "甲"), ("21", "甲乙甲"), ("22", "甲乙")):
        ingest(group, *(event(group, author=author, occurred_at=f"2026-11-{day}T04:00:00Z") for author in authors))
    drain()
    busiest = selectors.busiest_day(workspace_id=group.workspace_id, group_id=group.pk)
    assert (busiest.on, busiest.message_count, busiest.speaker_count) == (DAY, 3, 2)
    window = {"since_on": date(2026, 11, 1), "until_on": date(2026, 11, 30)}
    assert selectors.speaker_count(owner.actor, **window) == 2
    assert selectors.speakers_by_day(owner.actor, **window)[DAY] == 2
    top = selectors.top_speakers(workspace_id=group.workspace_id, group_id=group.pk, count=1, **window)
    assert [(one.name, one.message_count) for one in top] == [("甲", 4)]


@pytest.mark.django_db
def test_not_measured_is_not_zero(group, owner, stranger) -> None:
    window = {"since_on": DAY, "until_on": DAY}
    assert selectors.speaker_count(owner.actor, **window) is None
    ingest(group, event(group, occurred_at="2026-11-01T04:00:00Z"))
    drain()
    assert selectors.speaker_count(owner.actor, **window) == 0
    assert selectors.speaker_count(stranger.actor, **window) is None
    assert selectors.busiest_day(workspace_id=stranger.workspace.pk, group_id=group.pk) is None


@pytest.mark.django_db
def test_a_helper_counts_her_groups_only(helper, group, second_group) -> None:
    ingest(group, event(group, author="甲"))
    ingest(second_group, event(second_group, author="乙"), event(second_group, author="丙"))
    drain()
    groups.assign_staff(group=group, user=helper.user, role="helper", actor=SYSTEM, now=NOON)
    assert selectors.speaker_count(helper.actor, since_on=DAY, until_on=DAY) == 1


@pytest.mark.django_db
def test_the_group_page_shows_an_old_import_too(signed_in, owner, group) -> None:
    ingest(group, event(group, author="甲", occurred_at="2019-09-05T04:00:00Z"))
    drain()
    page = signed_in(owner).get(f"/w/{owner.workspace.slug}/groups/{group.pk}/")
    (panel,) = [one for one in page.context["main_panels"] if one.template.startswith("retention/")]
    assert panel.context["until"] == date(2019, 9, 5)
    assert panel.context["busiest"].on == date(2019, 9, 5)
    assert panel.context["chart"]["has_enough"]
    assert "2019-09-05" in page.content.decode()


@pytest.mark.django_db
def test_the_group_list_says_nothing_about_groups_never_measured(signed_in, owner, group, second_group) -> None:
    ingest(group, event(group, occurred_at="2019-09-05T04:00:00Z"))
    drain()
    rows = signed_in(owner).get(f"/w/{owner.workspace.slug}/groups/").context["rows"]
    figures = {row["group"]: row.get("speaker_count") for row in rows}
    assert figures == {group: 0, second_group: None}
    assert Member.objects.count() == 1


# --- pure rules ---------------------------------------------------------------------------------------


def act(author: str, hours: float) -> Act:
    return Act(NOON + timedelta(hours=hours), "message", author, 1)


def test_an_answer_is_the_next_message_of_another_author_within_a_day() -> None:
    told = [act("甲", 0), act("甲", 1), act("乙", 2), act("乙", 30), act("甲", 54), act("乙", 78.5)]
    assert are_answered(told) == [True, True, False, True, False, False]


def naive_answers(told: list[Act]) -> list[bool]:
    found = []
    for index, one in enumerate(told):
        later = next((other for other in told[index + 1 :] if other.author != one.author), None)
        found.append(later is not None and later.at - one.at <= timedelta(hours=24))
    return found


@given(st.lists(st.tuples(st.sampled_from("甲乙丙"), st.integers(0, 100)), max_size=20))
def test_answers_agree_with_looking_one_by_one(told) -> None:
    acts = [act(author, hours) for author, hours in sorted(told, key=lambda one: one[1])]
    assert are_answered(acts) == naive_answers(acts)


def test_days_are_recounted_with_the_day_before_and_read_in_ranges() -> None:
    zone = make_zone()
    wanted = days_to_recount([NOON, NOON + timedelta(days=1), NOON + timedelta(days=5)], zone)
    assert [day.day for day in wanted] == [20, 21, 22, 25, 26]
    assert [(first.day, last.day) for first, last in ranges(wanted)] == [(20, 22), (25, 26)]


def make_zone():
    from zoneinfo import ZoneInfo

    return ZoneInfo("Asia/Shanghai")
