"""Reads of accounts."""

import hashlib
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from community_ops.accounts.models import ApiToken, User, Workspace, WorkspaceRole
from community_ops.accounts.policies import HELPER
from community_ops.accounts.ports import assigned_group_ids
from community_ops.common import clock
from community_ops.common.actors import Actor, ActorKind
from community_ops.common.errors import NotFound
from community_ops.common.tenancy import get_row


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def find_live_token(token: str) -> ApiToken | None:
    """The token row if it exists, is not revoked, has not expired and its workspace is not archived."""
    rows = ApiToken.objects.filter(digest=token_digest(token), revoked_at__isnull=True)
    rows = rows.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=clock.now()))
    return rows.filter(workspace__archived_at__isnull=True).select_related("workspace").first()


def token_actor(token: ApiToken) -> Actor:
    return Actor(kind=ActorKind.TOKEN, id=token.pk, label=token.name, workspace_id=token.workspace_id, role=token.role)


def workspaces_of(user: User) -> QuerySet[Workspace]:
    """Live workspaces the person has a role in, by name."""
    return Workspace.objects.filter(
        pk__in=WorkspaceRole.objects.filter(user=user).values("workspace_id"), archived_at__isnull=True
    ).order_by("name", "id")


def people_of(actor: Actor) -> QuerySet[WorkspaceRole]:
    """Who works in the actor's workspace, with their users, in the order they came."""
    return WorkspaceRole.objects.within(actor).select_related("user", "workspace").order_by("id")


def get_person(actor: Actor, role_id: int) -> WorkspaceRole:
    """A person's role in the actor's workspace; raises NotFound for a missing one as for somebody else's."""
    return get_row(people_of(actor), role_id, gettext_noop("There is no such person."))


def get_workspace_for(user: User, slug: str) -> tuple[Workspace, Actor]:
    """The workspace and the person as its actor; raises NotFound for a stranger as for an unknown slug."""
    rows = WorkspaceRole.objects.filter(user=user, workspace__slug=slug, workspace__archived_at__isnull=True)
    role = rows.select_related("workspace").first()
    if role is None:
        raise NotFound(_("There is no such workspace."))
    return role.workspace, user_actor(user, workspace_id=role.workspace_id, role=role.role)


def user_actor(user: User, *, workspace_id: int, role: str) -> Actor:
    """The person as she acts in this workspace; a helper with the groups she is assigned to now (one query)."""
    mine = assigned_group_ids(workspace_id=workspace_id, user_id=user.pk) if role == HELPER else None
    return Actor(ActorKind.USER, user.pk, user.label, workspace_id=workspace_id, role=role, group_ids=mine)


def get_workspace(slug: str) -> Workspace:
    """For commands; raises NotFound."""
    workspace = Workspace.objects.filter(slug=slug).first()
    if workspace is None:
        raise NotFound(f"There is no workspace {slug!r}.")
    return workspace


def find_workspace(slug: str) -> Workspace | None:
    return Workspace.objects.filter(slug=slug).first()


def installed_at() -> datetime | None:
    """When this installation began: the birth of its oldest workspace, None before there is one."""
    return Workspace.objects.order_by("id").values_list("created_at", flat=True).first()


def password_fits(username: str, password: str) -> bool:
    user = User.objects.filter(username=username, is_active=True).first()
    return user is not None and user.check_password(password)


def live_workspace_ids() -> list[int]:
    """For workers that look after every workspace: those that are not archived, oldest first."""
    return list(Workspace.objects.filter(archived_at__isnull=True).order_by("id").values_list("pk", flat=True))
