"""A channel whose settings now say another account, or another chat: what its calls count under from here on."""

from datetime import datetime
from typing import Any

from messaging.models import Connection, Endpoint, Identity, LimitScope
from messaging.platforms import registry
from messaging.platforms.base import Account
from messaging.services import identities, limits, resting
from messaging.services.bound_chats import refuse_bound_chat, refuse_bound_chats


def follow(endpoint: Endpoint, connection: Connection, settings: Account, *, now: datetime) -> None:
    """Let the identities of a channel and its account follow its new settings. Inside the transaction that stores them.

    Own limits come along (`identities.bring_limits`). What waits in line is tried again soon, for its place may be in
    a line that is not its any more; an account that stays the same is left alone no longer.
    Raises InvalidInput for a chat that has a channel, ConfigRefused for an account that another workspace holds.
    """
    if _is_another(connection, settings):
        _become(endpoint, connection, settings, now=now)
        return
    if settings.address != endpoint.address:
        refuse_bound_chat(connection.platform, connection.identity, settings.address, but=endpoint.pk)
        _move_chat(endpoint, connection.identity, settings.address, now=now)
    resting.lift(workspace_id=endpoint.workspace_id, identity_id=connection.identity_id, now=now)


def _is_another(connection: Connection, settings: Account) -> bool:
    """By what its settings say, not by digests: a lost key of the installation makes nobody somebody else."""
    adapter, secret = registry.get(connection.platform), _secret(connection)
    return adapter.account_key(connection.config, secret) != adapter.account_key(settings.config, settings.secret)


def _secret(connection: Connection) -> dict[str, Any]:
    secret: Any = connection.secret  # the field decrypts JSON; its type says text
    return dict(secret)


def _become(endpoint: Endpoint, connection: Connection, settings: Account, *, now: datetime) -> None:
    platform, workspace_id = connection.platform, connection.workspace_id
    known = identities.identity_of_account(workspace_id, platform, settings.config, settings.secret)
    locked = {one.pk: one for one in identities.lock(connection.identity, known)}
    before, after = locked[connection.identity_id], locked[known.pk]
    live = list(Endpoint.objects.filter(connection=connection, archived_at=None).select_related("identity"))
    addresses = {one.pk: settings.address if one.pk == endpoint.pk else one.address for one in live}
    refuse_bound_chats(platform, after, addresses)
    identities.hold(after, platform)
    Connection.objects.filter(pk=connection.pk).update(identity=after, updated_at=now)
    identities.bring_limits(LimitScope.CONNECTION, before=before, after=after)
    for one in live:
        _move_chat(one, after, addresses[one.pk], now=now)
    identities.release(before)
    limits.dissolve_line(workspace_id, (LimitScope.CONNECTION.value, after.pk), now=now)
    limits.forget()


def _move_chat(endpoint: Endpoint, account: Identity, address: dict[str, Any], *, now: datetime) -> None:
    platform, before = endpoint.connection.platform, endpoint.identity
    if registry.get(platform).chat_key(address) is None:
        return
    after = identities.identity_of_chat(platform, account, address)
    if after.pk == before.pk:
        return
    Endpoint.objects.filter(pk=endpoint.pk).update(identity=after, updated_at=now)
    identities.bring_limits(LimitScope.ENDPOINT, before=before, after=after)
    limits.dissolve_line(endpoint.workspace_id, (LimitScope.ENDPOINT.value, after.pk), now=now)
    limits.forget()
