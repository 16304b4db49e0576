"""A Discord bot over REST: the status decides, after a rate limit and one code of the body."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from community_ops.common import net
from messaging import markup
from messaging.platforms import http_calls
from messaging.platforms.base import Account, Adapter, Chat, ChatsUnknown, Outcome, Outgoing, Picture, Result, Scope
from messaging.platforms.discord.capabilities import CAPABILITIES
from messaging.platforms.discord.config import HOSTS, SETTINGS, headers
from messaging.platforms.discord.dialect import MARKDOWN, PLAIN, USER
from messaging.platforms.discord.inbound import DiscordInbound
from messaging.platforms.http_results import (
    TEXT_LENGTH,
    TOO_MANY_REQUESTS,
    Passing,
    from_failure,
    from_status,
    later,
    read_object,
    retry_after,
    wish_of,
)
from messaging.platforms.robots import without
from messaging.platforms.settings_reading import checked_base_url, hint_of

PASSING = {"130000": Passing(10.0)}  # "API resource is currently overloaded"
TOO_FAST_SECONDS = 5.0  # where it does not say how long
UNAUTHORIZED = 401
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
MOST_MENTIONS = 100  # that allowed_mentions takes
GUILDS_A_PAGE = 25  # 64 KB hold twice as many
MOST_GUILDS = 50  # each costs a call
_TEXT_CHANNELS = (0, 5)  # text, announcements


class DiscordAdapter(Adapter):
    capabilities = CAPABILITIES
    settings = SETTINGS
    identified_by = ("token",)
    inbound = DiscordInbound()
    dialect = MARKDOWN
    plain_dialect = PLAIN

    def read_config(self, config: Mapping[str, Any]) -> Account:
        account = super().read_config(config)
        base_url = checked_base_url(account.config["base_url"], HOSTS)
        return replace(account, config={"hint": hint_of(account.secret["token"]), "base_url": base_url})

    def account_key(self, config: Mapping[str, Any], secret: Mapping[str, Any]) -> tuple[str, ...]:
        """The bot's number, with which its token begins: a new token is the same bot."""
        return tuple(token.partition(".")[0] for token in super().account_key(config, secret))

    def send(self, message: Outgoing) -> Result:
        return without(self._sent(message), [message.secret["token"]])

    def _sent(self, message: Outgoing) -> Result:
        """For a few minutes the same `nonce` again is the same message."""
        url = f"{message.config['base_url']}/api/v10/channels/{message.address['chat']}/messages"
        content, named = self._content(message), headers(message.secret)
        try:
            if message.picture is None:
                return _judged(http_calls.post_json(url, content, headers=named))
            fields = {"payload_json": http_calls.json_body(content).decode()}
            files = {"files[0]": _file(message.picture)}
            return _judged(http_calls.post_files(url, fields, files, headers=named))
        except net.CallFailed as failure:
            return from_failure(failure)

    def _content(self, message: Outgoing) -> dict[str, Any]:
        return {
            "content": self.spelled(message.text, is_markdown=message.is_markdown),
            "nonce": message.key,
            "enforce_nonce": True,
            "allowed_mentions": _allowed_mentions(message.text, is_markdown=message.is_markdown),
        }

    def list_chats(self, config: dict[str, Any], secret: dict[str, Any]) -> Sequence[Chat]:
        """The text and announcement channels of the servers the bot was added to, whether it may write there or not."""
        url = f"{config['base_url']}/api/v10"
        guilds = _guilds(url, secret)
        return [chat for guild in guilds for chat in _channels(url, secret, guild)]


def _allowed_mentions(text: str, *, is_markdown: bool) -> dict[str, Any]:
    """Whom this message may ping: those that its text mentions, whatever else stands in it."""
    targets = markup.mentions(text, is_markdown=is_markdown)
    users = [target for target in targets if USER.fullmatch(target)]
    return {"parse": ["everyone"] if markup.EVERYBODY in targets else [], "users": users[:MOST_MENTIONS]}


def _file(picture: Picture) -> tuple[str, bytes, str]:
    return f"image.{picture.content_type.partition('/')[2]}", picture.data, picture.content_type


