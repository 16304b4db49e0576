"""A call at `/hooks/<code>/`: who speaks is proved first, then the event is stored as it came, then it is answered."""

import hashlib
import re
from datetime import datetime

from django.db.models import Q

from community_ops.common.nudge import nudge
from community_ops.common.turns import next_turn
from messaging.inbound_models import InboundRoute, InboundWay, RawEvent
from messaging.inbound_policies import NOTE_REFUSAL_EVERY, READ_TASK
from messaging.platforms.inbound import CallRefused, HookCall, Inbound
from messaging.services.receiving.routes import inbound_of, keys_of

_CODE = re.compile(r"[A-Za-z0-9_-]{1,43}")


def receive(*, code: str, call: HookCall, now: datetime) -> tuple[str, str]:
    """Store one event; returns content type and text of the answer. A redelivery changes nothing and is answered too.

    Raises CallRefused with nothing stored: 401 alike for a code nobody has, one that is off, and a call that is not
    proved; 400 for what can never be read; 409 for a known id with another body. What was refused for a code that
    exists is noted on its route, for its page.
    """
    route = _find_route(code)
    if route is None:
        raise CallRefused("off")
    try:
        inbound = inbound_of(route.connection)
        return inbound.answer(is_new=_receive(route, inbound, call, now))
    except CallRefused as refusal:
        _note_refusal(route, refusal.reason, now)
        raise


def _find_route(code: str) -> InboundRoute | None:
    """None also for what no code can be: a database may refuse to look for it."""
    if not _CODE.fullmatch(code):
        return None
    routes = InboundRoute.objects.select_related("connection").filter(way=InboundWay.HOOK, code=code)
    return routes.filter(workspace__archived_at__isnull=True).first()


def greet(*, code: str, call: HookCall, now: datetime) -> str:
    """The answer to a platform that tries the address by a GET. Raises CallRefused, 405 for all that do not."""
    route = _find_route(code)
    if route is None or not route.is_on:
        raise CallRefused("only_post", status=405)
    return inbound_of(route.connection).greet(call, keys_of(route, now=now))


def _receive(route: InboundRoute, inbound: Inbound, call: HookCall, now: datetime) -> bool:
    if not route.is_on:
        raise CallRefused("off")
    keys = keys_of(route, now=now)
    inbound.authenticate(call, keys)
    content = inbound.content_of(call, keys)
    identity, digest = inbound.identity(call, content), hashlib.sha256(call.body).hexdigest()
    with next_turn():
        event, is_new = RawEvent.objects.get_or_create(
            workspace_id=route.workspace_id,
            connection=route.connection,
            external_id=identity,
            defaults={
                "way": InboundWay.HOOK,
                "body": inbound.kept(call, content),
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
