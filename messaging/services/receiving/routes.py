"""Switching on and off what a connection receives by, and the keys callers prove themselves by."""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from community_ops.common import audit, dbtime
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidTransition
from messaging.errors import CannotReceive, RouteNotOpened
from messaging.inbound_models import ChatCursor, InboundRoute, InboundWay
from messaging.inbound_policies import CHANGED_WITHIN
from messaging.models import Connection, Endpoint
from messaging.platforms import registry
from messaging.platforms.inbound import Inbound, RouteRefused
from messaging.services.webhooks.keys import former_until, valid_keys, with_new_key
from messaging.webhook_policies import OLD_KEY_FOR

CODE_BYTES = 16
log = logging.getLogger(__name__)


def inbound_of(connection: Connection) -> Inbound:
    """The platform's way in; raises CannotReceive where it has none."""
    inbound = registry.get(connection.platform).inbound
    if inbound is None:
        raise CannotReceive
    return inbound


def open_route(*, connection: Connection, actor: Actor, now: datetime) -> tuple[InboundRoute, str]:
    """Receive from now on; returns the route and its key (empty where nobody needs one). Keys of before are gone.

    A platform that is told the address by us is told outside any transaction; a chat that is asked for is read from
    now on, not its past. Raises CannotReceive, InvalidTransition when it is on already, the account has no live
    channel, or somebody else changes it at this moment, RouteNotOpened with the platform's words and nothing switched
    on. Writes an audit row.
    """
    inbound = inbound_of(connection)
    _ensure_channel(connection)
    way = InboundWay.POLL if inbound.is_polled else InboundWay.HOOK
    route, _is_new = InboundRoute.objects.get_or_create(
        workspace_id=connection.workspace_id,
        connection=connection,
        defaults={"way": way, "code": secrets.token_urlsafe(CODE_BYTES)},
    )
    with _changing(route) as locked:
        if locked.is_on:
            raise InvalidTransition(_("Receiving is on already."))
        key = "" if inbound.is_polled else inbound.make_key()
        _keep_keys(locked, [{"key": key, "until": None}] if key else [])
        if inbound.is_registered:
            _register(locked, inbound, key)
        with transaction.atomic():
            _ensure_channel(Connection.objects.select_for_update().get(pk=connection.pk))
            cursors = ChatCursor.objects.filter(endpoint__connection=connection)
            cursors.update(last_id="", next_poll_at=now, failure="", failing_since=None)
            opened = {"is_on": True, "refused_at": None, "refused_reason": "", "updated_at": now}
            InboundRoute.objects.filter(pk=route.pk).update(**opened)
            audit.record(actor=actor, verb="inbound.opened", target=connection, now=now, after={"way": route.way})
    route.refresh_from_db()
    return route, "" if inbound.is_registered else key


def _ensure_channel(connection: Connection) -> None:
    """What comes in belongs to a channel; receiving ended with the last one (`close_for_good`)."""
    if not Endpoint.objects.filter(connection=connection, archived_at__isnull=True).exists():
        raise InvalidTransition(_("This account has no channel any more. Make one first."))


def rotate_key(*, route: InboundRoute, actor: Actor, now: datetime) -> str:
    """Make a new key and return it (empty where nobody needs it); the former one is good for another 24 hours.

    A platform that would not take the new one goes on with the former, without an end. Raises InvalidTransition when
    receiving is off or somebody else changes it at this moment, CannotReceive where there are no keys, RouteNotOpened.
    """
    inbound = inbound_of(route.connection)
    if inbound.is_polled:
        raise CannotReceive
    with _changing(route) as locked:
        if not locked.is_on:
            raise InvalidTransition(_("Receiving is off. Switch it on first."))
        key, before = inbound.make_key(), _secret(locked)
        if inbound.is_registered:  # both are good while the platform changes over
            _keep_keys(locked, [*valid_keys(before, now), {"key": key, "until": (now + OLD_KEY_FOR).isoformat()}])
            try:
                _register(locked, inbound, key)
            except RouteNotOpened:
                _keep_keys(locked, valid_keys(before, now))
                raise
        with transaction.atomic():
            _keep_keys(locked, with_new_key(before, key, now=now)["keys"])
            audit.record(actor=actor, verb="inbound.key_rotated", target=route.connection, now=now)
    return "" if inbound.is_registered else key


def close_route(*, route: InboundRoute, actor: Actor, now: datetime) -> None:
    """Receive nothing any more: calls are turned away at once, chats are not asked for, keys end. Twice is once.

    Raises InvalidTransition while somebody else changes it, RouteNotOpened where the platform could not be told; it
    is off here all the same.
    """
    inbound = inbound_of(route.connection)
    with _changing(route) as locked:
        if not locked.is_on:
            return
        _switch_off(locked, actor=actor, now=now)
        if inbound.is_registered:
            _deregister(locked, inbound)


