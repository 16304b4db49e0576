"""The WeCom group robot: HTTP says nothing, `errcode` in the body says all."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from community_ops.common import net
from messaging.markup import EVERYBODY, mentions
from messaging.platforms.base import Account, Adapter, Attachment, Card, Content, Outcome, Outgoing, Part, Result
from messaging.platforms.http_calls import post_files, post_json
from messaging.platforms.http_results import Passing, from_code, from_failure, read_object
from messaging.platforms.robots import mentioned, nothing_sent, set_apart, without
from messaging.platforms.settings_reading import checked_base_url, hint_of
from messaging.platforms.signed_events import SignedEvents
from messaging.platforms.wecom_robot.capabilities import CAPABILITIES, CARD
from messaging.platforms.wecom_robot.config import HOSTS, SETTINGS
from messaging.platforms.wecom_robot.dialect import WecomMarkdown, WecomText

# Every other code but 0 is for good: 93000 (bad key) and its family, 40058, 45002, and what we do not know
# (reliability.md section 2).
PASSING = {
    45009: Passing(10.0, is_too_fast=True),  # more than 20 a minute
    45033: Passing(2.0, is_too_fast=True),  # too many at once
    -1: Passing(2.0, max_attempts=3),  # busy
}
BAD_KEYS = frozenset({93000, 93004, 93008})  # no such robot, stopped, taken out of its group
POINTER = "👆"  # the text of the call to everybody, which cannot be without one


class WecomRobotAdapter(Adapter):
    capabilities = CAPABILITIES
    settings = SETTINGS
    identified_by = ("key",)
    names_chat = frozenset({"key"})
    inbound = SignedEvents()
    dialect = WecomMarkdown()
    plain_dialect = WecomText()

    def read_config(self, config: Mapping[str, Any]) -> Account:
        account = super().read_config(config)
        base_url = checked_base_url(account.config["base_url"], HOSTS)
        return replace(account, config={"hint": hint_of(account.secret["key"]), "base_url": base_url})

    def spelled(self, text: str, *, is_markdown: bool) -> str:
        spelled = super().spelled(text, is_markdown=is_markdown)
        return set_apart(spelled) if is_markdown else spelled

    def parts(self, content: Content) -> tuple[Part, ...]:
        """Markdown cannot mention everybody: a last part with nothing in it calls them, pointing at what stands above.

        Only a text message has `mentioned_list` with `@all` (91770).
        """
        parts = super().parts(content)
        calls_all = content.is_markdown and EVERYBODY in mentions(content.text, is_markdown=True)
        return (*parts, Part()) if calls_all else parts

    def send(self, message: Outgoing) -> Result:
        content = self._content(message)
        result = content if isinstance(content, Result) else _posted(message, content)
        return without(result, [message.secret["key"]])

    def _content(self, message: Outgoing) -> dict[str, Any] | Result:
        """The body of the call; a Result when nothing may or can be sent."""
        if message.attachment is not None:
            return _file(message, message.attachment)
        if message.card is not None:
            return _news(message.card)
        if message.picture is not None:
            return _image(message.picture.data)
        if not message.text and message.part > 0:
            return {"msgtype": "text", "text": {"content": POINTER, "mentioned_list": ["@all"]}}
        spelled = self.spelled(message.text, is_markdown=message.is_markdown)
        if message.is_markdown:
            return {"msgtype": "markdown", "markdown": {"content": spelled}}
        return {"msgtype": "text", "text": {"content": spelled, **_mentions(message.text)}}


def _mentions(text: str) -> dict[str, list[str]]:
    who = mentioned(text, is_markdown=False)
    ids = [*who.ids, *(["@all"] if who.everybody else [])]
    lists = {"mentioned_list": ids, "mentioned_mobile_list": who.phones}
    return {name: people for name, people in lists.items() if people}


def _image(data: bytes) -> dict[str, Any]:
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()  # the platform checks the transfer by it
    return {"msgtype": "image", "image": {"base64": base64.b64encode(data).decode(), "md5": digest}}


def _news(card: Card) -> dict[str, Any] | Result:
    for name, size, text in (("title", CARD.title, card.title), ("text", CARD.text, card.text)):
        if size.measure(text) > size.limit:
            return Result(Outcome.REFUSED, code="card_too_long", text=f"the card's {name} has over {size.limit} bytes")
    article = {"title": card.title, "description": card.text, "url": card.url, "picurl": card.picture_url}
    return {"msgtype": "news", "news": {"articles": [{name: value for name, value in article.items() if value}]}}


def _file(message: Outgoing, file: Attachment) -> dict[str, Any] | Result:
    """Upload the file and name it; until the message is posted nothing was sent."""
    try:
        answer = post_files(
            f"{_address(message, 'upload_media')}&type=file",
            {},
            {"media": (file.file_name, file.data, "application/octet-stream")},
        )
    except net.CallFailed as failure:
        return nothing_sent(from_failure(failure))
    result = _judged(answer)
    media_id = (read_object(answer) or {}).get("media_id")
    if result.outcome is Outcome.ACCEPTED and isinstance(media_id, str) and media_id:
        return {"msgtype": "file", "file": {"media_id": media_id}}
    if result.outcome is Outcome.ACCEPTED:
        result = replace(result, code="unreadable", text="the answer names no file")
    return nothing_sent(result)


def _posted(message: Outgoing, content: dict[str, Any]) -> Result:
    try:
        answer = post_json(_address(message, "send"), content, is_large=message.picture is not None)
    except net.CallFailed as failure:
        return from_failure(failure)
    return _judged(answer)


def _judged(answer: net.Answer) -> Result:
    return from_code(answer, code="errcode", text="errmsg", passing=PASSING, bad_keys=BAD_KEYS)


def _address(message: Outgoing, method: str) -> str:
    return f"{message.config['base_url']}/cgi-bin/webhook/{method}?key={message.secret['key']}"
