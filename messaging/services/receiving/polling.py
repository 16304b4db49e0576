"""Asking for what was written: platforms that tell a bot nothing by themselves are asked every twenty seconds."""

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from community_ops.common import clock, dbtime
from community_ops.common.nudge import nudge
from messaging.inbound_models import ChatCursor, InboundRoute, InboundWay, RawEvent
from messaging.inbound_policies import (
    POLL_AGAIN_AFTER_FAILURE,
    POLL_AGAIN_AFTER_REFUSAL,
    POLL_EVERY,
    READ_TASK,
)
from messaging.models import SendBudget
from messaging.platforms.base import Outcome, Result
from messaging.platforms.inbound import Found, RouteRefused
from messaging.services.limits import cool_down
from messaging.services.receiving.routes import ensure_cursors, inbound_of

RUN_SECONDS = 10.0
log = logging.getLogger(__name__)
_NOTHING_YET = "0"  # read from the very beginning: the chat was empty when we came


def poll_chats(*, now: datetime | None = None, seconds: float = RUN_SECONDS) -> int:
    """Ask for the chats whose time has come; returns how many were asked. Two at once ask each chat once.

    Returns after `seconds` at the latest, plus one call. `now`: the product's clock when none is given.
    """
    until, count = time.monotonic() + seconds, 0
    ensure_cursors(now=now or clock.now())
    for pk in list(_due(now or clock.now()).values_list("pk", flat=True)[:500]):
        if time.monotonic() >= until:
            break
        count += _poll_one(pk, now or clock.now())
    return count


def _due(now: datetime) -> QuerySet[ChatCursor]:
    """Whom to ask, the longest waiting first; nobody of an account that was told to wait."""
    cooling = SendBudget.objects.filter(scope="connection", cooldown_until__gt=dbtime.now()).values("scope_id")
    live = ChatCursor.objects.filter(
        next_poll_at__lte=now,
        endpoint__archived_at__isnull=True,
        endpoint__connection__inbound_route__is_on=True,
        endpoint__connection__inbound_route__way=InboundWay.POLL,
    )
    return live.exclude(endpoint__connection__identity__in=cooling).order_by("next_poll_at", "id")


def _poll_one(pk: int, now: datetime) -> int:
    """The time of the next asking is set first: who comes beside us finds nothing to ask."""
    if not ChatCursor.objects.filter(pk=pk, next_poll_at__lte=now).update(next_poll_at=now + POLL_EVERY):
        return 0
    cursor = ChatCursor.objects.select_related("endpoint__connection").get(pk=pk)
    account = cursor.endpoint.connection
    secret: Any = account.secret  # the field decrypts JSON; its type says text
    try:
        found, has_more = inbound_of(account).poll(
            account.config, secret, cursor.endpoint.address, after=cursor.last_id
        )
        _store(cursor, found, has_more=has_more, now=now)
    except RouteRefused as refusal:
        _note_failure(cursor, refusal, now)
    except Exception as error:  # one chat must not keep the others from being asked
        log.exception("a chat could not be asked", extra={"cursor": pk})
        _note_failure(cursor, RouteRefused(_("Our program failed: %(name)s") % {"name": type(error).__name__}), now)
    return 1


@transaction.atomic
def _store(cursor: ChatCursor, found: Sequence[Found], *, has_more: bool, now: datetime) -> None:
    """The messages and how far they reach, in one transaction; a cursor that somebody moved meanwhile stays."""
    last = max([cursor.last_id or _NOTHING_YET, *(one.id for one in found)], key=int)
    mine = ChatCursor.objects.filter(pk=cursor.pk, last_id=cursor.last_id)
    again = {"next_poll_at": now} if has_more else {}
    if not mine.update(last_id=last, failing_since=None, failure="", updated_at=now, **again):
        return
    if not cursor.last_id or not found:
        return
    RawEvent.objects.bulk_create([_raw(cursor, one, now) for one in found], ignore_conflicts=True)
    rows = InboundRoute.objects.filter(connection_id=cursor.endpoint.connection_id)
    rows.update(last_event_at=now, updated_at=now)
    nudge(READ_TASK)


def _raw(cursor: ChatCursor, one: Found, now: datetime) -> RawEvent:
    body = json.dumps(one.content)
    return RawEvent(
        workspace_id=cursor.workspace_id,
        connection=cursor.endpoint.connection,
        way=InboundWay.POLL,
        external_id=one.id,
        body=body,
        body_digest=hashlib.sha256(body.encode()).hexdigest(),
        received_at=now,
        next_try_at=now,
    )


@transaction.atomic
def _note_failure(cursor: ChatCursor, refusal: RouteRefused, now: datetime) -> None:
    if refusal.cools_account:
        result = Result(Outcome.RETRY, retry_after_seconds=refusal.retry_after_seconds, is_too_fast=True)
        cool_down(cursor.endpoint, result, db_now=dbtime.now())
    wait = POLL_AGAIN_AFTER_REFUSAL if refusal.is_final else POLL_AGAIN_AFTER_FAILURE
    if refusal.retry_after_seconds:
        wait = timedelta(seconds=min(refusal.retry_after_seconds + 1, 3600))
    ChatCursor.objects.filter(pk=cursor.pk).update(
        next_poll_at=now + wait,
        failing_since=cursor.failing_since or now,
        failure=str(refusal)[:200],
        updated_at=now,
    )
