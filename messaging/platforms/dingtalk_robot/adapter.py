"""The DingTalk group robot: a signed address, and `errcode` in the body."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from community_ops.common import net
from messaging import markup
from messaging.platforms.base import Account, Adapter, Content, Outgoing, Part, Result
from messaging.platforms.dingtalk_robot.capabilities import CAPABILITIES
from messaging.platforms.dingtalk_robot.config import HOSTS, SETTINGS
from messaging.platforms.dingtalk_robot.dialect import DingtalkMarkdown, DingtalkText
from messaging.platforms.http_calls import json_body, post_json
from messaging.platforms.http_results import TEXT_LENGTH, Passing, from_code, from_failure, later, retry_after
from messaging.platforms.robots import mentioned, set_apart, without
from messaging.platforms.settings_reading import checked_base_url, hint_of
from messaging.platforms.signed_events import SignedEvents
from messaging.splitting import shortened

BLOCKED_SECONDS = 600.0  # a robot that was too fast hears no one for ten minutes
# Every other code but 0 is for good: 310000 (signature, keyword, address), 400101 (bad token), 430101 and its family
# (contents), and what we do not know (reliability.md section 2).
# Sources: docs/platforms/dingtalk_robot.md.
PASSING = {
    130101: Passing(BLOCKED_SECONDS, is_too_fast=True),
    410100: Passing(BLOCKED_SECONDS, is_too_fast=True),
    -1: Passing(2.0, max_attempts=3),  # busy
}
# Before its API: this address called too often, nothing was done, and nothing will be for five minutes. It is said to
# come as a page, so it is looked for in whatever comes.
ADDRESS_BLOCKED = Passing(300.0, is_too_fast=True)
_BLOCK = re.compile(rb'\{[^{}]*"punish"\s*:\s*"deny"[^{}]*\}')
BAD_KEYS = frozenset({300001, 400101, 400102})  # not 310000: that may be a keyword the text has not
TITLE_LENGTH = 40  # shown in the list of chats only
PICTURE = "🖼"  # the title of an image without words, which cannot be without one
_LINE_END = re.compile(r"(?<=[^\n])\n(?=[^\n])")


class DingtalkRobotAdapter(Adapter):
    capabilities = CAPABILITIES
    settings = SETTINGS
    identified_by = ("access_token",)
    names_chat = frozenset({"access_token"})
    inbound = SignedEvents()
    dialect = DingtalkMarkdown()
    plain_dialect = DingtalkText()

    def read_config(self, config: Mapping[str, Any]) -> Account:
        account = super().read_config(config)
        base_url = checked_base_url(account.config["base_url"], HOSTS)
        return replace(account, config={"hint": hint_of(account.secret["access_token"]), "base_url": base_url})

    def spelled(self, text: str, *, is_markdown: bool) -> str:
        """In markdown a line only ends where two spaces stand before its end."""
        spelled = super().spelled(text, is_markdown=is_markdown)
        return _LINE_END.sub("  \n", set_apart(spelled)) if is_markdown else spelled

    def size_of(self, text: str, *, is_markdown: bool) -> int:
        return len(json_body(self._content(text, is_markdown=is_markdown)))

    def caption_size(self, text: str, *, is_markdown: bool) -> int:
        """The whole body again: the image's address, of up to 2,000 signs, is the rest of the 20,000 bytes."""
        return self.size_of(text, is_markdown=is_markdown)

    def parts(self, content: Content) -> tuple[Part, ...]:
        """An image is a piece of markdown: a text without marks cannot stand beside it."""
        if content.is_markdown or not content.has_image:
            return super().parts(content)
        return (Part(has_image=True), *super().parts(replace(content, has_image=False)))

    def send(self, message: Outgoing) -> Result:
        picture_url = message.picture.url if message.picture is not None else ""
        content = self._content(message.text, is_markdown=message.is_markdown, picture_url=picture_url)
        try:
            answer = post_json(_address(message), content)
        except net.CallFailed as failure:
            return from_failure(failure)
        return without(_judged(answer), message.secret.values())

    def _content(self, text: str, *, is_markdown: bool, picture_url: str = "") -> dict[str, Any]:
        spelled = self.spelled(text, is_markdown=is_markdown)
        if not is_markdown and not picture_url:
            return {"msgtype": "text", "text": {"content": spelled}, **_at(text, is_markdown=False)}
        image = f"![]({picture_url})" if picture_url else ""
        words = "\n\n".join(filter(None, (image, spelled)))
        return {
            "msgtype": "markdown",
            "markdown": {"title": _title(text), "text": words},
            **_at(text, is_markdown=is_markdown),
        }


def signature(secret: str, timestamp: str) -> str:
    """Base64 of HMAC-SHA256 over the time in milliseconds, a new line and the secret."""
    signed = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256)
    return base64.b64encode(signed.digest()).decode()


def _address(message: Outgoing) -> str:
    """Signed with the database's time: the platform takes it within an hour of its own."""
    url = f"{message.config['base_url']}/robot/send?access_token={message.secret['access_token']}"
    if not (secret := message.secret.get("secret")):
        return url
    timestamp = _milliseconds(message.signed_at)
    return f"{url}&timestamp={timestamp}&sign={quote(signature(secret, timestamp), safe='')}"


def _judged(answer: net.Answer) -> Result:
    block = _BLOCK.search(answer.body)
    if block is not None and b'"errcode"' not in block[0]:
        words = " ".join(block[0].decode("utf-8", "replace").split())[:TEXT_LENGTH]
        seconds = retry_after(answer.headers)
        return later(ADDRESS_BLOCKED, code="address_blocked", text=words, answer=answer, seconds=seconds)
    return from_code(answer, code="errcode", text="errmsg", passing=PASSING, bad_keys=BAD_KEYS)


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def _at(text: str, *, is_markdown: bool) -> dict[str, Any]:
    who = mentioned(text, is_markdown=is_markdown)
    people = {"atUserIds": who.ids, "atMobiles": who.phones, "isAtAll": who.everybody}
    return {"at": {name: value for name, value in people.items() if value}} if any(people.values()) else {}


def _title(text: str) -> str:
    """The beginning of the first line, without marks."""
    lines = (line.lstrip(">• ").strip() for line in markup.render(text, is_markdown=True).split("\n"))
    return next((shortened(line, TITLE_LENGTH) for line in lines if line), PICTURE)
