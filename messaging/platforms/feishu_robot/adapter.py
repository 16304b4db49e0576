"""The group robot of Feishu and Lark: signed in the body, and `code` in the answer."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from community_ops.common import net
from messaging.platforms.base import Account, Adapter, Outgoing, Result
from messaging.platforms.feishu_robot.capabilities import CAPABILITIES
from messaging.platforms.feishu_robot.config import HOSTS, REGIONS, SETTINGS
from messaging.platforms.feishu_robot.dialect import FeishuCard, FeishuText
from messaging.platforms.http_calls import json_body, post_json
from messaging.platforms.http_results import RETRY_STATUSES, Passing, from_code, from_failure, read_object, retry_after
from messaging.platforms.robots import set_apart, without
from messaging.platforms.settings_reading import checked_base_url, hint_of
from messaging.platforms.signed_events import SignedEvents

# Every other code but 0 is for good: 19021 (signature), 19022 (address), 19024 (keyword), 19001 (no such robot),
# 9499 (bad request), and what we do not know (reliability.md section 2). Sources: docs/platforms/feishu_robot.md.
TOO_FAST = Passing(10.0, is_too_fast=True)
PASSING = {
    11232: TOO_FAST,  # too many, or Feishu is busy
    99991400: TOO_FAST,  # the same, said by its gateway
}
BAD_REQUEST = 9499  # says "Bad Request", or "too many request"
RESET = "x-ogw-ratelimit-reset"  # seconds until its gateway lets the next call through
BAD_KEYS = frozenset({19001, 19021, 19022})  # not 19024: that is a keyword the text has not
_LONGEST_SIGNATURE = {"timestamp": "0" * 10, "sign": "0" * 44}


class FeishuRobotAdapter(Adapter):
    capabilities = CAPABILITIES
    settings = SETTINGS
    identified_by = ("hook", "region")
    names_chat = frozenset({"hook", "region"})
    inbound = SignedEvents()
    dialect = FeishuCard()
    plain_dialect = FeishuText()

    def read_config(self, config: Mapping[str, Any]) -> Account:
        """`base_url` is only kept where it was given: else the region says it, also when it is changed."""
        account = super().read_config(config)
        kept = {"hint": hint_of(account.secret["hook"]), "region": account.config["region"]}
        if given := account.config["base_url"]:
            kept["base_url"] = checked_base_url(given, HOSTS)
        return replace(account, config=kept)

    def spelled(self, text: str, *, is_markdown: bool) -> str:
        spelled = super().spelled(text, is_markdown=is_markdown)
        return set_apart(spelled) if is_markdown else spelled

    def size_of(self, text: str, *, is_markdown: bool) -> int:
        return len(json_body(_LONGEST_SIGNATURE | self._content(text, is_markdown=is_markdown)))

    def send(self, message: Outgoing) -> Result:
        content = _signature(message) | self._content(message.text, is_markdown=message.is_markdown)
        try:
            answer = post_json(_address(message), content)
        except net.CallFailed as failure:
            return from_failure(failure)
        return without(_judged(answer), message.secret.values())

    def _content(self, text: str, *, is_markdown: bool) -> dict[str, Any]:
        spelled = self.spelled(text, is_markdown=is_markdown)
        if not is_markdown:
            return {"msg_type": "text", "content": {"text": spelled}}
        card = {"schema": "2.0", "body": {"elements": [{"tag": "markdown", "content": spelled}]}}
        return {"msg_type": "interactive", "card": card}


def signature(secret: str, timestamp: str) -> str:
    """Base64 of HMAC-SHA256 over nothing; its key is the time in seconds, a new line and the secret."""
    signed = hmac.new(f"{timestamp}\n{secret}".encode(), b"", hashlib.sha256)
    return base64.b64encode(signed.digest()).decode()


def _signature(message: Outgoing) -> dict[str, str]:
    """By the database's time: the platform takes it within an hour of its own."""
    if not (secret := message.secret.get("secret")):
        return {}
    timestamp = str(int(message.signed_at.timestamp()))
    return {"timestamp": timestamp, "sign": signature(secret, timestamp)}


def _address(message: Outgoing) -> str:
    base_url = message.config.get("base_url") or REGIONS[message.config["region"]]
    return f"{base_url}/open-apis/bot/v2/hook/{message.secret['hook']}"


def _judged(answer: net.Answer) -> Result:
    """By the code in the body, under a 4xx too; older answers name it `StatusCode`."""
    content = read_object(answer) or {}
    code, text = ("code", "msg") if "code" in content else ("StatusCode", "StatusMessage")
    is_pace = content.get(code) == BAD_REQUEST and "too many" in str(content.get(text)).lower()
    passing = PASSING | ({BAD_REQUEST: TOO_FAST} if is_pace else {})
    is_refusal = 400 <= answer.status < 500 and answer.status not in RETRY_STATUSES
    if is_refusal and isinstance(content.get(code), int) and content[code]:
        result = from_code(replace(answer, status=200), code=code, text=text, passing=passing, bad_keys=BAD_KEYS)
        result = replace(result, http_status=answer.status)
    else:
        result = from_code(answer, code=code, text=text, passing=passing, bad_keys=BAD_KEYS)
    seconds = retry_after({"retry-after": answer.headers.get(RESET, "")}) if result.is_too_fast else None
    return result if seconds is None else replace(result, retry_after_seconds=seconds)
