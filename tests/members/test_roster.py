"""Members and memberships, one at a time."""

from datetime import timedelta

import pytest

from community_ops.common.errors import InvalidInput
from community_ops.common.models import AuditEntry, OutboxEvent
from groups import services as groups
from groups.errors import CommunityArchived, GroupArchived
from members import services
from members.errors import OtherCommunity
from members.models import Member, MemberFacts, Membership, MembershipSpell
from tests.factories.people import SYSTEM
from tests.members.makers import make_community, make_group, make_member
from tests.moments import NOON

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


def join(member, group, now=NOON, **facts):
    return services.add_membership(member=member, group=group, actor=SYSTEM, now=now, **facts)


def test_a_member_is_created_with_person_and_facts(community) -> None:
    member = make_member(community, " 李姐 ")
    assert (member.display_name, member.source) == ("李姐", "manual")
    assert member.person.workspace_id == community.workspace_id
    assert MemberFacts.objects.get().member == member
    assert AuditEntry.objects.get().verb == "member.created"


@pytest.mark.parametrize("name", ["", "x" * 101, "a\x00b", "\u202eevil", "\ud800"])
def test_nobody_is_created_when_the_name_cannot_work(community, name) -> None:
    with pytest.raises(InvalidInput) as caught:
        services.create_member(community=community, name=name, actor=SYSTEM, now=NOON)
    assert caught.value.field == "name"
    assert not Member.objects.exists()


def test_nobody_is_created_in_an_archived_community(community) -> None:
    community.archived_at = NOON
    with pytest.raises(CommunityArchived):
        make_member(community)


def test_joining_twice_is_joining_once(member, group) -> None:
    first, _ = join(member, group)
    again, _ = join(member, group, now=LATER)
    assert first.pk == again.pk
    assert again.joined_at == NOON
    assert MembershipSpell.objects.get().joined_at == NOON
    assert OutboxEvent.objects.get().name == "members.MemberJoined"
    assert AuditEntry.objects.filter(verb="membership.created").count() == 1


def test_leaving_twice_is_leaving_once(member, group) -> None:
    membership, _ = join(member, group)
    for _ in range(2):
        services.leave(membership=membership, actor=SYSTEM, now=LATER)
    assert Membership.objects.get().left_at == LATER
    assert MembershipSpell.objects.get().left_at == LATER
    assert list(OutboxEvent.objects.order_by("id").values_list("name", flat=True)) == [
        "members.MemberJoined",
        "members.MemberLeft",
    ]


def test_coming_back_is_a_second_spell_of_the_same_membership(member, group) -> None:
    membership, _ = join(member, group)
    services.leave(membership=membership, actor=SYSTEM, now=LATER)
    again, _ = join(member, group, now=LATER + timedelta(hours=1))
    assert again.pk == membership.pk
    assert again.is_current
    assert MembershipSpell.objects.count() == 2
    assert MemberFacts.objects.get().first_joined_at == NOON


def test_a_member_of_another_community_does_not_join(workspace, member) -> None:
    other = make_group(make_community(workspace, name="读书会"))
    with pytest.raises(OtherCommunity):
        join(member, other)
    assert not Membership.objects.exists()
    assert not OutboxEvent.objects.exists()


def test_nobody_joins_an_archived_group(member, group) -> None:
    groups.archive_group(group=group, reason="x", actor=SYSTEM, now=NOON)
    with pytest.raises(GroupArchived):
        join(member, group)
    assert not Membership.objects.exists()


def test_a_merged_members_join_is_her_survivors(community, member, group) -> None:
    merged = make_member(community, "李姐(旧)")
    Member.objects.filter(pk=merged.pk).update(merged_into=member)
    membership, _ = join(Member.objects.get(pk=merged.pk), group)
    assert membership.member == member


@pytest.mark.parametrize(
    ("comfortable", "cap", "codes"),
    [(2, 2, []), (1, 2, ["above_comfortable_size"]), (1, 1, ["above_member_cap"])],
)
def test_size_only_warns(community, comfortable, cap, codes) -> None:
    group = make_group(community, comfortable_size=comfortable, member_cap=cap)
    join(make_member(community), group)
    membership, warnings = join(make_member(community), group)
    assert membership.is_current
    assert [warning["code"] for warning in warnings] == codes
