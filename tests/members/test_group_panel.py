"""What members adds to a group's page: how many there are, and how many of them hold a personal link."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from community_ops.common.actors import Actor, ActorKind
from members import selectors, services
from members.models import MemberPass
from members.pages import MembersPanel
from tests.factories.people import SYSTEM
from tests.members.makers import make_member
from tests.moments import NOON

pytestmark = pytest.mark.django_db


def join(group, *, has_pass: bool):
    member = make_member(group.community)
    services.add_membership(member=member, group=group, actor=SYSTEM, now=NOON)
    if has_pass:
        services.issue_pass(member=member, actor=SYSTEM, now=NOON)
    return member


def panel(actor, group):
    return MembersPanel().panel(actor=actor, group=group, slug=group.workspace.slug, now=NOON)


def test_only_current_members_with_a_live_link_are_counted_once_each(group, second_group) -> None:
    twice, revoked, _without = (join(group, has_pass=has_pass) for has_pass in (True, True, False))
    services.issue_pass(member=twice, actor=SYSTEM, now=NOON)
    services.revoke_pass(member_pass=MemberPass.objects.get(member=revoked), actor=SYSTEM, now=NOON)
    gone = join(group, has_pass=True)
    services.leave(membership=gone.memberships.get(), actor=SYSTEM, now=NOON)
    join(second_group, has_pass=True)
    assert selectors.pass_holder_count(group.pk) == 1


def test_the_groups_page_says_how_many_hold_a_link(signed_in, owner, workspace, group) -> None:
    join(group, has_pass=True)
    join(group, has_pass=False)
    client = signed_in(owner)
    client.cookies["django_language"] = "en"
    page = client.get(f"/w/{workspace.slug}/groups/{group.pk}/").content.decode()
    assert "1 of 2 members hold a personal link." in page


def test_the_panel_asks_the_same_for_1_and_20(owner, group) -> None:
    asked = []
    for count in range(1, 21):
        join(group, has_pass=True)
        with CaptureQueriesContext(connection) as queries:
            assert panel(owner.actor, group).context["pass_holder_count"] == count
        asked.append(len(queries))
    assert len(set(asked)) == 1


def test_whoever_may_not_see_members_gets_no_panel(group, member) -> None:
    assert panel(Actor(kind=ActorKind.MEMBER, id=member.pk, label="李姐"), group) is None
