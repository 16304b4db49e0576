"""今日 on the first day: a helper without a group, and jobs that are still starting."""

from datetime import timedelta

import pytest
from django.urls import reverse

from community_ops.accounts.models import Workspace
from community_ops.common import dbtime
from groups import services as groups
from tests.factories.people import SYSTEM
from tests.members.makers import make_community, make_group
from tests.moments import NOON

pytestmark = pytest.mark.django_db
NONE_ASSIGNED = "No group is assigned to you yet."


def page(tab, route: str, workspace, query: str = "") -> str:
    tab.cookies["django_language"] = "en"
    return tab.get(reverse(route, args=[workspace.slug]) + query).content.decode()


@pytest.mark.parametrize(
    "route", ["groups:group_list", "members:member_list", "dashboard:today", "dashboard:today_live"]
)
def test_a_helper_without_a_group_is_told_so(signed_in, helper, workspace, route) -> None:
    make_group(make_community(workspace))
    text = page(signed_in(helper), route, workspace)
    assert (NONE_ASSIGNED in text, "Ask an owner or operator." in text) == (True, True)
    assert not any(
        word in text for word in ("No group here yet", "No members yet", "All done", '<article class="tile">')
    )


@pytest.mark.parametrize("route", ["groups:group_list", "members:member_list", "dashboard:today"])
def test_a_helper_with_a_group_and_an_owner_are_told_nothing(signed_in, owner, helper, workspace, route) -> None:
    group = make_group(make_community(workspace))
    groups.assign_staff(group=group, user=helper.user, role="helper", actor=SYSTEM, now=NOON)
    for someone in (owner, helper):
        assert NONE_ASSIGNED not in page(signed_in(someone), route, workspace)


def test_jobs_of_a_new_installation_are_starting(signed_in, owner, workspace) -> None:
    Workspace.objects.update(created_at=dbtime.now() - timedelta(seconds=5))
    text = page(signed_in(owner), "dashboard:today", workspace)
    assert ("Starting: the first jobs report within a minute." in text, "Is a worker running?" in text) == (True, False)


def test_jobs_that_never_came_are_asked_for_after_two_minutes(signed_in, owner, workspace, stranger) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(created_at=dbtime.now() - timedelta(seconds=121))
    Workspace.objects.filter(pk=stranger.workspace.pk).update(created_at=dbtime.now())
    for someone in (owner, stranger):
        text = page(signed_in(someone), "dashboard:today", someone.workspace)
        assert ("Starting:" in text, "Is a worker running?" in text) == (False, True)
