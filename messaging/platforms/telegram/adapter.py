"""The Telegram Bot API: `ok` in the body says yes or no, `error_code` and `description` say why."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from community_ops.common import net
from messaging import markup
from messaging.platforms import http_calls
from messaging.platforms.base import (
    Account,
    Adapter,
    Chat,
    ChatsUnknown,
    Content,
    Outcome,
    Outgoing,
    Part,
    Picture,
    Result,
    Scope,
)
from messaging.platforms.http_results import (
    TEXT_LENGTH,
    Passing,
    from_failure,
    from_status,
    later,
    outcome_of,
    read_object,
    wish_of,
)
from messaging.platforms.robots import without
from messaging.platforms.settings_reading import checked_base_url, hint_of
from messaging.platforms.telegram.capabilities import CAPABILITIES, CAPTION
from messaging.platforms.telegram.config import HOSTS, SETTINGS
from messaging.platforms.telegram.dialect import TELEGRAM_HTML, visible
from messaging.platforms.telegram.inbound import TelegramInbound

TOO_FAST, CONFLICT = 429, 409
BAD_TOKEN = (401, 404)  # taken back, or none at all; 403 is about a chat
TOO_FAST_SECONDS = 5.0  # where it does not say how long
LONGEST_CHAT_WINDOW_SECONDS = 60  # the limits of one chat are counted in a second and in a minute
UPDATE_COUNTS = (100, 50, 20, 5)  # asked for at once; fewer where the answer is too long to be read
_GONE = ("left", "kicked")


class TelegramAdapter(Adapter):
    capabilities = CAPABILITIES
    settings = SETTINGS
    identified_by = ("token",)
    inbound = TelegramInbound()
    dialect = TELEGRAM_HTML
    plain_dialect = TELEGRAM_HTML

    def read_config(self, config: Mapping[str, Any]) -> Account:
        account = super().read_config(config)
        base_url = checked_base_url(account.config["base_url"], HOSTS)
        return replace(account, config={"hint": hint_of(account.secret["token"]), "base_url": base_url})

    def account_key(self, config: Mapping[str, Any], secret: Mapping[str, Any]) -> tuple[str, ...]:
        """The bot's number, with which its token begins: a new token is the same bot."""
        return tuple(token.partition(":")[0] for token in super().account_key(config, secret))

    def spelled(self, text: str, *, is_markdown: bool) -> str:
        """HTML where there is something to mark; else the text itself, which nobody reads for marks."""
        return super().spelled(text, is_markdown=is_markdown) if _is_html(text, is_markdown) else text

    def size_of(self, text: str, *, is_markdown: bool) -> int:
        """Tags and addresses behind words do not count."""
        spelled = self.spelled(text, is_markdown=is_markdown)
        return CAPABILITIES.text.measure(visible(spelled) if _is_html(text, is_markdown) else spelled)

    def parts(self, content: Content) -> tuple[Part, ...]:
        """One call where the text fits under the image, counted as Telegram counts."""
        size = self.size_of(content.text, is_markdown=content.is_markdown)
        if content.has_image and size <= CAPTION.limit:
            return (Part(content.text, has_image=True),)
        return super().parts(content)

    def send(self, message: Outgoing) -> Result:
        return without(self._sent(message), [message.secret["token"]])

    def _sent(self, message: Outgoing) -> Result:
        url = _method_url(message.config, message.secret)
        fields = _chat(message.address)
        try:
            if message.picture is None:
                return _judged(http_calls.post_json(f"{url}/sendMessage", fields | self._words(message, "text")))
            words = self._words(message, "caption") if message.text else {}
            texts = {key: str(value) for key, value in (fields | words).items()}
            method, field = ("sendDocument", "document") if message.picture.is_file else ("sendPhoto", "photo")
            return _judged(http_calls.post_files(f"{url}/{method}", texts, {field: _file(message.picture)}))
        except net.CallFailed as failure:
            return from_failure(failure)

    def _words(self, message: Outgoing, field: str) -> dict[str, Any]:
        words = {field: self.spelled(message.text, is_markdown=message.is_markdown)}
        return words | ({"parse_mode": "HTML"} if _is_html(message.text, message.is_markdown) else {})

    def list_chats(self, config: dict[str, Any], secret: dict[str, Any]) -> Sequence[Chat]:
        """The chats of what the bot was told in the last 24 hours. Nothing is taken from whoever reads it too."""
        url = f"{_method_url(config, secret)}/getUpdates?timeout=0&limit="
        for count in UPDATE_COUNTS:
            try:
                answer = http_calls.get(f"{url}{count}")
            except net.CallFailed as failure:
                raise ChatsUnknown(str(failure)) from None
            if answer.is_complete:
                return _chats_of(_updates(answer))
        raise ChatsUnknown(_("The answer is too long to be read. Enter the chat ID by hand."))


