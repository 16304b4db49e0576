"""Limits that the operator chooses, besides the platform's own."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from community_ops.common import audit, text
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput, InvalidTransition
from messaging.models import LONGEST_WINDOW_SECONDS, Endpoint, LimitScope, SendLimit
from messaging.services.limits import BOOK, dissolve_line, scope_ids

HIGHEST_COUNT = 1_000_000


@transaction.atomic
def set_limit(
    *, endpoint: Endpoint, scope: str, seconds: int, count: int | None, note: str = "", actor: Actor, now: datetime
) -> SendLimit | None:
    """At most `count` calls in any `seconds` for this endpoint's account, itself, or its whole workspace (`scope`).

    A window has 31 days at most. In the place of the platform's limit of the same scope and window, or beside it. It
    may be higher: the page and REST then say so (`LimitUse.is_above_platform`). `count` None takes an own limit back.
    Other workers know it within a second, and what waits in line is tried again then; running calls are not touched.
    It counts what is called from now on: earlier calls only as far as a limit there was before still kept their slots.
    Writes an audit row; the same again changes nothing.
    Raises InvalidInput naming the field, InvalidTransition for an archived channel.
    """
    note = text.clean_line(note, field="note", max_length=200, required=False)
    _check(scope, seconds, count)
    if endpoint.archived_at is not None:
        raise InvalidTransition(_("This channel is archived."))
    which: dict[str, Any] = {
        "workspace_id": endpoint.workspace_id,
        "scope": scope,
        "scope_id": scope_ids(endpoint)[scope],
    }
    rows = SendLimit.objects.select_for_update().filter(**which, seconds=seconds)
    before: dict[str, Any] | None = dict(found) if (found := rows.values("count", "note").first()) else None
    after = None if count is None else {"count": count, "note": note}
    if before != after:
        dissolve_line(endpoint.workspace_id, (scope, which["scope_id"]), now=now)
        _store(which | {"seconds": seconds}, after)
        _record(endpoint, {"scope": scope, "seconds": seconds}, before, after, actor=actor, now=now)
        transaction.on_commit(BOOK.forget)
    return rows.first()


def _check(scope: str, seconds: int, count: int | None) -> None:
    if scope not in LimitScope.values:
        raise InvalidInput(_("One of: {names}.").format(names=", ".join(LimitScope.values)), field="scope")
    if not 0 < seconds <= LONGEST_WINDOW_SECONDS:
        words = _("Between 1 and %(most)d seconds (31 days).")
        raise InvalidInput(words % {"most": LONGEST_WINDOW_SECONDS}, field="seconds")
    if count is not None and not 0 < count <= HIGHEST_COUNT:
        raise InvalidInput(_("Between 1 and %(most)d.") % {"most": HIGHEST_COUNT}, field="count")


def _store(which: dict[str, Any], facts: dict[str, Any] | None) -> None:
    if facts is None:
        SendLimit.objects.filter(**which).delete()
    else:
        SendLimit.objects.update_or_create(defaults=facts, **which)


def _record(
    endpoint: Endpoint,
    window: dict[str, Any],
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    audit.record(
        actor=actor,
        verb="endpoint.limited",
        target=endpoint,
        now=now,
        before=window | (before or {"count": None}),
        after=window | (after or {"count": None}),
    )
