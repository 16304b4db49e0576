"""团队人员: who works here, and what becomes of those who leave."""

import re
from functools import partial

import pytest
from django.test import Client
from django.urls import reverse

from community_ops.accounts import services
from community_ops.accounts.events import PersonRemoved
from community_ops.accounts.models import User, WorkspaceRole
from community_ops.accounts.services import BelongsElsewhere, LastOwner
from community_ops.common.errors import InvalidInput
from community_ops.common.models import AuditEntry, OutboxEvent
from groups import services as groups
from groups.models import GroupStaff
from groups.subscribers import unassign_person
from tests.factories.people import SYSTEM, make_person
from tests.factories.world import make_world
from tests.moments import NOON
from tests.races import at_once


@pytest.fixture
def url(workspace):
    return lambda name="team", *args: reverse(f"accounts:{name}", args=[workspace.slug, *args])


def role_of(someone) -> WorkspaceRole:
    return WorkspaceRole.objects.get(user=someone.user, workspace=someone.workspace)


def passwords_on(page) -> list[str]:
    return [code for code in re.findall(r"<code>([^<]+)</code>", page.content.decode()) if len(code) == 16]


def test_a_new_person_signs_in_with_what_was_shown_once(signed_in, owner, url) -> None:
    page = signed_in(owner).post(url(), {"display_name": "小周", "username": "xiaozhou", "role": "moderator"})
    (password,) = passwords_on(page)
    assert page["Cache-Control"] == "no-store"
    assert Client().login(request=page.wsgi_request, username="xiaozhou", password=password)
    person = User.objects.get(username="xiaozhou")
    assert (person.label, person.is_staff, person.is_superuser) == ("小周", True, False)
    assert person.roles.get().role == "moderator"
    assert password not in str(AuditEntry.objects.values_list("after", flat=True))
    assert "xiaozhou" in signed_in(owner).get(url()).content.decode()


@pytest.mark.parametrize(("role", "is_told"), [("helper", True), ("operator", False)])
def test_a_new_helper_comes_with_the_way_to_the_groups(signed_in, owner, workspace, url, role, is_told) -> None:
    tab = signed_in(owner)
    tab.cookies["django_language"] = "en"
    page = tab.post(url(), {"display_name": "小周", "username": "xiaozhou", "role": role}).content.decode()
    assert ("They are assigned on the group" in page) is is_told


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"username": "taken"}, "username"),
        ({"username": "with space"}, "username"),
        ({"username": "nul\0"}, "username"),
        ({"username": "x" * 51}, "username"),
        ({"display_name": ""}, "display_name"),
        ({"display_name": "\u202e" * 3}, "display_name"),
        ({"role": "king"}, "role"),
    ],
)
def test_a_person_that_cannot_be_is_not_added(signed_in, owner, url, changes, field) -> None:
    User.objects.create_user("taken")
    before = User.objects.count(), WorkspaceRole.objects.count()
    page = signed_in(owner).post(url(), {"display_name": "小周", "username": "xiaozhou", "role": "viewer"} | changes)
    assert page.status_code == 422
    assert list(page.context["form"].errors) == [field]
    assert (User.objects.count(), WorkspaceRole.objects.count()) == before


def test_a_role_is_changed_once(signed_in, owner, teammate, url) -> None:
    for _twice in range(2):
        signed_in(owner).post(url("person_role", role_of(teammate).pk), {"role": "viewer"})
    assert role_of(teammate).role == "viewer"
    assert AuditEntry.objects.filter(verb="role.set").count() == 1
    signed_in(owner).post(url("person_role", role_of(teammate).pk), {"role": "king"})
    assert role_of(teammate).role == "viewer"


def test_one_owner_stays(signed_in, owner, url) -> None:
    tab = signed_in(owner)
    tab.post(url("person_role", role_of(owner).pk), {"role": "viewer"})
    tab.post(url("person_remove", role_of(owner).pk))
    assert role_of(owner).role == "owner"


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_remove_each_other_at_once_leave_one(workspace, owner) -> None:
    roles = [role_of(owner), role_of(make_person(workspace))]

    def remove(role: WorkspaceRole) -> None:
        services.remove_person(role=role, actor=SYSTEM, now=NOON)

    results = at_once([partial(remove, role) for role in roles])
    assert sum(isinstance(result, LastOwner) for result in results) == 1
    assert WorkspaceRole.objects.filter(role="owner").count() == 1


