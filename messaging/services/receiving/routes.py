"""Switching on and off what a connection receives by, and the keys callers prove themselves by."""

import secrets
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from community_ops.common import audit
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidTransition
from messaging.errors import CannotReceive, RouteNotOpened
from messaging.inbound_models import ChatCursor, InboundRoute, InboundWay
from messaging.models import Connection, Endpoint
from messaging.platforms import registry
from messaging.platforms.inbound import Inbound, RouteRefused
from messaging.services.webhooks.keys import former_until, valid_keys, with_new_key

CODE_BYTES = 16


def inbound_of(connection: Connection) -> Inbound:
    """The platform's way in; raises CannotReceive where it has none."""
    inbound = registry.get(connection.platform).inbound
    if inbound is None:
        raise CannotReceive
    return inbound


def open_route(*, connection: Connection, actor: Actor, now: datetime) -> tuple[InboundRoute, str]:
    """Receive from now on; returns the route and its new key (empty where nobody needs one).

    A platform that is told the address by us is told outside any transaction; a chat that is asked for is read from
    now on, not its past. Raises CannotReceive, InvalidTransition when it is on already, RouteNotOpened with the
    platform's words and nothing switched on. Writes an audit row.
    """
    inbound = inbound_of(connection)
    route, key = _prepare(connection, inbound, now)
    if inbound.is_registered:
        _register(route, inbound, key)
    with transaction.atomic():
        _settle(route, key)
        ChatCursor.objects.filter(endpoint__connection=connection).update(
            last_id="", next_poll_at=now, failure="", failing_since=None
        )
        InboundRoute.objects.filter(pk=route.pk).update(is_on=True, refused_at=None, refused_reason="", updated_at=now)
        audit.record(actor=actor, verb="inbound.opened", target=connection, now=now, after={"way": route.way})
    route.refresh_from_db()
    return route, "" if inbound.is_registered else key


@transaction.atomic
def _prepare(connection: Connection, inbound: Inbound, now: datetime) -> tuple[InboundRoute, str]:
    way = InboundWay.POLL if inbound.is_polled else InboundWay.HOOK
    route, _is_new = InboundRoute.objects.get_or_create(
        workspace_id=connection.workspace_id,
        connection=connection,
        defaults={"way": way, "code": secrets.token_urlsafe(CODE_BYTES)},
    )
    route = InboundRoute.objects.select_for_update().get(pk=route.pk)
    if route.is_on:
        raise InvalidTransition(_("Receiving is on already."))
    if inbound.is_polled:
        return route, ""
    return route, _renewed(route, inbound, now)


def _renewed(route: InboundRoute, inbound: Inbound, now: datetime) -> str:
    """A new key in front of the others, stored. The row is locked."""
    key, secret = inbound.make_key(), _secret(route)
    route.secret = with_new_key(secret, key, now=now)  # type: ignore[assignment]  # the field encrypts JSON
    route.save(update_fields=["secret", "updated_at"])
    return key


def _register(route: InboundRoute, inbound: Inbound, key: str) -> None:
    account = Connection.objects.get(pk=route.connection_id)
    secret: Any = account.secret  # the field decrypts JSON; its type says text
    try:
        inbound.register(account.config, secret, url=url_of(route), key=key)
    except RouteRefused as refusal:
        raise RouteNotOpened(str(refusal)) from None


def _settle(route: InboundRoute, key: str) -> None:
    """Raises InvalidTransition where somebody else made another key meanwhile: hers may be the platform's now."""
    keys = _secret(InboundRoute.objects.select_for_update().get(pk=route.pk))["keys"]
    if key and keys[0]["key"] != key:
        raise InvalidTransition(_("Somebody changed this at the same moment. Try again."))


def rotate_key(*, route: InboundRoute, actor: Actor, now: datetime) -> str:
    """Make a new key and return it (empty where nobody needs it); the former one is good for another 24 hours.

    Raises InvalidTransition when receiving is off, CannotReceive where there are no keys, RouteNotOpened.
    """
    inbound = inbound_of(route.connection)
    if inbound.is_polled:
        raise CannotReceive
    with transaction.atomic():
        locked = InboundRoute.objects.select_for_update().get(pk=route.pk)
        if not locked.is_on:
            raise InvalidTransition(_("Receiving is off. Switch it on first."))
        key = _renewed(locked, inbound, now)
    if inbound.is_registered:
        _register(locked, inbound, key)
    with transaction.atomic():
        _settle(locked, key)
        audit.record(actor=actor, verb="inbound.key_rotated", target=route.connection, now=now)
    return "" if inbound.is_registered else key


def close_route(*, route: InboundRoute, actor: Actor, now: datetime) -> None:
    """Receive nothing any more: calls are turned away at once, chats are not asked for. Twice is once.

    Raises RouteNotOpened where the platform could not be told; it is off here all the same.
    """
    with transaction.atomic():
        if not InboundRoute.objects.filter(pk=route.pk, is_on=True).update(is_on=False, updated_at=now):
            return
        audit.record(actor=actor, verb="inbound.closed", target=route.connection, now=now)
    inbound = inbound_of(route.connection)
    if inbound.is_registered:
        account = Connection.objects.get(pk=route.connection_id)
        secret: Any = account.secret  # the field decrypts JSON; its type says text
        try:
            inbound.deregister(account.config, secret)
        except RouteRefused as refusal:
            raise RouteNotOpened(
                _("It is off here. The platform could not be told: %(words)s") % {"words": refusal}
            ) from None


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
