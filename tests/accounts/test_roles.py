"""The role table, held as a table; and the doors it guards."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from community_ops.accounts import ports, services
from community_ops.accounts.models import ApiToken, Role, User, Workspace, WorkspaceRole
from community_ops.accounts.policies import ACTIONS, assigned_groups, ensure_may, is_limited, may
from community_ops.common import clock
from community_ops.common.actors import Actor, ActorKind
from community_ops.common.errors import InvalidInput, NotAllowed
from community_ops.common.models import AuditEntry
from community_ops.common.ports import Registry
from tests.factories.people import SYSTEM, make_token
from tests.moments import NOON

ONLY_OWNER = {"workspace.manage"}
OWNER_AND_OPERATOR = {
    "announcements.send", "audit.view", "communities.manage", "endpoints.manage", "endpoints.view", "groups.manage",
    "send_rules.manage", "tasks.manage",
    "jobs.repair", "members.import", "members.unmask", "orders.refund", "playbooks.manage", "products.manage",
    "sales.manage", "webhooks.manage", "webhooks.view",
}  # fmt: skip
WITH_MODERATOR = {"admin.view", "members.manage"}
ALL_STAFF = {"announcements.write", "deliveries.decide", "events.ingest", "orders.manage", "tasks.act"}


def expected(action: str) -> set[str]:
    if action in ONLY_OWNER:
        return {"owner"}
    if action in OWNER_AND_OPERATOR:
        return {"owner", "operator"}
    if action in WITH_MODERATOR:
        return {"owner", "operator", "moderator"}
    if action in ALL_STAFF:
        return {"owner", "operator", "moderator", "helper"}
    assert action.endswith(".view"), f"{action} is not in this table yet"
    return set(Role.values)


def actor(role: str) -> Actor:
    return Actor(kind=ActorKind.USER, id=1, label="x", workspace_id=1, role=role)


def test_a_helper_reaches_no_group_when_nobody_knows_her_assignments(workspace, monkeypatch) -> None:
    monkeypatch.setattr(ports, "staff_assignments", Registry("accounts.StaffAssignments"))
    assert ports.assigned_group_ids(workspace_id=workspace.pk, user_id=1) == frozenset()
    nobody = actor("helper")
    assert is_limited(nobody)
    assert assigned_groups(nobody) == frozenset()
    assert not is_limited(actor("owner"))


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_exactly_these_roles_may(action) -> None:
    assert {role for role in Role.values if may(actor(role), action)} == expected(action)
    assert may(SYSTEM, action)
    assert not may(Actor(kind=ActorKind.MEMBER, id=1, label="李姐"), action)


def test_a_refusal_names_the_action() -> None:
    with pytest.raises(NotAllowed) as caught:
        ensure_may(actor("viewer"), "sales.manage")
    assert caught.value.extra == {"action": "sales.manage"}


def test_create_workspace_prints_a_login_that_works(db, capsys, client) -> None:
    call_command("create_workspace", slug="tea", name="茶友会")
    login = json.loads(capsys.readouterr().out)
    assert login["workspace"] == "tea"
    assert client.login(username=login["user"], password=login["password"])
    assert WorkspaceRole.objects.get(workspace__slug="tea").role == "owner"
    assert AuditEntry.objects.get().verb == "workspace.created"


@pytest.mark.parametrize("slug", ["tea", "no good", "", "x" * 51])
def test_a_workspace_is_refused_and_nothing_is_made(db, slug) -> None:
    services.create_workspace(slug="tea", name="", actor=SYSTEM, now=NOON)
    with pytest.raises(CommandError):
        call_command("create_workspace", slug=slug)
    assert (Workspace.objects.count(), User.objects.count()) == (1, 1)


def test_create_api_token_prints_only_the_token_and_stores_only_its_digest(workspace, capsys) -> None:
    call_command("create_api_token", workspace=workspace.slug, role="viewer")
    token = capsys.readouterr().out.strip()
    assert token.startswith("co_")
    row = ApiToken.objects.get()
    assert token not in str(vars(row))
    assert row.expires_at is None


@pytest.mark.parametrize("days", [0, -1, 4000])
def test_a_token_with_an_odd_life_is_refused(workspace, days) -> None:
    with pytest.raises(CommandError):
        call_command("create_api_token", workspace=workspace.slug, role="viewer", expires_days=days)
    assert not ApiToken.objects.exists()


def test_a_token_ends_when_it_expires_is_revoked_or_its_workspace_is_archived(workspace, client, time_machine) -> None:
    time_machine.move_to(NOON)
    token = services.create_api_token(
        workspace=workspace, role="viewer", name="t", expires_days=1, actor=SYSTEM, now=clock.now()
    )
    headers = {"Authorization": f"Token {token}"}
    assert client.get("/api/v1/groups/", headers=headers).status_code == 200
    time_machine.shift(86_401)
    assert client.get("/api/v1/groups/", headers=headers).status_code == 401
    headers = {"Authorization": f"Token {make_token(workspace)}"}
    assert client.get("/api/v1/groups/", headers=headers).status_code == 200
    for _ in range(2):
        services.revoke_api_token(token=ApiToken.objects.latest("id"), actor=SYSTEM, now=clock.now())
    assert client.get("/api/v1/groups/", headers=headers).status_code == 401
    assert AuditEntry.objects.filter(verb="token.revoked").count() == 1


def test_a_role_that_does_not_exist_is_refused(workspace, owner) -> None:
    with pytest.raises(InvalidInput):
        services.set_role(workspace=workspace, user=owner.user, role="king", actor=SYSTEM, now=NOON)
    assert WorkspaceRole.objects.get(user=owner.user).role == "owner"


def test_a_stranger_finds_no_workspace(owner, stranger, signed_in) -> None:
    url = reverse("dashboard:today", args=[owner.workspace.slug])
    assert signed_in(owner).get(url).status_code == 200
    assert signed_in(stranger).get(url).status_code == 404


def test_without_signing_in_one_is_asked_to(workspace, client) -> None:
    url = reverse("dashboard:today", args=[workspace.slug])
    answer = client.get(url)
    assert (answer.status_code, answer["Location"]) == (302, f"/sign-in/?next={url}")


def test_somebody_without_a_workspace_is_told_so(db, client) -> None:
    client.force_login(User.objects.create_user(username="new"), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/").status_code == 403


def test_the_same_wrong_password_again_and_again_locks_out(owner, client, settings) -> None:
    settings.AXES_ENABLED = True
    wrong = {"username": owner.user.username, "password": "guess"}
    answers = [client.post("/sign-in/", wrong).status_code for _ in range(settings.AXES_FAILURE_LIMIT)]
    assert answers[-1] == 429
    right = {"username": owner.user.username, "password": "right-password"}
    assert client.post("/sign-in/", right).status_code == 429


def test_signing_in_does_not_lead_to_another_site(owner, client) -> None:
    body = {"username": owner.user.username, "password": "right-password", "next": "https://evil.example/"}
    assert client.post("/sign-in/", body)["Location"] == "/"
