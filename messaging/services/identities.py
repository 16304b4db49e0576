"""Who an account is on its platform, and which chat a channel is: what their calls are counted under (ADR-0016).

The same robot entered twice, archived and entered again, or with a new key for the same bot, is one account with one
window, one cooldown, one rest. Its platform counts so.
"""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from math import ceil
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from community_ops.common import dbtime
from community_ops.common.fields import recognised_by
from messaging.errors import ConfigRefused
from messaging.models import Connection, Endpoint, Identity, LimitScope, SendBudget, SendLimit, SendSlot
from messaging.platforms import registry
from messaging.policies import KEY_REFUSALS


def account_digest(platform: str, config: Mapping[str, Any], secret: Mapping[str, Any]) -> str:
    """By which an account is recognised; a random one where nothing says who it is."""
    key = registry.get(platform).account_key(config, secret)
    return recognised_by("account", platform, *key) if key else secrets.token_hex(32)


def chat_digest(platform: str, account: str, address: Mapping[str, Any]) -> str:
    """By which a chat is recognised; `account`: the digest of its account. Random where its address does not say it."""
    chat = registry.get(platform).chat_key(address)
    return secrets.token_hex(32) if chat is None else recognised_by("chat", account, chat)


def identity_of_account(
    workspace_id: int, platform: str, config: Mapping[str, Any], secret: Mapping[str, Any]
) -> Identity:
    """The account of these settings; made where it is new here."""
    return _known(workspace_id, account_digest(platform, config, secret))


def identity_of_chat(platform: str, account: Identity, address: Mapping[str, Any]) -> Identity:
    """The chat that an address of this account is in; made where it is new here."""
    return _known(account.workspace_id, chat_digest(platform, account.digest, address))


def _known(workspace_id: int, digest: str) -> Identity:
    return Identity.objects.get_or_create(workspace_id=workspace_id, digest=digest)[0]


def of_its_own(workspace_id: int) -> Identity:
    """Of an account or a chat that is none on any platform."""
    return _known(workspace_id, secrets.token_hex(32))


def lock(*wanted: Identity) -> list[Identity]:
    """Two that enter, take up or leave the same account at once do so one after the other. In one order, by id."""
    pks = {one.pk for one in wanted}
    return list(Identity.objects.select_for_update().filter(pk__in=pks).order_by("pk"))


def hold(identity: Identity, platform: str) -> None:
    """This workspace sends through the account from now on. Inside a transaction; twice is once.

    Raises ConfigRefused naming the setting of its key where another workspace does, or did until a moment ago: each
    would keep the whole limit, and the platform counts both. Nothing is held where the platform has no limit.
    """
    adapter = registry.get(platform)
    if identity.is_held or not adapter.capabilities.limits or not adapter.identified_by:
        return
    setting = adapter.identified_by[0]
    try:
        with transaction.atomic():
            Identity.objects.filter(pk=identity.pk).update(is_held=True)
    except IntegrityError:
        words = _(
            "Another team of this installation sends through this account, and the platform counts both together."
            " Archive its channels there first, or use another account."
        )
        raise ConfigRefused(setting, words) from None
    identity.is_held = True
    longest = timedelta(seconds=max(limit.seconds for limit in adapter.capabilities.limits))
    if seconds := _seconds_elsewhere(identity, longest):
        words = _("Another team sent through this account a moment ago. Try again in %(seconds)d s.")
        raise ConfigRefused(setting, words % {"seconds": seconds})


def _seconds_elsewhere(identity: Identity, longest: timedelta) -> int:
    """How long calls of other workspaces through the same account still count there, or it was told to wait."""
    others = Identity.objects.filter(digest=identity.digest).exclude(pk=identity.pk)
    if not (accounts := set(others.values_list("pk", flat=True))):
        return 0
    chats = set(Endpoint.objects.filter(connection__identity__in=accounts).values_list("identity", flat=True))
    budgets = SendBudget.objects.exclude(scope=LimitScope.WORKSPACE).filter(scope_id__in=accounts | chats)
    db_now = dbtime.now()
    ended = SendSlot.objects.filter(budget__in=budgets).aggregate(at=Max(Coalesce(F("ended_at"), db_now)))["at"]
    told = budgets.filter(refused_count__lt=KEY_REFUSALS).aggregate(until=Max("cooldown_until"))["until"]
    until = [moment for moment in (ended and ended + longest, told) if moment is not None]
    return max(0, ceil((max(until) - db_now).total_seconds())) if until else 0


def release(identity: Identity) -> None:
    """Hold the account no longer if no live channel goes through it any more. Inside a transaction."""
    (held,) = lock(identity)
    live = Endpoint.objects.filter(connection__identity=held, archived_at__isnull=True)
    if held.is_held and not live.exists():
        Identity.objects.filter(pk=held.pk).update(is_held=False)


def bring_limits(scope: LimitScope, *, before: Identity, after: Identity) -> None:
    """A row goes from one identity to another, and was the only one of it: the operator's own limits come along.

    Where others have the new one already theirs hold; with others left at the former one they stay there too.
    To be called when the row has moved.
    """
    rows = SendLimit.objects.of(before.workspace_id).filter(scope=scope)
    old, new = rows.filter(scope_id=before.pk), rows.filter(scope_id=after.pk)
    if _count(scope, after) == 1:
        facts = list(old.values("count", "seconds", "note"))
        new.delete()
        SendLimit.objects.bulk_create(
            SendLimit(workspace_id=after.workspace_id, scope=scope, scope_id=after.pk, **one) for one in facts
        )
    if not _count(scope, before):
        old.delete()


def _count(scope: LimitScope, identity: Identity) -> int:
    table = Connection if scope == LimitScope.CONNECTION else Endpoint
    return table.objects.of(identity.workspace_id).filter(identity=identity).count()
