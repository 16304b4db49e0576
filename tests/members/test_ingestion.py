"""Events: once each, unknown authors become members, one event in the outbox per batch."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from community_ops.common.models import AuditEntry, OutboxEvent
from groups import services as groups
from members import services
from members.errors import TooManyEvents
from members.models import Member, MemberFacts, Membership, MembershipSpell
from messaging.models import InboundEvent
from tests.factories.people import SYSTEM
from tests.members.makers import event, ingest, make_community, make_group
from tests.moments import NOON
from tests.races import at_once

pytestmark = pytest.mark.django_db


def reasons(outcome: services.Outcome) -> list[tuple[int, str, str]]:
    return [(row.index, row.field, row.code) for row in outcome.rejected]


def test_a_batch_makes_members_memberships_and_one_event(group) -> None:
    outcome = ingest(group, event(group, author="李姐"), event(group, author="王哥"), event(group, author="李姐"))
    assert (outcome.accepted, outcome.duplicates, outcome.rejected) == (3, 0, [])
    assert {member.display_name for member in Member.objects.all()} == {"李姐", "王哥"}
    assert Membership.objects.filter(group=group, left_at__isnull=True).count() == 2
    published = OutboxEvent.objects.get()
    assert (published.name, published.payload["group_ids"]) == ("members.EventsIngested", [group.pk])
    assert InboundEvent.objects.filter(author_id__isnull=False).count() == 3


def test_the_same_events_again_are_duplicates_and_tell_nobody(group) -> None:
    events = [event(group), event(group)]
    ingest(group, *events)
    outcome = ingest(group, *events)
    assert (outcome.accepted, outcome.duplicates) == (0, 2)
    assert OutboxEvent.objects.count() == 1
    assert AuditEntry.objects.filter(verb="members.created").count() == 1


def test_duplicates_are_counted_inside_one_batch(group) -> None:
    outcome = ingest(group, event(group, "same"), event(group, "same", text="later"), event(group, "same"))
    assert (outcome.accepted, outcome.duplicates) == (1, 2)
    assert InboundEvent.objects.get().text == "早上好"


def test_one_id_in_two_groups_is_two_events(group, second_group) -> None:
    outcome = ingest(group, event(group, "same"), event(second_group, "same"))
    assert (outcome.accepted, outcome.duplicates) == (2, 0)


def test_an_author_of_two_groups_of_a_community_is_one_member(workspace, group, second_group) -> None:
    elsewhere = make_group(make_community(workspace, name="读书会"))
    ingest(group, event(group), event(second_group), event(elsewhere))
    assert Member.objects.count() == 2
    assert Membership.objects.count() == 3


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"event_id": ""}, "event_id", "required"),
        ({"event_id": None}, "event_id", "required"),
        ({"event_id": 7}, "event_id", "invalid"),
        ({"event_id": "x" * 201}, "event_id", "invalid"),
        ({"event_id": "a\x00b"}, "event_id", "invalid"),
        ({"kind": "shout"}, "kind", "invalid"),
        ({"kind": None}, "kind", "invalid"),
        ({"kind": ["message"]}, "kind", "invalid"),
        ({"occurred_at": "2026-11-21T12:00:00"}, "occurred_at", "no_offset"),
        ({"occurred_at": "yesterday"}, "occurred_at", "invalid"),
        ({"occurred_at": "2026-13-21T12:00:00Z"}, "occurred_at", "invalid"),
        ({"occurred_at": "9999-12-31T23:59:59-12:00"}, "occurred_at", "invalid"),
        ({"occurred_at": 1763726400}, "occurred_at", "invalid"),
        ({"occurred_at": None}, "occurred_at", "required"),
        ({"author": ""}, "author", "required"),
        ({"author": "   "}, "author", "invalid"),
        ({"author": "\u202eevil"}, "author", "invalid"),
        ({"author": "x" * 100_000}, "author", "invalid"),
        ({"author": {"name": "x"}}, "author", "invalid"),
        ({"text": "a\x00b"}, "text", "invalid"),
        ({"text": "\ud83c"}, "text", "invalid"),
        ({"text": "x" * 100_000}, "text", "invalid"),
        ({"text": ["x"]}, "text", "invalid"),
        ({"group": None}, "group", "required"),
        ({"group": 999_999_999}, "group", "unknown_group"),
        ({"group": "1"}, "group", "unknown_group"),
        ({"group": True}, "group", "unknown_group"),
        ({"group": 10**30}, "group", "unknown_group"),
        ({"group": -1}, "group", "unknown_group"),
    ],
)
def test_a_bad_row_is_named_and_the_good_ones_stay(group, changes, field, code) -> None:
    outcome = ingest(group, event(group, "good"), event(group, "bad", author="坏") | changes)
    assert (outcome.accepted, outcome.duplicates, reasons(outcome)) == (1, 0, [(1, field, code)])
    assert outcome.rejected[0].message.startswith(f"{field}: ")
    assert InboundEvent.objects.get().external_id == "good"
    assert Member.objects.count() == 1


@pytest.mark.parametrize("raw", [None, "x", 7, [], True])
def test_what_is_no_object_is_rejected(group, raw) -> None:
    assert reasons(ingest(group, raw)) == [(0, "event", "invalid")]


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "🎉🏃‍♀️", "两行\n文字", "", "مرحبا", "O'Neil; DROP TABLE"]
)
def test_harmless_text_is_kept_as_it_is(group, text) -> None:
    ingest(group, event(group, text=text))
    assert InboundEvent.objects.get().text == text


def test_more_than_a_thousand_are_refused_whole(group) -> None:
    with pytest.raises(TooManyEvents):
        ingest(group, *(event(group) for _ in range(1001)))
    assert not InboundEvent.objects.exists()
    assert not Member.objects.exists()


def test_an_empty_batch_does_nothing(group) -> None:
    assert ingest(group).accepted == 0
    assert not OutboxEvent.objects.exists()


def test_another_workspaces_group_is_unknown(group, foreign_group) -> None:
    assert reasons(ingest(group, event(foreign_group))) == [(0, "group", "unknown_group")]
    assert not InboundEvent.objects.exists()


def test_a_helper_tells_of_her_groups_only(helper, group, second_group) -> None:
    groups.assign_staff(group=group, user=helper.user, role="helper", actor=SYSTEM, now=NOON)
    outcome = services.ingest_events(
        workspace_id=group.workspace_id, events=[event(group), event(second_group)], actor=helper.actor, now=NOON
    )
    assert (outcome.accepted, reasons(outcome)) == (1, [(1, "group", "unknown_group")])


def test_joins_and_leaves_make_and_end_memberships(group) -> None:
    ingest(
        group,
        event(group, kind="join", occurred_at="2026-11-01T08:00:00+08:00"),
        event(group, kind="message", occurred_at="2026-11-02T08:00:00+08:00"),
        event(group, kind="leave", occurred_at="2026-11-03T08:00:00+08:00"),
    )
    membership, spell = Membership.objects.get(), MembershipSpell.objects.get()
    assert membership.joined_at.isoformat() == "2026-11-01T00:00:00+00:00"
    assert membership.left_at.isoformat() == "2026-11-03T00:00:00+00:00"
    assert (spell.joined_at, spell.left_at, spell.source) == (membership.joined_at, membership.left_at, "join")
    assert MemberFacts.objects.get().first_joined_at == membership.joined_at


def test_a_first_message_is_an_inferred_start_that_a_late_join_corrects(group) -> None:
    ingest(group, event(group, occurred_at="2026-11-05T00:00:00Z"))
    assert MembershipSpell.objects.get().source == "seen"
    ingest(group, event(group, kind="join", occurred_at="2026-11-01T00:00:00Z"))
    spell = MembershipSpell.objects.get()
    assert (spell.joined_at.day, spell.source) == (1, "join")


def test_a_member_who_left_and_writes_again_is_back(group) -> None:
    ingest(group, event(group, kind="join", occurred_at="2026-11-01T00:00:00Z"))
    ingest(group, event(group, kind="leave", occurred_at="2026-11-02T00:00:00Z"))
    ingest(group, event(group, occurred_at="2026-11-03T00:00:00Z"))
    assert Membership.objects.get().is_current
    assert MembershipSpell.objects.count() == 2


def test_the_number_of_queries_does_not_grow(group, django_assert_max_num_queries) -> None:
    ingest(group, event(group))
    with django_assert_max_num_queries(60):  # SQLite takes 999 values in a statement
        ingest(group, *(event(group, author=f"群友 {number}") for number in range(500)))


kinds = st.sampled_from(["message", "join", "leave", "reaction"])
rows = st.lists(st.tuples(st.integers(0, 8), kinds, st.sampled_from("甲乙丙"), st.integers(0, 20)), max_size=25)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows, cut=st.integers(0, 25))
def test_however_batches_are_cut_and_repeated_each_event_counts_once(workspace, rows, cut) -> None:
    group = make_group(make_community(workspace))
    events = [
        event(group, f"id{number}", kind=kind, author=author, occurred_at=f"2026-11-{day + 1:02d}T00:00:00Z")
        for number, kind, author, day in rows
    ]
    outcomes = [ingest(group, *part) for part in (events[:cut], events[cut:], events)]
    distinct = {raw["event_id"] for raw in events}
    assert sum(outcome.accepted for outcome in outcomes) == len(distinct)
    assert sum(outcome.accepted + outcome.duplicates for outcome in outcomes) == 2 * len(events)
    assert InboundEvent.objects.filter(target_id=group.pk).count() == len(distinct)
    open_spells = MembershipSpell.objects.filter(membership__group=group, left_at__isnull=True)
    assert open_spells.count() == Membership.objects.filter(group=group, left_at__isnull=True).count()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_same_batch_from_four_tools_at_once_is_stored_once(group) -> None:
    events = [event(group, f"id{number}", author=f"群友 {number % 7}") for number in range(60)]
    outcomes = at_once([lambda: ingest(group, *events) for _ in range(4)])
    assert sum(outcome.accepted for outcome in outcomes) == 60
    assert (InboundEvent.objects.count(), Member.objects.count()) == (60, 7)
    assert (Membership.objects.count(), MembershipSpell.objects.count()) == (7, 7)
