"""Workspaces and the people every test knows: owner, teammate (operator), helper, viewer, stranger."""

import itertools
from dataclasses import dataclass

from community_ops.accounts import services
from community_ops.accounts.models import Role, User, Workspace, WorkspaceRole
from community_ops.accounts.selectors import user_actor
from community_ops.common.actors import Actor
from tests.moments import NOON

_numbers = itertools.count(1)
SYSTEM = Actor.system("tests")


@dataclass(frozen=True)
class Someone:
    """A signed-in person and the actor she is in her workspace."""

    user: User
    workspace: Workspace
    role: str

    @property
    def actor(self) -> Actor:
        """As she acts now: a helper with the groups she is assigned to at this moment."""
        return user_actor(self.user, workspace_id=self.workspace.pk, role=self.role)


def make_workspace(slug: str = "") -> Workspace:
    return Workspace.objects.create(slug=slug or f"space-{next(_numbers)}", name="小林的团队")


def make_person(workspace: Workspace, role: str = Role.OWNER) -> Someone:
    number = next(_numbers)
    user = User.objects.create_user(username=f"{role}-{number}", password="right-password", is_staff=True)
    row = WorkspaceRole.objects.create(workspace=workspace, user=user, role=role)
    return Someone(user, workspace, row.role)


def make_token(workspace: Workspace, role: str = Role.OWNER) -> str:
    return services.create_api_token(
        workspace=workspace, role=role, name="tests", expires_days=None, actor=SYSTEM, now=NOON
    )
