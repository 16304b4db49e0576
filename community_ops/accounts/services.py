"""Changes of accounts."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from community_ops.accounts.models import ApiToken, Role, User, Workspace, WorkspaceRole
from community_ops.accounts.selectors import token_digest
from community_ops.common import audit, text
from community_ops.common.actors import Actor
from community_ops.common.errors import DomainError, InvalidInput

TOKEN_PREFIX = "co_"  # noqa: S105 - a prefix, not a secret


class WorkspaceExists(DomainError):
    code = "workspace_exists"


@dataclass(frozen=True)
class NewWorkspace:
    """A fresh workspace and its owner's login; the password is known only here."""

    workspace: Workspace
    username: str
    password: str


@transaction.atomic
def create_workspace(*, slug: str, name: str, actor: Actor, now: datetime) -> NewWorkspace:
    """Create a workspace and its owner `<slug>-owner` with a random password. Raises WorkspaceExists, InvalidInput."""
    workspace = _new_workspace(slug, name)
    username, password = f"{slug}-owner", secrets.token_urlsafe(12)
    user = User.objects.create(
        username=username, password=make_password(password), is_staff=True, is_active=True, display_name=name
    )
    WorkspaceRole.objects.create(workspace=workspace, user=user, role=Role.OWNER)
    audit.record(actor=actor, verb="workspace.created", target=workspace, now=now, after={"slug": slug})
    return NewWorkspace(workspace=workspace, username=username, password=password)


def _new_workspace(slug: str, name: str) -> Workspace:
    try:
        validate_slug(slug)
    except ValidationError:
        raise InvalidInput(_("Letters, digits, - and _ only."), field="slug") from None
    if not 0 < len(slug) <= 50:
        raise InvalidInput(_("At most 50 characters."), field="slug")
    name = text.clean_line(name or slug, field="name", max_length=100)
    try:
        with transaction.atomic():
            return Workspace.objects.create(slug=slug, name=name)
    except IntegrityError:
        raise WorkspaceExists(f"There is a workspace {slug!r} already.", slug=slug) from None


@transaction.atomic
def create_api_token(
    *, workspace: Workspace, role: str, name: str, expires_days: int | None, actor: Actor, now: datetime
) -> str:
    """Create a token and return it; only its digest is kept. `expires_days` None: never expires."""
    if role not in Role.values:
        raise InvalidInput(_("Unknown role."), field="role")
    if expires_days is not None and not 0 < expires_days <= 3650:
        raise InvalidInput(_("1 to 3650 days."), field="expires_days")
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        workspace=workspace,
        role=role,
        name=text.clean_line(name, field="name", max_length=100),
        digest=token_digest(token),
        hint=token[:8],
        expires_at=now + timedelta(days=expires_days) if expires_days else None,
    )
    audit.record(actor=actor, verb="token.created", target=row, now=now, after={"role": role, "name": row.name})
    return token


@transaction.atomic
def revoke_api_token(*, token: ApiToken, actor: Actor, now: datetime) -> None:
    """End a token at once; a second call changes nothing."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now, updated_at=now):
        audit.record(actor=actor, verb="token.revoked", target=token, now=now)


@transaction.atomic
def set_role(*, workspace: Workspace, user: User, role: str, actor: Actor, now: datetime) -> WorkspaceRole:
    """Give `user` this role in the workspace, replacing any other."""
    if role not in Role.values:
        raise InvalidInput(_("Unknown role."), field="role")
    row, _created = WorkspaceRole.objects.update_or_create(workspace=workspace, user=user, defaults={"role": role})
    audit.record(actor=actor, verb="role.set", target=row, now=now, after={"user": user.pk, "role": role})
    return row


@transaction.atomic
def reset_password(*, username: str, actor: Actor, now: datetime) -> str:
    """Give a user a new random password and return it (an installation whose login file was lost)."""
    password = secrets.token_urlsafe(12)
    user = User.objects.get(username=username)
    User.objects.filter(pk=user.pk).update(password=make_password(password))
    audit.record(actor=actor, verb="password.reset", target=user, now=now)
    return password
