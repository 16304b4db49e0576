"""People who do work by hand: who they are, how they are told, and their personal link."""

import re
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from community_ops.accounts.models import User
from community_ops.common import audit, text
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput, InvalidTransition
from messaging.errors import AssigneeBusy
from messaging.models import Assignee, Connection, Endpoint, HumanTask, Platform, TaskState
from messaging.services import identities
from messaging.services.archiving import archive_endpoint
from messaging.task_policies import link_digest

CODE_BYTES = 16  # 128 bits
_NOTE_USE_EVERY = timedelta(minutes=10)
_MENTION = re.compile(r"[\w.@+-]{1,128}")  # what `messaging.markup` takes as an id


@transaction.atomic
def create_assignee(
    *,
    workspace_id: int,
    name: str,
    user: User | None = None,
    deputy: Assignee | None = None,
    notice_endpoint: Endpoint | None = None,
    mention: str = "",
    actor: Actor,
    now: datetime,
) -> Assignee:
    """Add a person who works by hand, and the channel groups are bound to when she sends their messages.

    `notice_endpoint`: where she is told, with `mention`, her id there; without one her cards only stand on the board.
    Writes both and an audit row. Raises InvalidInput naming the field; a name is free again after archiving.
    """
    name = text.clean_line(name, field="name", max_length=100)
    facts = {"name": name, "user": user, "deputy": deputy, "notice_endpoint": notice_endpoint, "mention": mention}
    _refuse_wrong(workspace_id, None, facts)
    secret: Any = {}  # the field encrypts JSON; its type says text
    account = Connection.objects.create(
        workspace_id=workspace_id,
        platform=Platform.ASSISTED,
        name=name,
        config={},
        secret=secret,
        identity=identities.of_its_own(workspace_id),
    )
    endpoint = Endpoint.objects.create(
        workspace_id=workspace_id, connection=account, name=name, identity=identities.of_its_own(workspace_id)
    )
    try:
        with transaction.atomic():
            person = Assignee.objects.create(workspace_id=workspace_id, endpoint=endpoint, **facts)
    except IntegrityError:  # another request was first
        raise InvalidInput(_("There is somebody of this name or account already."), field="name") from None
    Endpoint.objects.filter(pk=endpoint.pk).update(address={"assignee": person.pk})
    audit.record(actor=actor, verb="assignee.created", target=person, now=now, after=_told(facts))
    return person


@transaction.atomic
def update_assignee(
    *,
    assignee: Assignee,
    name: str,
    user: User | None,
    deputy: Assignee | None,
    notice_endpoint: Endpoint | None,
    mention: str,
    actor: Actor,
    now: datetime,
) -> Assignee:
    """Change what is known of a person and return her fresh; her channel takes her name.

    Writes one audit row with what was and what is; the same values again change nothing. Raises InvalidInput naming
    the field, InvalidTransition when she is archived.
    """
    locked = Assignee.objects.select_for_update().get(pk=assignee.pk)
    if locked.archived_at is not None:
        raise InvalidTransition(_("This person is archived."))
    name = text.clean_line(name, field="name", max_length=100)
    facts = {"name": name, "user": user, "deputy": deputy, "notice_endpoint": notice_endpoint, "mention": mention}
    _refuse_wrong(locked.workspace_id, locked.pk, facts)
    before = {key: getattr(locked, key) for key, value in facts.items() if getattr(locked, key) != value}
    if not before:
        return locked
    for key in before:
        setattr(locked, key, facts[key])
    locked.save(update_fields=[*before, "updated_at"])
    Endpoint.objects.filter(pk=locked.endpoint_id).update(name=name, updated_at=now)
    Connection.objects.filter(endpoints=locked.endpoint_id).update(name=name, updated_at=now)
    after = {key: facts[key] for key in before}
    audit.record(actor=actor, verb="assignee.changed", target=locked, now=now, before=_told(before), after=_told(after))
    return locked


