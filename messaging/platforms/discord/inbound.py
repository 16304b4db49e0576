"""What is written in a channel, asked for: Discord tells a bot only over a connection that is kept open.

Source: https://docs.discord.com/developers/resources/message, "Get Channel Messages" and "Message Types".
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from community_ops.common import net
from messaging.platforms import http_calls
from messaging.platforms.base import Chat
from messaging.platforms.discord.config import headers
from messaging.platforms.http_results import TEXT_LENGTH, TOO_MANY_REQUESTS, read_object, retry_after
from messaging.platforms.inbound import (
    Found,
    Heard,
    Inbound,
    NotForUs,
    RouteRefused,
    Said,
    Understood,
    name_of,
    words,
)
from messaging.platforms.robots import masked

MAX_BYTES = 1_000_000  # 4,000 emoji that answer 4,000 emoji are 100 KB
SCOPE = "x-ratelimit-scope"
AT_ONCE = (50, 10, 3, 1)  # messages asked for; fewer where the answer is too long to be read
_SAID, _JOINED = frozenset({0, 19, 20}), 7  # said, an answer, a command's; somebody came to the server
_FINAL = frozenset({401, 403, 404})


class DiscordInbound(Inbound):
    is_polled = True
    note = gettext_lazy(
        "Switch on “Message Content Intent” on the Bot page of the developer portal, else texts arrive empty. Who "
        "joins is seen in the channel where Discord greets newcomers; who leaves is not seen."
    )

    def interpret(self, content: Mapping[str, Any], identity: str) -> Understood:
        kind, author = content.get("type"), content.get("author")
        if not isinstance(kind, int) or (kind not in _SAID and kind != _JOINED):
            raise NotForUs("not_meant")
        if not isinstance(author, dict) or author.get("bot") is True or "webhook_id" in content:
            raise NotForUs("bot")
        moment = _moment(content.get("timestamp"))
        if moment is None or not _is_id(author.get("id")):
            raise NotForUs("bad_fields")
        heard = Heard(
            kind=Said.JOIN if kind == _JOINED else Said.MESSAGE,
            external_id=f"discord:{identity}",
            occurred_at=moment.astimezone(UTC),
            author_id=f"discord:{author['id']}",
            author_name=name_of(author.get("global_name")) or name_of(author.get("username")),
            text="" if kind == _JOINED else words(content.get("content")),
            chat=Chat(str(content.get("channel_id", ""))[:40], ""),
        )
        return Understood((heard,))

    def poll(
        self, config: Mapping[str, Any], secret: Mapping[str, Any], address: Mapping[str, Any], *, after: str
    ) -> tuple[list[Found], bool]:
        url = f"{config['base_url']}/api/v10/channels/{address['chat']}/messages"
        for count in AT_ONCE if after else (1,):
            answer = _asked(f"{url}?limit={count}" + (f"&after={after}" if after else ""), secret)
            if answer.is_complete:
                found = sorted(_messages(answer.body), key=lambda one: int(one.id))
                return found, bool(after) and len(found) == count
        raise RouteRefused(_("A message is longer than can be read."), is_final=True)


def _asked(url: str, secret: Mapping[str, Any]) -> net.Answer:
    try:
        answer = http_calls.get(url, headers=headers(secret), max_bytes=MAX_BYTES)
    except net.CallFailed as failure:
        raise RouteRefused(masked(str(failure), [secret["token"]])) from None
    if answer.status == 200:
        return answer
    said = read_object(answer) or {}
    told = masked(str(said.get("message") or f"HTTP {answer.status}"), [secret["token"]])[:TEXT_LENGTH]
    is_too_fast = answer.status == TOO_MANY_REQUESTS
    wish = said.get("retry_after") if is_too_fast else None
    raise RouteRefused(
        _("The platform says: %(words)s") % {"words": told},
        retry_after_seconds=float(wish) if isinstance(wish, int | float) and wish > 0 else retry_after(answer.headers),
        is_final=answer.status in _FINAL,
        cools_account=is_too_fast and (said.get("global") is True or answer.headers.get(SCOPE) == "global"),
    )


def _messages(body: bytes) -> list[Found]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise RouteRefused(_("The platform's answer could not be read."))
    return [Found(one["id"], one) for one in found if isinstance(one, dict) and _is_id(one.get("id"))]


def _is_id(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20


def _moment(value: object) -> datetime | None:
    try:
        moment = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None and 2000 <= moment.year <= 2200 else None
