"""What stored events say: told once, in any order, to the groups of their chat; what means nothing does no harm."""

from datetime import timedelta

import pytest

from community_ops.common import clock
from community_ops.common.errors import InvalidTransition
from community_ops.common.models import AuditEntry, OutboxEvent
from members.models import Member, Membership, MembershipSpell
from messaging.inbound_models import RawEvent
from messaging.models import InboundEvent
from messaging.services import receiving
from tests.factories.people import SYSTEM
from tests.messaging.inbound.conftest import raw, said
from tests.moments import NOON
from tests.races import at_once

pytestmark = pytest.mark.django_db
LATER = "2026-11-21T13:00:00+08:00"


def test_a_message_makes_a_member_and_stands_in_the_groups_history(sender, group, read) -> None:
    sender.send(said("早上好"))
    assert read() == 1
    event, member = InboundEvent.objects.get(), Member.objects.get()
    assert (event.target_id, event.text, event.source, event.author_id) == (group.pk, "早上好", "api", member.pk)
    assert (member.display_name, Membership.objects.get().group) == ("李姐", group)
    assert raw() == [("read", "", 1)]


def test_a_join_and_a_leave_begin_and_end_a_stay(sender, group, read) -> None:
    sender.send(said("", kind="join"), identity="a")
    sender.send(said("", kind="leave", occurred_at=LATER), identity="b")
    read()
    spell = MembershipSpell.objects.get()
    assert (spell.left_at - spell.joined_at, spell.source) == (timedelta(hours=1), "join")


def test_disorder_ends_where_order_ends(sender, group, read) -> None:
    sender.send(said("", kind="leave", occurred_at=LATER), identity="b")
    read()
    sender.send(said("", kind="join"), identity="a")
    read()
    assert (MembershipSpell.objects.count(), Membership.objects.get().left_at is not None) == (1, True)


def test_reading_twice_tells_once(sender, group, read) -> None:
    sender.send(said())
    read()
    assert (read(), InboundEvent.objects.count(), OutboxEvent.objects.filter(name__startswith="messaging").count()) == (
        0,
        1,
        1,
    )


def test_one_thing_told_under_two_ids_is_one_event_of_the_group(sender, group, read) -> None:
    sender.send(said(event_id="chat-7"), identity="a")
    sender.send(said(event_id="chat-7"), identity="b")
    read()
    assert (RawEvent.objects.count(), InboundEvent.objects.count()) == (2, 1)


def test_the_same_person_by_rest_and_by_hook_is_one_member(sender, group, read, api) -> None:
    from tests.members.makers import event, ingest

    ingest(group, event(group, author="u-1"))
    sender.send(said())
    read()
    assert Member.objects.count() == 1


def test_an_unknown_kind_is_stored_and_means_nothing(sender, group, read) -> None:
    assert sender.send(said(kind="sticker_pack_bought")).status_code == 200
    read()
    assert (raw(), InboundEvent.objects.count()) == ([("ignored", "not_meant", 0)], 0)


def test_a_room_that_is_no_groups_tells_upward_and_changes_nothing(sender, read) -> None:
    sender.send(said())
    read()
    assert (raw(), Member.objects.count()) == ([("read", "", 1)], 0)


def test_an_archived_channel_hears_nothing_and_can_be_read_again(sender, group, room, read) -> None:
    type(room).objects.filter(pk=room.pk).update(archived_at=NOON)
    sender.send(said())
    read()
    assert raw() == [("ignored", "no_channel", 0)]
    type(room).objects.filter(pk=room.pk).update(archived_at=None)
    receiving.read_again(raw_event=RawEvent.objects.get(), actor=SYSTEM, now=clock.now())
    read()
    assert (raw(), InboundEvent.objects.count()) == ([("read", "", 1)], 1)


def test_what_was_read_is_not_read_again(sender, group, read) -> None:
    sender.send(said())
    read()
    with pytest.raises(InvalidTransition):
        receiving.read_again(raw_event=RawEvent.objects.get(), actor=SYSTEM, now=clock.now())
    assert (raw(), AuditEntry.objects.filter(verb="inbound.read_again").count()) == ([("read", "", 1)], 0)


def test_a_fault_of_ours_is_tried_again_and_stops_nobody_else(sender, group, read, monkeypatch) -> None:
    sender.send(said("坏"), identity="a")
    sender.send(said("好"), identity="b")
    real = receiving.reading._read

    def break_on_bad(row, now):
        if row.external_id == "a":
            raise RuntimeError("ours")
        return real(row, now)

    monkeypatch.setattr(receiving.reading, "_read", break_on_bad)
    read()
    assert raw() == [("pending", "", 0), ("read", "", 1)]
    monkeypatch.undo()
    receiving.read_pending(now=clock.now() + timedelta(minutes=10))
    assert raw() == [("read", "", 1)] * 2


