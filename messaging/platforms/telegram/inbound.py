"""Updates of the Bot API as events: messages, and who came and went.

Source: https://core.telegram.org/bots/api#update and #setwebhook. Redeliveries have the same `update_id`.
"""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from community_ops.common import net
from messaging.platforms import http_calls
from messaging.platforms.base import Chat
from messaging.platforms.http_results import TEXT_LENGTH, read_object
from messaging.platforms.inbound import (
    CallRefused,
    Heard,
    HookCall,
    Inbound,
    NotForUs,
    RouteRefused,
    Said,
    Understood,
    name_of,
    words,
)
from messaging.platforms.robots import masked
from messaging.platforms.signed_events import read_object as object_in

HEADER = "X-Telegram-Bot-Api-Secret-Token"
UPDATES = ("message", "my_chat_member", "chat_member")
# A message has one of these; without any it tells of something else: a pin, a new title.
_CONTENT = (
    "text", "caption", "photo", "video", "animation", "audio", "voice", "video_note", "document", "sticker", "poll",
    "location", "venue", "contact", "dice", "story", "game", "checklist", "paid_media",
)  # fmt: skip


class TelegramInbound(Inbound):
    is_registered = True
    note = gettext_lazy(
        "In groups the bot hears everything only when its privacy mode is off (@BotFather, /setprivacy) or it is an "
        "administrator. Another program that receives this bot's messages hears nothing any more."
    )

    def make_key(self) -> str:
        return secrets.token_urlsafe(32)

    def authenticate(self, call: HookCall, keys: Sequence[str]) -> None:
        given = call.headers.get(HEADER, "").encode()
        if not given:
            raise CallRefused("missing_headers")
        if not any([hmac.compare_digest(given, key.encode()) for key in keys]):  # noqa: C419 - each is compared
            raise CallRefused("signature")

    def content_of(self, call: HookCall, keys: Sequence[str]) -> dict[str, Any]:
        return object_in(call.body)

    def identity(self, call: HookCall, content: Mapping[str, Any]) -> str:
        number = content.get("update_id")
        if not _is_id(number):
            raise CallRefused("bad_fields", status=400, detail="update_id")
        return str(number)

    def interpret(self, content: Mapping[str, Any], identity: str) -> Understood:
        if "message" in content:
            return _message(_object(content["message"]))
        for kind in ("chat_member", "my_chat_member"):
            if kind in content:
                return _change(_object(content[kind]), is_own=kind == "my_chat_member")
        raise NotForUs("not_meant")

    def register(self, config: Mapping[str, Any], secret: Mapping[str, Any], *, url: str, key: str) -> None:
        _ask(config, secret, "setWebhook", {"url": url, "secret_token": key, "allowed_updates": list(UPDATES)})

    def deregister(self, config: Mapping[str, Any], secret: Mapping[str, Any]) -> None:
        _ask(config, secret, "deleteWebhook", {})


def _message(message: dict[str, Any]) -> Understood:
    chat, at = _chat(message), _moment(message)
    if not _is_id(message.get("message_id")):
        raise NotForUs("bad_fields")
    if _is_id(message.get("migrate_to_chat_id")):
        return Understood(chat=Chat(str(message["migrate_to_chat_id"]), chat.title))
    came, went = message.get("new_chat_members"), message.get("left_chat_member")
    if isinstance(came, list):
        return Understood(
            tuple(_moved(message, _object(one), chat, at, Said.JOIN) for one in came if _is_person(one)), chat
        )
    if went is not None:
        return Understood((_moved(message, _object(went), chat, at, Said.LEAVE),) if _is_person(went) else (), chat)
    if not any(key in message for key in _CONTENT):
        raise NotForUs("not_meant")
    author = _object(message.get("from"))
    if not _is_person(author) or "sender_chat" in message:  # an anonymous administrator or a channel is nobody
        raise NotForUs("bot")
    heard = Heard(
        kind=Said.MESSAGE,
        external_id=f"telegram:{chat.id}:{message.get('message_id')}",
        occurred_at=at,
        text=words(message.get("text") or message.get("caption")),
        **_who(author),
        **_where(message, chat),
    )
    return Understood((heard,), chat)


def _change(change: dict[str, Any], *, is_own: bool) -> Understood:
    """Somebody's state in a chat changed; a join that the chat also told of has the same id."""
    chat, at = _chat(change), _moment(change)
    was, person = (_object(change.get(key)) for key in ("old_chat_member", "new_chat_member"))
    if is_own:
        return Understood(chat=chat if _is_in(person) else None)
    user = _object(person.get("user"))
    if _is_in(was) == _is_in(person) or not _is_person(user):
        raise NotForUs("not_meant")
    return Understood((_moved(change, user, chat, at, Said.JOIN if _is_in(person) else Said.LEAVE),), chat)


def _moved(about: dict[str, Any], user: dict[str, Any], chat: Chat, at: datetime, kind: Said) -> Heard:
    external_id = f"telegram:{chat.id}:{kind}:{user.get('id')}:{int(at.timestamp())}"
    return Heard(kind=kind, external_id=external_id, occurred_at=at, **_who(user), **_where({}, chat, about))


def _who(user: Mapping[str, Any]) -> dict[str, Any]:
    name = name_of(user.get("first_name"), user.get("last_name")) or name_of(user.get("username"))
    return {"author_id": f"telegram:{user['id']}", "author_name": name}


def _where(message: Mapping[str, Any], chat: Chat, about: Mapping[str, Any] | None = None) -> dict[str, Any]:
    username = _object((about or message).get("chat")).get("username")
    thread = message.get("message_thread_id") if message.get("is_topic_message") else None
    return {
        "chat": chat,
        "chat_alias": f"@{username}" if isinstance(username, str) and username else "",
        "thread": str(thread) if isinstance(thread, int) else "",
    }


def _chat(about: Mapping[str, Any]) -> Chat:
    chat = _object(about.get("chat"))
    if not _is_id(chat.get("id")):
        raise NotForUs("bad_fields")
    title = name_of(chat.get("title"), chat.get("first_name"), chat.get("last_name")) or name_of(chat.get("username"))
    return Chat(str(chat["id"]), title or str(chat["id"]), is_person=chat.get("type") == "private")


def _moment(about: Mapping[str, Any]) -> datetime:
    seconds = about.get("date")
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 946_684_800 <= seconds < 7_258_118_400:
        raise NotForUs("bad_fields")
    return datetime.fromtimestamp(seconds, UTC)


def _is_person(user: object) -> bool:
    return isinstance(user, dict) and _is_id(user.get("id")) and user.get("is_bot") is not True


def _is_id(value: object) -> bool:
    """Ids of Telegram have at most 52 bits; what a column cannot hold is none."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _is_in(member: Mapping[str, Any]) -> bool:
    status = member.get("status")
    return status in ("creator", "administrator", "member") or (
        status == "restricted" and member.get("is_member") is True
    )


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _ask(config: Mapping[str, Any], secret: Mapping[str, Any], method: str, content: Mapping[str, Any]) -> None:
    try:
        answer = http_calls.post_json(f"{config['base_url']}/bot{secret['token']}/{method}", content)
    except net.CallFailed as failure:
        raise RouteRefused(masked(str(failure), [secret["token"]])) from None
    said = read_object(answer) or {}
    if said.get("ok") is not True:
        told = masked(str(said.get("description") or f"HTTP {answer.status}"), [secret["token"]])[:TEXT_LENGTH]
        raise RouteRefused(_("The platform says: %(words)s") % {"words": told})
