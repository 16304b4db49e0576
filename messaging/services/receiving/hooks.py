"""A call at `/hooks/<code>/`: who speaks is proved first, then the event is stored as it came, then it is answered."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from community_ops.common import dbtime
from community_ops.common.nudge import nudge
from messaging.inbound_models import InboundRoute, InboundWay, RawEvent
from messaging.inbound_policies import NOTE_REFUSAL_EVERY, READ_TASK
from messaging.platforms.inbound import CallRefused, HookCall
from messaging.services.receiving.routes import inbound_of, keys_of

_CODE = re.compile(r"[A-Za-z0-9_-]{1,43}")


def receive(*, code: str, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Store one event; False when it was stored before: a redelivery changes nothing.

    Raises CallRefused with nothing stored: 401 alike for a code nobody has, one that is off, and a call that is not
    proved; 400 for what can never be read; 409 for a known id with another body. What was refused for a code that
    exists is noted on its route, for its page.
    """
    route = _find_route(code)
    if route is None:
        raise CallRefused("off")
    try:
        return _receive(route, HookCall(headers, body, dbtime.now()), now)
    except CallRefused as refusal:
        _note_refusal(route, refusal.reason, now)
        raise


def _find_route(code: str) -> InboundRoute | None:
    """None also for what no code can be: a database may refuse to look for it."""
    if not _CODE.fullmatch(code):
        return None
    routes = InboundRoute.objects.select_related("connection").filter(way=InboundWay.HOOK, code=code)
    return routes.filter(workspace__archived_at__isnull=True).first()


def _receive(route: InboundRoute, call: HookCall, now: datetime) -> bool:
    if not route.is_on:
        raise CallRefused("off")
    inbound = inbound_of(route.connection)
    inbound.authenticate(call, keys_of(route, now=now))
    content = inbound.content_of(call)
    identity, digest = inbound.identity(call, content), hashlib.sha256(call.body).hexdigest()
    with transaction.atomic():
        event, is_new = RawEvent.objects.get_or_create(
            workspace_id=route.workspace_id,
            connection=route.connection,
            external_id=identity,
            defaults={
                "way": InboundWay.HOOK,
                "body": call.body.decode(),
                "body_digest": digest,
                "received_at": now,
                "next_try_at": now,
            },
        )
        if is_new:
            InboundRoute.objects.filter(pk=route.pk).update(last_event_at=now, updated_at=now)
            nudge(READ_TASK)
    if not is_new and inbound.repeats_exactly and event.body_digest != digest:
        raise CallRefused("other_body", status=409)
    return is_new


def _note_refusal(route: InboundRoute, reason: str, now: datetime) -> None:
    """At most every ten seconds: somebody who guesses must not make us write."""
    is_old = Q(refused_at__isnull=True) | Q(refused_at__lt=now - NOTE_REFUSAL_EVERY)
    rows = InboundRoute.objects.filter(is_old, pk=route.pk)
    rows.update(refused_at=now, refused_reason=reason, updated_at=now)


def note_too_large(*, code: str, now: datetime) -> None:
    """A body over the limit was not even read: say so on the page of its route, if there is one."""
    route = _find_route(code)
    if route is not None:
        _note_refusal(route, "too_large", now)