def test_after_eight_failures_it_is_parked_and_a_person_can_try(sender, group, monkeypatch) -> None:
    sender.send(said())

    def fail(row, now):
        raise RuntimeError("ours")

    monkeypatch.setattr(receiving.reading, "_read", fail)
    for number in range(10):
        receiving.read_pending(now=clock.now() + timedelta(hours=number))
    event = RawEvent.objects.get()
    assert (event.state, event.reason, event.attempt_count) == ("failed", "too_many_tries", 8)
    receiving.read_again(raw_event=event, actor=SYSTEM, now=clock.now())
    assert raw() == [("pending", "", 0)]


def test_bodies_go_after_a_week_and_rows_after_thirty_days(sender, group, read) -> None:
    sender.send(said())
    read()
    receiving.tidy_inbound(now=clock.now() + timedelta(days=8))
    assert RawEvent.objects.get().body == ""
    assert sender.send(said()).json() == {"stored": False}
    assert receiving.tidy_inbound(now=clock.now() + timedelta(days=31)) == 1
    assert (RawEvent.objects.count(), InboundEvent.objects.count()) == (0, 1)


def test_who_spoke_stands_in_the_log_as_long_as_what_she_said(sender, group, room, read) -> None:
    sender.send(said())
    read()
    event = RawEvent.objects.get()
    assert (event.said_kind, event.person_name, event.endpoint) == ("message", "李姐", room)
    receiving.tidy_inbound(now=clock.now() + timedelta(days=8))
    event.refresh_from_db()
    assert (event.said_kind, event.person_name, event.endpoint) == ("message", "", room)


def test_who_spoke_where_nobody_listens_is_noted_without_a_channel(sender, group, room, read) -> None:
    type(room).objects.filter(pk=room.pk).update(archived_at=NOON)
    sender.send(said("", kind="join", author_name=""))
    read()
    event = RawEvent.objects.get()
    assert (event.reason, event.said_kind, event.person_name, event.endpoint) == ("no_channel", "join", "u-1", None)


def test_what_could_not_be_read_keeps_its_body(sender, group) -> None:
    sender.send(said())
    RawEvent.objects.update(state="failed")
    receiving.tidy_inbound(now=clock.now() + timedelta(days=8))
    assert "早上好" in RawEvent.objects.get().body


def test_what_is_said_to_happen_in_years_means_nothing(sender, group, read) -> None:
    sender.send(said("", kind="leave", occurred_at="2199-01-01T00:00:00Z"))
    read()
    assert (raw(), InboundEvent.objects.count()) == ([("ignored", "ahead", 0)], 0)


def test_a_channel_is_found_among_a_thousand_by_the_same_number_of_questions(workspace, django_assert_max_num_queries):
    from messaging.models import Endpoint
    from messaging.platforms.base import Chat
    from messaging.platforms.inbound import Heard, Said
    from tests.messaging.conftest import make_endpoint

    one = make_endpoint(workspace, "slack", token="xoxb-1234567890-abcdef", chat="C00000000")
    facts = {"workspace": workspace, "connection": one.connection, "identity": one.identity}
    Endpoint.objects.bulk_create([Endpoint(name=str(n), address={"chat": f"C{n:08}"}, **facts) for n in range(1, 300)])
    heard = Heard(kind=Said.MESSAGE, external_id="1", occurred_at=NOON, author_id="u", chat=Chat("C00000299", "x"))
    row = RawEvent(workspace=workspace, connection=one.connection)
    with django_assert_max_num_queries(1):
        assert receiving.reading._endpoint_of(row, heard).address == {"chat": "C00000299"}


def test_what_waits_to_be_read_is_never_forgotten(sender) -> None:
    sender.send(said())
    assert receiving.tidy_inbound(now=clock.now() + timedelta(days=90)) == 0
    assert "早上好" in RawEvent.objects.get().body


def test_a_group_of_another_workspace_hears_nothing(sender, group, read, stranger) -> None:
    from tests.members.makers import make_community, make_endpoint, make_group

    foreign = make_group(make_community(stranger.workspace), endpoint_id=make_endpoint(stranger.workspace).pk)
    sender.send(said())
    read()
    assert not InboundEvent.objects.filter(target_id=foreign.pk).exists()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_four_readers_at_once_tell_each_event_once(sender, group) -> None:
    for number in range(20):
        sender.send(said(str(number)), identity=f"m{number}")
    now = clock.now()
    counts = at_once([lambda: receiving.read_pending(now=now)] * 4)
    assert (sum(counts), OutboxEvent.objects.filter(name="messaging.ChatMessageReceived").count()) == (20, 20)
