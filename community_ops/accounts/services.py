"""Changes of accounts."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from community_ops.accounts.events import PersonRemoved
from community_ops.accounts.models import ApiToken, Role, User, Workspace, WorkspaceRole
from community_ops.accounts.selectors import token_digest, user_actor
from community_ops.common import audit, outbox, text
from community_ops.common.actors import Actor
from community_ops.common.errors import DomainError, InvalidInput, InvalidTransition, NotAllowed

MAX_USERNAME = 50
MAX_WORKSPACE_NAME = 100
TOKEN_PREFIX = "co_"  # noqa: S105 - a prefix, not a secret


class WorkspaceExists(DomainError):
    code = "workspace_exists"


class LastOwner(InvalidTransition):
    """A workspace keeps at least one owner."""

    code = "last_owner"
    message = gettext_noop("A workspace needs at least one owner.")


class BelongsElsewhere(NotAllowed):
    """Somebody who works in another workspace too takes her password from nobody but herself."""

    code = "belongs_elsewhere"
    message = gettext_noop("This person works in another workspace too. Their password is not yours to change.")


@dataclass(frozen=True)
class NewLogin:
    """A person's login; the password is known only here."""

    user: User
    password: str


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
    name = text.clean_line(name or slug, field="name", max_length=MAX_WORKSPACE_NAME)
    try:
        with transaction.atomic():
            return Workspace.objects.create(slug=slug, name=name)
    except IntegrityError:
        raise WorkspaceExists(f"There is a workspace {slug!r} already.", slug=slug) from None


@transaction.atomic
def rename_workspace(*, workspace: Workspace, name: str, actor: Actor, now: datetime) -> Workspace:
    """Give a workspace another name; its slug stays, and with it every address.

    Writes one audit row with both names; the same name again changes nothing. Raises InvalidInput.
    """
    locked = Workspace.objects.select_for_update().get(pk=workspace.pk)
    before, after = locked.name, text.clean_line(name, field="name", max_length=MAX_WORKSPACE_NAME)
    if before != after:
        locked.name = after
        locked.save(update_fields=["name", "updated_at"])
        audit.record(
            actor=actor,
            verb="workspace.renamed",
            target=locked,
            now=now,
            before={"name": before},
            after={"name": after},
        )
    return locked


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
    """Give `user` this role in the workspace, replacing any other. The same role again changes nothing.

    Raises InvalidInput, and LastOwner when nobody would be owner any more.
    """
    if role not in Role.values:
        raise InvalidInput(_("Unknown role."), field="role")
    before = _roles_locked(workspace).filter(user=user).first()
    if before is not None and before.role == role:
        return before
    if before is not None:
        _keep_an_owner(before)
    row, _created = WorkspaceRole.objects.update_or_create(workspace=workspace, user=user, defaults={"role": role})
    audit.record(
        actor=actor,
        verb="role.set",
        target=row,
        now=now,
        before={"role": before.role if before else None},
        after={"user": user.pk, "role": role},
    )
    return row


@transaction.atomic
def add_person(
    *, workspace: Workspace, username: str, display_name: str, role: str, actor: Actor, now: datetime
) -> NewLogin:
    """Let a new person into the workspace with a random password, which nobody can read again.

    Writes the user, her role and an audit row. Raises InvalidInput naming the field (a name that is taken, too).
    """
    username = text.clean_line(username, field="username", max_length=MAX_USERNAME)
    try:
        UnicodeUsernameValidator()(username)
    except ValidationError:
        raise InvalidInput(_("Letters, digits and @ . + - _ only."), field="username") from None
    password = secrets.token_urlsafe(12)
    try:
        with transaction.atomic():
            user = User.objects.create(
                username=username,
                display_name=text.clean_line(display_name, field="display_name", max_length=100),
                password=make_password(password),
                is_staff=True,
            )
    except IntegrityError:
        raise InvalidInput(_("This login is taken. Choose another."), field="username") from None
    set_role(workspace=workspace, user=user, role=role, actor=actor, now=now)
    return NewLogin(user, password)


@transaction.atomic
def remove_person(*, role: WorkspaceRole, actor: Actor, now: datetime) -> None:
    """Take a person out of the workspace: from her next click on she has no way in. What she did stays.

    Writes an audit row and PersonRemoved. A second call changes nothing. Raises LastOwner.
    """
    row = _roles_locked(role.workspace).filter(pk=role.pk).first()
    if row is None:
        return
    _keep_an_owner(row)
    audit.record(actor=actor, verb="role.removed", target=row, now=now, before={"user": row.user_id, "role": row.role})
    outbox.publish(PersonRemoved(workspace_id=row.workspace_id, user_id=row.user_id))
    row.delete()


@transaction.atomic
def renew_password(*, role: WorkspaceRole, actor: Actor, now: datetime) -> NewLogin:
    """Give a person of this workspace a new random password; she is signed out everywhere.

    Raises BelongsElsewhere for somebody who has a role in another workspace too.
    """
    if WorkspaceRole.objects.filter(user_id=role.user_id).exclude(workspace_id=role.workspace_id).exists():
        raise BelongsElsewhere
    password = secrets.token_urlsafe(12)
    User.objects.filter(pk=role.user_id).update(password=make_password(password))
    audit.record(actor=actor, verb="password.renewed", target=role, now=now, after={"user": role.user_id})
    return NewLogin(role.user, password)


@transaction.atomic
def change_own_password(*, user: User, password: str, now: datetime) -> None:
    """Give the person the password she chose (and has proved the old one for); her other sessions end.

    Writes one audit row in each of her workspaces; the password is in none.
    """
    user.password = make_password(password)
    user.save(update_fields=["password"])
    for role in user.roles.order_by("id"):
        actor = user_actor(user, workspace_id=role.workspace_id, role=role.role)
        audit.record(actor=actor, verb="password.changed", target=role, now=now, after={"user": user.pk})


def _roles_locked(workspace: Workspace) -> QuerySet[WorkspaceRole]:
    """The workspace's roles; two changes at once wait for each other, so that one owner stays."""
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    return WorkspaceRole.objects.filter(workspace=workspace)


def _keep_an_owner(row: WorkspaceRole) -> None:
    others = WorkspaceRole.objects.filter(workspace_id=row.workspace_id, role=Role.OWNER).exclude(pk=row.pk)
    if row.role == Role.OWNER and not others.exists():
        raise LastOwner


@transaction.atomic
def reset_password(*, username: str, actor: Actor, now: datetime) -> str:
    """Give a user a new random password and return it (an installation whose login file was lost)."""
    password = secrets.token_urlsafe(12)
    user = User.objects.get(username=username)
    User.objects.filter(pk=user.pk).update(password=make_password(password))
    audit.record(actor=actor, verb="password.reset", target=user, now=now)
    return password