def _refuse_wrong(workspace_id: int, pk: int | None, facts: dict[str, Any]) -> None:
    """Raise InvalidInput naming the first fact that cannot be. `pk`: of the person herself, when she is known."""
    others = Assignee.objects.of(workspace_id).filter(archived_at__isnull=True).exclude(pk=pk or 0)
    user, deputy, mention = facts["user"], facts["deputy"], facts["mention"]
    if others.filter(name=facts["name"]).exists():
        raise InvalidInput(_("There is somebody of this name already."), field="name")
    if user is not None and not user.roles.filter(workspace_id=workspace_id).exists():
        raise InvalidInput(_("This person has no role in this workspace."), field="user")
    if user is not None and others.filter(user=user).exists():
        raise InvalidInput(_("This account is somebody else's already."), field="user")
    if deputy is not None and not others.filter(pk=deputy.pk).exists():
        raise InvalidInput(_("Choose a colleague."), field="deputy")
    if facts["notice_endpoint"] is not None:
        _ensure_tells(facts["notice_endpoint"], workspace_id)
    if mention and not _MENTION.fullmatch(mention):
        raise InvalidInput(_("Letters, digits, and the signs . @ + - _ only."), field="mention")


def _ensure_tells(endpoint: Endpoint, workspace_id: int) -> None:
    live = Endpoint.objects.of(workspace_id).filter(pk=endpoint.pk, archived_at__isnull=True)
    if not live.exclude(connection__platform=Platform.ASSISTED).exists():
        raise InvalidInput(_("Choose a live channel that a program can send through."), field="notice_endpoint")


def _told(facts: dict[str, Any]) -> dict[str, Any]:
    """Names for the audit row instead of objects."""
    return {key: value if isinstance(value, str) or value is None else str(value) for key, value in facts.items()}


@transaction.atomic
def archive_assignee(*, assignee: Assignee, actor: Actor, now: datetime) -> None:
    """Let a person work no longer: her link ends, her channel is archived, and nobody's deputy is she.

    Twice is once. Writes an audit row. Raises AssigneeBusy while cards of hers are open, EndpointInUse while
    messages are planned for her groups.
    """
    locked = Assignee.objects.select_for_update().get(pk=assignee.pk)
    if locked.archived_at is not None:
        return
    if count := HumanTask.objects.filter(assignee=locked, state=TaskState.OPEN).count():
        raise AssigneeBusy(count=count)
    archive_endpoint(endpoint=locked.endpoint, actor=actor, now=now)
    locked.archived_at, locked.link_digest = now, ""
    locked.save(update_fields=["archived_at", "link_digest", "updated_at"])
    Assignee.objects.filter(deputy=locked).update(deputy=None, updated_at=now)
    audit.record(actor=actor, verb="assignee.archived", target=locked, now=now)


@transaction.atomic
def issue_link(*, assignee: Assignee, actor: Actor, now: datetime) -> str:
    """Make a personal link and return its code, which is not stored and shown only here: /t/<code>.

    A link she had, and every phone it was opened on, ends. Writes an audit row. Raises InvalidTransition when she
    is archived.
    """
    code = secrets.token_urlsafe(CODE_BYTES)
    live = Assignee.objects.filter(pk=assignee.pk, archived_at__isnull=True)
    if not live.update(link_digest=link_digest(code), link_made_at=now, link_seen_at=None, updated_at=now):
        raise InvalidTransition(_("This person is archived."))
    audit.record(actor=actor, verb="assignee.link_issued", target=assignee, now=now)
    return code


@transaction.atomic
def revoke_link(*, assignee: Assignee, actor: Actor, now: datetime) -> bool:
    """End her link and every phone it was opened on at once; False when there was none. Writes an audit row."""
    linked = Assignee.objects.filter(~Q(link_digest=""), pk=assignee.pk)
    if not linked.update(link_digest="", link_made_at=None, updated_at=now):
        return False
    audit.record(actor=actor, verb="assignee.link_revoked", target=assignee, now=now)
    return True


def note_link_use(*, assignee: Assignee, now: datetime) -> None:
    """Remember that the link was opened; at most one write in ten minutes."""
    stale = Q(link_seen_at__isnull=True) | Q(link_seen_at__lt=now - _NOTE_USE_EVERY)
    Assignee.objects.filter(stale, pk=assignee.pk).update(link_seen_at=now)
