"""One account, many chats: which chats it was seen in, and making a channel of one of them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from community_ops.common import audit, text
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput
from messaging.errors import ChatsNotTold
from messaging.models import Connection, Endpoint, EndpointKind, FoundChat
from messaging.platforms import registry
from messaging.platforms.base import Chat, ChatsUnknown
from messaging.services import identities
from messaging.services.bound_chats import refuse_bound_chat

TITLE_LENGTH, CHAT_LENGTH, NAME_LENGTH = 200, 128, 100


def look_for_chats(*, connection: Connection, actor: Actor, now: datetime) -> list[FoundChat]:
    """Ask the platform which chats the account is in, and return all that are known of it, the newest seen first.

    The call is made outside any transaction. What is not among the answers any more stays known: the account may only
    be silent there. Raises ChatsNotTold, with the platform's words where it has some. Writes an audit row.
    """
    account = Connection.objects.get(pk=connection.pk)
    adapter = registry.get(account.platform)
    if not (adapter.is_available and adapter.capabilities.can_list_chats):
        raise ChatsNotTold
    secret: Any = account.secret  # the field decrypts JSON; its type says text
    try:
        chats = adapter.list_chats(account.config, secret)
    except ChatsUnknown as unknown:
        raise ChatsNotTold(str(unknown)) from None
    with transaction.atomic():
        stored = _store(account, chats, now=now)
        audit.record(actor=actor, verb="connection.looked", target=account, now=now, after={"count": stored})
    return list(FoundChat.objects.filter(connection=account).order_by("-seen_at", "-id"))


@transaction.atomic
def note_chat(*, connection: Connection, chat: Chat, now: datetime) -> FoundChat | None:
    """Keep one chat that the account was just seen in; None where its id cannot be one. Again is an update."""
    if not _store(connection, [chat], now=now):
        return None
    return FoundChat.objects.get(workspace=connection.workspace_id, connection=connection, chat=chat.id)


@transaction.atomic
def bind_chat(*, found_chat: FoundChat, actor: Actor, now: datetime, name: str = "") -> Endpoint:
    """Make a found chat a channel of its account, called `name` or as the platform calls it.

    A second call returns the channel it made. One that was archived since does not count: a new one is made.
    Raises InvalidInput for the name, and for a chat that has got a channel another way.
    """
    account = Connection.objects.select_for_update().get(pk=found_chat.connection_id)
    found = FoundChat.objects.select_related("endpoint").get(pk=found_chat.pk)
    if found.endpoint is not None and found.endpoint.archived_at is None:
        return found.endpoint
    address = registry.get(account.platform).read_address({"chat": found.chat})
    name = name or found.title[:NAME_LENGTH]
    endpoint = _channel(account, name=name, address=address, kind=found.kind, actor=actor, now=now)
    FoundChat.objects.filter(pk=found.pk).update(endpoint=endpoint, updated_at=now)
    return endpoint


@transaction.atomic
def add_chat(*, connection: Connection, name: str, config: dict[str, Any], actor: Actor, now: datetime) -> Endpoint:
    """Make a channel of a chat whose id somebody typed; `config` is what names a chat there.

    Raises InvalidInput for the name, for a chat that has a channel already and for an account that is one chat by
    itself; ConfigRefused naming the setting.
    """
    account = Connection.objects.select_for_update().get(pk=connection.pk)
    adapter = registry.get(account.platform)
    address = adapter.read_address(config)
    return _channel(account, name=name, address=address, kind=adapter.kind, actor=actor, now=now)


def _channel(
    account: Connection, *, name: str, address: dict[str, Any], kind: str, actor: Actor, now: datetime
) -> Endpoint:
    """`account` is locked: two at once make one channel of a chat."""
    known = registry.get(account.platform).capabilities
    if not known.has_many_chats:
        raise InvalidInput(_("An account on this platform is one chat by itself."), field="chat")
    name = text.clean_line(name, field="name", max_length=NAME_LENGTH)
    (identity,) = identities.lock(account.identity)
    refuse_bound_chat(account.platform, identity, address)
    identities.hold(identity, account.platform)
    endpoint = Endpoint.objects.create(
        workspace_id=account.workspace_id,
        connection=account,
        name=name,
        kind=kind,
        address=address,
        identity=identities.identity_of_chat(account.platform, identity, address),
        drops_repeats=known.drops_repeats,
    )
    after = {"name": name, "platform": account.platform, "connection": account.pk}
    audit.record(actor=actor, verb="endpoint.created", target=endpoint, now=now, after=after)
    return endpoint


def _store(account: Connection, chats: Sequence[Chat], *, now: datetime) -> int:
    """Insert or update, each chat once, in one statement; returns how many. What cannot be an id is left out."""
    rows = {row.chat: row for row in _rows(account, chats, now)}
    FoundChat.objects.bulk_create(
        rows.values(),
        batch_size=500,
        update_conflicts=True,
        unique_fields=["workspace", "connection", "chat"],
        update_fields=["title", "kind", "seen_at", "updated_at"],
    )
    return len(rows)


def _rows(account: Connection, chats: Iterable[Chat], now: datetime) -> Iterable[FoundChat]:
    for chat in chats:
        if chat.id and len(chat.id) <= CHAT_LENGTH and chat.id.isprintable():
            yield FoundChat(
                workspace_id=account.workspace_id,
                connection=account,
                chat=chat.id,
                title=_title(chat),
                kind=EndpointKind.PERSON if chat.is_person else EndpointKind.CHAT,
                seen_at=now,
            )


def _title(chat: Chat) -> str:
    """As the platform says it, on one line and without what no database keeps; the id where it has none."""
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in chat.title).split())
    return words[:TITLE_LENGTH] or chat.id