def _judged(answer: net.Answer) -> Result:
    content = read_object(answer)
    said = content or {}
    words, number = str(said.get("message", ""))[:TEXT_LENGTH], said.get("code")
    code = str(number if isinstance(number, int) and number else answer.status)
    if answer.status == TOO_MANY_REQUESTS:
        return _too_fast(answer, said, words)
    if 200 <= answer.status < 300:
        return _accepted(answer, content)
    if (rule := PASSING.get(code)) is not None:
        return later(rule, code=code, text=words, answer=answer)
    result = from_status(answer)
    is_of_chat = answer.status != UNAUTHORIZED and code != str(answer.status)  # one of Discord's own codes
    return replace(result, code=code, text=words or result.text, refuses_key=result.refuses_key and not is_of_chat)


def _accepted(answer: net.Answer, content: Mapping[str, Any] | None) -> Result:
    if content is None or not isinstance(content.get("id"), str):
        return Result(Outcome.IN_DOUBT, "unreadable", "the answer is no message", answer.status)
    return Result(
        Outcome.ACCEPTED,
        str(answer.status),
        "",
        answer.status,
        message_id=content["id"],
        cools=Scope.ENDPOINT,
        pause_seconds=_pause(answer.headers),
    )


def _pause(headers: Mapping[str, str]) -> float | None:
    """How long this channel's bucket is empty, where this call was the last it had room for."""
    seconds = headers.get("x-ratelimit-reset-after", "")
    is_empty = headers.get("x-ratelimit-remaining") == "0" and _SECONDS.fullmatch(seconds)
    return wish_of(float(seconds)) if is_empty else None


def _too_fast(answer: net.Answer, said: Mapping[str, Any], words: str) -> Result:
    seconds = wish_of(said.get("retry_after")) or retry_after(answer.headers)
    rule = Passing(TOO_FAST_SECONDS, is_too_fast=True, cools=_cools(answer.headers, is_global=said.get("global")))
    return later(rule, code=str(TOO_MANY_REQUESTS), text=words, answer=answer, seconds=seconds)


def _cools(headers: Mapping[str, str], *, is_global: object) -> Scope:
    """A route's bucket is counted for each channel by itself; everything else is the whole bot's."""
    scope = headers.get("x-ratelimit-scope", "")
    is_of_channel = scope == "shared" or (scope == "user" and "x-ratelimit-bucket" in headers)
    return Scope.ENDPOINT if is_of_channel and is_global is not True else Scope.CONNECTION


# --- chats ---------------------------------------------------------------------------------------------


def _guilds(url: str, secret: Mapping[str, Any]) -> list[dict[str, Any]]:
    guilds: list[dict[str, Any]] = []
    while len(guilds) <= MOST_GUILDS:
        after = f"&after={guilds[-1]['id']}" if guilds else ""
        page = _listed(f"{url}/users/@me/guilds?limit={GUILDS_A_PAGE}{after}", secret)
        guilds += page
        if len(page) < GUILDS_A_PAGE:
            return guilds
    words = _("The bot is in more than %(count)d servers. Enter the channel ID by hand.")
    raise ChatsUnknown(words % {"count": MOST_GUILDS})


def _channels(url: str, secret: Mapping[str, Any], guild: Mapping[str, Any]) -> list[Chat]:
    channels = _listed(f"{url}/guilds/{guild['id']}/channels", secret)
    server = str(guild.get("name") or guild["id"])
    return [
        Chat(one["id"], f"{server} · #{one.get('name', '')}"[:200])
        for one in channels
        if one.get("type") in _TEXT_CHANNELS
    ]


def _listed(url: str, secret: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A list of objects that have an id. Raises ChatsUnknown."""
    try:
        answer = http_calls.get(url, headers=headers(secret))
    except net.CallFailed as failure:
        raise ChatsUnknown(str(failure)) from None
    if not answer.is_complete:
        raise ChatsUnknown(_("A server has more channels than can be read. Enter the channel ID by hand."))
    if answer.status != 200:
        words = str((read_object(answer) or {}).get("message") or f"HTTP {answer.status}")[:TEXT_LENGTH]
        raise ChatsUnknown(_("The platform says: %(words)s") % {"words": words})
    return _objects(answer.body)


def _objects(body: bytes) -> list[dict[str, Any]]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise ChatsUnknown(_("The platform's answer could not be read."))
    return [one for one in found if isinstance(one, dict) and isinstance(one.get("id"), str) and one["id"].isdigit()]
