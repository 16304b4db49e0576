"""A chat has at most one live channel of an account: else its people get everything twice."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from community_ops.common.errors import InvalidInput
from messaging.errors import ConfigRefused
from messaging.models import Endpoint, Identity
from messaging.platforms import registry


def refuse_bound_chat(platform: str, account: Identity, address: dict[str, Any], *, but: int = 0) -> None:
    """Raise InvalidInput where the chat of this address has a live channel besides `but`, however often its account
    was entered here; ConfigRefused naming the account's key where that is all that names the chat."""
    refuse_bound_chats(platform, account, {but: address})


def refuse_bound_chats(platform: str, account: Identity, addresses: Mapping[int, dict[str, Any]]) -> None:
    """The same for several channels, by their ids. Topics of one group are chats of their own here. One query."""
    adapter = registry.get(platform)
    wanted = [address for address in addresses.values() if adapter.chat_key(address) is not None]
    live = Endpoint.objects.of(account.workspace_id).filter(connection__identity=account, archived_at=None)
    other = next((one for one in live.exclude(pk__in=addresses) if one.address in wanted), None) if wanted else None
    if other is None:
        return
    words = _("“%(name)s” is the channel of this chat already.") % {"name": other.name}
    if other.address or not adapter.identified_by:
        raise InvalidInput(words, field="chat")
    raise ConfigRefused(adapter.identified_by[0], words)