def test_whoever_is_removed_has_no_way_in_and_no_group(signed_in, owner, helper, url) -> None:
    group = make_world(owner.workspace, owner).sale.targets.first().group
    groups.assign_staff(group=group, user=helper.user, role="helper", actor=SYSTEM, now=NOON)
    tab = signed_in(helper)
    assert tab.get(reverse("dashboard:today", args=[owner.workspace.slug])).status_code == 200
    signed_in(owner).post(url("person_remove", role_of(helper).pk))
    assert tab.get(reverse("dashboard:today", args=[owner.workspace.slug])).status_code == 404
    assert OutboxEvent.objects.filter(name=PersonRemoved.name).count() == 1
    for _twice in range(2):
        unassign_person(PersonRemoved(workspace_id=owner.workspace.pk, user_id=helper.user.pk))
    assert not GroupStaff.objects.exists()
    assert AuditEntry.objects.filter(verb="group.staff_unassigned").count() == 1


def test_a_new_password_ends_the_old_one_and_her_sessions(signed_in, owner, teammate, url) -> None:
    tab = signed_in(teammate)
    page = signed_in(owner).post(url("person_password", role_of(teammate).pk))
    (password,) = passwords_on(page)
    teammate.user.refresh_from_db()
    assert teammate.user.check_password(password)
    assert tab.get(reverse("dashboard:today", args=[owner.workspace.slug])).status_code == 302


def test_the_password_of_somebody_who_works_elsewhere_too_is_her_own(signed_in, owner, teammate, stranger, url) -> None:
    services.set_role(workspace=stranger.workspace, user=teammate.user, role="viewer", actor=SYSTEM, now=NOON)
    before = User.objects.get(pk=teammate.user.pk).password
    with pytest.raises(BelongsElsewhere):
        services.renew_password(role=role_of(teammate), actor=SYSTEM, now=NOON)
    assert signed_in(owner).post(url("person_password", role_of(teammate).pk)).status_code == 302
    assert User.objects.get(pk=teammate.user.pk).password == before


def test_the_team_is_renamed_and_its_address_stays(signed_in, owner, workspace, url) -> None:
    tab, slug = signed_in(owner), workspace.slug
    for _twice in range(2):
        assert tab.post(url("team_name"), {"name": " 晨跑 团队 "})["Location"] == url()
    workspace.refresh_from_db()
    assert (workspace.name, workspace.slug) == ("晨跑 团队", slug)
    entry = AuditEntry.objects.get(verb="workspace.renamed")
    assert (entry.before, entry.after) == ({"name": "小林的团队"}, {"name": "晨跑 团队"})
    assert (entry.actor_id, entry.workspace_id) == (owner.user.pk, workspace.pk)
    assert 'value="晨跑 团队"' in tab.get(url()).content.decode()


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "nul\0", "\u202eevil"])
def test_a_name_that_cannot_be_changes_nothing(signed_in, owner, workspace, url, name) -> None:
    page = signed_in(owner).post(url("team_name"), {"name": name})
    assert (page.status_code, list(page.context["name_form"].errors)) == (422, ["name"])
    assert not page.context["form"].errors
    assert f'action="{url()}"' in page.content.decode()  # adding somebody goes on from there
    with pytest.raises(InvalidInput):
        services.rename_workspace(workspace=workspace, name=name, actor=SYSTEM, now=NOON)
    workspace.refresh_from_db()
    assert workspace.name == "小林的团队"
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(("who", "status"), [("teammate", 403), ("helper", 403), ("viewer", 403), ("stranger", 404)])
def test_only_owners_rename_the_team(request, signed_in, workspace, url, who, status) -> None:
    tab = signed_in(request.getfixturevalue(who))
    assert tab.post(url("team_name"), {"name": "别人的团队"}).status_code == status
    workspace.refresh_from_db()
    assert workspace.name == "小林的团队"
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("who", ["teammate", "helper", "viewer"])
def test_only_owners_manage_the_team(request, signed_in, owner, url, who) -> None:
    tab = signed_in(request.getfixturevalue(who))
    assert tab.get(url()).status_code == 403
    assert tab.post(url(), {"display_name": "x", "username": "x", "role": "owner"}).status_code == 403
    for name in ("person_role", "person_password", "person_remove"):
        assert tab.post(url(name, role_of(owner).pk), {"role": "viewer"}).status_code == 403
    assert role_of(owner).role == "owner"
    assert not User.objects.filter(username="x").exists()
