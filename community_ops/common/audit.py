"""The audit log: one row per change, in the transaction of the change."""

import json
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction

from community_ops.common.actors import Actor
from community_ops.common.models import AuditEntry
from community_ops.common.request_context import current_request_id


def record(
    *,
    actor: Actor,
    verb: str,
    target: models.Model,
    now: datetime,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> AuditEntry:
    """Write who did what to `target`. Must run inside the transaction of the change.

    `before`/`after`: the changed fields only; never secrets. `reason` is cut at 500 characters.
    """
    assert transaction.get_connection().in_atomic_block, "audit rows belong to the transaction of their change"
    return AuditEntry.objects.create(
        workspace_id=_workspace_of(target),
        at=now,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=actor.label[:150],
        verb=verb,
        target_kind=target._meta.label_lower,
        target_id=str(target.pk),
        before=_plain(before),
        after=_plain(after),
        reason=reason[:500],
        request_id=current_request_id(),
    )


def _workspace_of(target: models.Model) -> int | None:
    if target._meta.label_lower == "accounts.workspace":
        return int(target.pk)
    return getattr(target, "workspace_id", None)


def _plain(values: dict[str, Any] | None) -> Any:
    return json.loads(json.dumps(values or {}, cls=DjangoJSONEncoder))