def _method_url(config: Mapping[str, Any], secret: Mapping[str, Any]) -> str:
    return f"{config['base_url']}/bot{secret['token']}"


def _is_html(text: str, is_markdown: bool) -> bool:
    return is_markdown or bool(markup.mentions(text, is_markdown=False))


def _chat(address: Mapping[str, Any]) -> dict[str, Any]:
    thread = {"message_thread_id": int(address["thread"])} if address.get("thread") else {}
    return {"chat_id": address["chat"], **thread}


def _file(picture: Picture) -> tuple[str, bytes, str]:
    return f"image.{picture.content_type.partition('/')[2]}", picture.data, picture.content_type


def _judged(answer: net.Answer) -> Result:
    content = read_object(answer)
    if content is not None and content.get("ok") is True:
        message_id = _object(content.get("result")).get("message_id", "")
        return Result(Outcome.ACCEPTED, "ok", "", answer.status, message_id=str(message_id))
    code = content.get("error_code") if content is not None else None
    if content is None or not isinstance(code, int):
        if 200 <= answer.status < 300:
            return Result(Outcome.IN_DOUBT, "unreadable", "the answer says neither yes nor no", answer.status)
        return from_status(answer)
    return _refused(answer, code, str(content.get("description", "")), _object(content.get("parameters")))


def _refused(answer: net.Answer, code: int, words: str, parameters: Mapping[str, Any]) -> Result:
    if code == TOO_FAST:
        return _too_fast(answer, words, parameters.get("retry_after"))
    outcome = outcome_of(code) if code >= 500 else Outcome.REFUSED
    new_chat = parameters.get("migrate_to_chat_id")
    if new_chat is not None:
        words = _("The group has become a supergroup. Enter its new chat ID: %(id)s") % {"id": new_chat} + f" ({words})"
    return Result(outcome, str(code), words[:TEXT_LENGTH], answer.status, refuses_key=code in BAD_TOKEN)


def _too_fast(answer: net.Answer, words: str, wish: object) -> Result:
    """Telegram does not say whose limit it was: a wait that a chat's own limits can explain is the chat's."""
    seconds = wish_of(wish) or TOO_FAST_SECONDS
    cools = Scope.ENDPOINT if seconds <= LONGEST_CHAT_WINDOW_SECONDS else Scope.CONNECTION
    rule = Passing(seconds, is_too_fast=True, cools=cools)
    return later(rule, code=str(TOO_FAST), text=words[:TEXT_LENGTH], answer=answer)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


# --- chats ---------------------------------------------------------------------------------------------


def _updates(answer: net.Answer) -> list[dict[str, Any]]:
    content = read_object(answer) or {}
    updates = content.get("result")
    if content.get("ok") is True and isinstance(updates, list):
        return [one for one in updates if isinstance(one, dict)]
    if content.get("error_code") == CONFLICT:
        raise ChatsUnknown(_("Another program receives this bot's messages. Enter the chat ID by hand."))
    words = str(content.get("description") or f"HTTP {answer.status}")[:TEXT_LENGTH]
    raise ChatsUnknown(_("The platform says: %(words)s") % {"words": words})


def _chats_of(updates: Iterable[dict[str, Any]]) -> list[Chat]:
    """Each chat once, as it was seen last; without those the bot has left."""
    found: dict[str, Chat] = {}
    for kind, event in (pair for update in updates for pair in update.items()):
        about = _object(_object(event).get("message", event) if kind == "callback_query" else event)
        chat = _object(about.get("chat"))
        if not isinstance(chat.get("id"), int):
            continue
        found.pop(str(chat["id"]), None)
        if not _is_gone(kind, about):
            found[str(chat["id"])] = _chat_of(chat)
    return list(found.values())


def _is_gone(kind: str, event: Mapping[str, Any]) -> bool:
    status = _object(event.get("new_chat_member")).get("status")
    return "migrate_to_chat_id" in event or (kind == "my_chat_member" and status in _GONE)


def _chat_of(chat: Mapping[str, Any]) -> Chat:
    names = [str(chat[key]) for key in ("title", "first_name", "last_name") if chat.get(key)]
    title = " ".join(names) or str(chat.get("username") or chat["id"])
    return Chat(str(chat["id"]), title[:200], is_person=chat.get("type") == "private")