@transaction.atomic
def _switch_off(route: InboundRoute, *, actor: Actor, now: datetime) -> None:
    _keep_keys(route, [])
    InboundRoute.objects.filter(pk=route.pk).update(is_on=False, updated_at=now)
    audit.record(actor=actor, verb="inbound.closed", target=route.connection, now=now)


def close_for_good(*, connection: Connection, actor: Actor, now: datetime) -> None:
    """Switch receiving off with the account's last channel, inside the caller's transaction. Off already: nothing.

    Calls are turned away from the commit on. A platform that was told the address (Telegram) is told after it that
    nothing is wanted any more; where that fails, its calls meet a 401 until it gives up, and the log says so.
    """
    route = InboundRoute.objects.select_for_update().filter(connection=connection, is_on=True).first()
    if route is None:
        return
    _switch_off(route, actor=actor, now=now)
    if inbound_of(connection).is_registered:
        transaction.on_commit(partial(_say_goodbye, route.pk), robust=True)


def _say_goodbye(route_id: int) -> None:
    """Unless somebody switched it on again meanwhile."""
    try:
        with _changing(InboundRoute.objects.get(pk=route_id)) as locked:
            if not locked.is_on:
                _deregister(locked, inbound_of(locked.connection))
    except (RouteNotOpened, InvalidTransition) as refusal:
        log.warning("a platform could not be told that receiving is off", extra={"error": str(refusal.message)})


@contextmanager
def _changing(route: InboundRoute) -> Iterator[InboundRoute]:
    """Have the route for oneself while its platform is told, outside any transaction; the row as it is then.

    Raises InvalidTransition while another one has it. A process that dies has it for 15 s.
    """
    db_now = dbtime.now()
    free = Q(busy_until__isnull=True) | Q(busy_until__lt=db_now)
    mine = db_now + CHANGED_WITHIN
    if not InboundRoute.objects.filter(free, pk=route.pk).update(busy_until=mine):
        raise InvalidTransition(_("Somebody changed this at the same moment. Try again."))
    try:
        yield InboundRoute.objects.select_related("connection").get(pk=route.pk)
    finally:
        InboundRoute.objects.filter(pk=route.pk, busy_until=mine).update(busy_until=None)


def _keep_keys(route: InboundRoute, keys: list[dict[str, Any]]) -> None:
    route.secret = {"keys": keys}  # type: ignore[assignment]  # the field encrypts JSON
    route.save(update_fields=["secret", "updated_at"])


def _register(route: InboundRoute, inbound: Inbound, key: str) -> None:
    secret: Any = route.connection.secret  # the field decrypts JSON; its type says text
    try:
        inbound.register(route.connection.config, secret, url=url_of(route), key=key)
    except RouteRefused as refusal:
        raise RouteNotOpened(str(refusal)) from None


def _deregister(route: InboundRoute, inbound: Inbound) -> None:
    secret: Any = route.connection.secret  # the field decrypts JSON; its type says text
    try:
        inbound.deregister(route.connection.config, secret)
    except RouteRefused as refusal:
        words = _("It is off here. The platform could not be told: %(words)s") % {"words": refusal}
        raise RouteNotOpened(words) from None


def url_of(route: InboundRoute) -> str:
    """The address that callers use."""
    return f"{settings.PUBLIC_URL}{reverse('messaging:hook', args=[route.code])}"


def keys_of(route: InboundRoute, *, now: datetime) -> list[str]:
    """Every key that speaks for a caller at this moment, the present one first."""
    return [one["key"] for one in valid_keys(_secret(route), now)]


def former_key_until(route: InboundRoute, *, now: datetime) -> datetime | None:
    """When the last former key runs out; None when only the present one is good."""
    return former_until(_secret(route), now)


def ensure_cursors(*, now: datetime) -> None:
    """A cursor for each live channel of a connection that is asked for."""
    missing = Endpoint.objects.filter(
        connection__inbound_route__is_on=True,
        connection__inbound_route__way=InboundWay.POLL,
        archived_at__isnull=True,
        cursor__isnull=True,
    )
    rows = [
        ChatCursor(workspace_id=workspace_id, endpoint_id=pk, next_poll_at=now)
        for pk, workspace_id in missing.values_list("pk", "workspace_id")
    ]
    if rows:
        ChatCursor.objects.bulk_create(rows, ignore_conflicts=True)


def _secret(route: InboundRoute) -> dict[str, Any]:
    kept: Any = route.secret  # the field decrypts JSON; its type says text
    secret: dict[str, Any] = {"keys": []} | kept
    return secret
