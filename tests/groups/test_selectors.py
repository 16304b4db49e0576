"""Who sees which groups."""

import pytest

from community_ops.common.actors import Actor, ActorKind
from community_ops.common.errors import NotFound
from groups import selectors, services
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db


def test_the_team_sees_its_groups_and_no_others(owner, teammate, viewer, group, foreign_group) -> None:
    for someone in (owner, teammate, viewer):
        assert list(selectors.groups_visible_to(someone.actor)) == [group]
        assert list(selectors.communities_visible_to(someone.actor)) == [group.community]


def test_a_helper_sees_only_groups_she_is_assigned_to(helper, group, second_group) -> None:
    assert not selectors.groups_visible_to(helper.actor).exists()
    assert not selectors.communities_visible_to(helper.actor).exists()
    services.assign_staff(group=group, user=helper.user, role="helper", actor=SYSTEM, now=NOON)
    assert list(selectors.groups_visible_to(helper.actor)) == [group]
    assert list(selectors.communities_visible_to(helper.actor)) == [group.community]


def test_a_helpers_token_sees_no_group(workspace, group) -> None:
    actor = Actor(kind=ActorKind.TOKEN, id=1, label="tool", workspace_id=workspace.pk, role="helper")
    assert not selectors.groups_visible_to(actor).exists()


def test_an_actor_with_group_ids_sees_those(workspace, group, second_group) -> None:
    ids = frozenset({second_group.pk})
    actor = Actor(kind=ActorKind.TOKEN, id=1, label="t", workspace_id=workspace.pk, role="owner", group_ids=ids)
    assert list(selectors.groups_visible_to(actor)) == [second_group]


def test_a_member_sees_no_group_here(workspace, group) -> None:
    actor = Actor(kind=ActorKind.MEMBER, id=1, label="李姐", workspace_id=workspace.pk)
    assert not selectors.groups_visible_to(actor).exists()


def test_archived_groups_are_hidden_but_can_be_opened(owner, group) -> None:
    services.archive_group(group=group, reason="x", actor=SYSTEM, now=NOON)
    assert not selectors.groups_visible_to(owner.actor).exists()
    assert selectors.get_group(owner.actor, group.pk) == group


@pytest.mark.parametrize("odd", [0, -1, 2**63, 10**30])
def test_odd_ids_are_not_found(owner, odd) -> None:
    with pytest.raises(NotFound):
        selectors.get_group(owner.actor, odd)


def test_another_workspaces_group_is_not_found(owner, foreign_group) -> None:
    with pytest.raises(NotFound):
        selectors.get_group(owner.actor, foreign_group.pk)
    with pytest.raises(NotFound):
        selectors.get_community(owner.actor, foreign_group.community_id)
