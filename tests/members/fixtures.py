"""Fixtures shared by the tests of groups, members, retention and culture; imported by their conftests."""

import pytest

from community_ops.accounts.models import Workspace
from groups.models import ChatGroup, Community
from members.models import Member
from tests.factories.people import Someone
from tests.members.makers import make_community, make_group, make_member


@pytest.fixture
def community(workspace: Workspace) -> Community:
    return make_community(workspace)


@pytest.fixture
def group(community: Community) -> ChatGroup:
    return make_group(community)


@pytest.fixture
def second_group(community: Community) -> ChatGroup:
    return make_group(community, "2 群")


@pytest.fixture
def member(community: Community) -> Member:
    return make_member(community, "李姐")


@pytest.fixture
def foreign_community(stranger: Someone) -> Community:
    return make_community(stranger.workspace, name="别人的社群")


@pytest.fixture
def foreign_group(foreign_community: Community) -> ChatGroup:
    return make_group(foreign_community, "别人的群")


@pytest.fixture
def foreign_member(foreign_community: Community) -> Member:
    return make_member(foreign_community, "别人的群友")
