"""A signed webhook by the Standard Webhooks scheme: any 2xx is an acceptance."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx2

from community_ops.common import net
from messaging.platforms.base import Account, Adapter, Outgoing, Result
from messaging.platforms.http_results import from_failure, from_status
from messaging.platforms.signed_events import SignedEvents
from messaging.platforms.signing import signature, signing_key
from messaging.platforms.webhook.capabilities import CAPABILITIES
from messaging.platforms.webhook.config import SETTINGS

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class WebhookAdapter(Adapter):
    capabilities = CAPABILITIES
    settings = SETTINGS
    identified_by = ("url",)
    names_chat = frozenset({"url"})
    inbound = SignedEvents()

    def read_config(self, config: Mapping[str, Any]) -> Account:
        account = super().read_config(config)
        signing_key(account.secret["secret"])
        return replace(account, config={"hint": httpx2.URL(account.secret["url"]).host})

    def chat_key(self, address: Mapping[str, Any]) -> str | None:
        """One address may take in the messages of many groups: each body says which."""
        return None

    def spelled(self, text: str, *, is_markdown: bool) -> str:
        """The receiver gets the text as it was written, marks and mentions too."""
        return text

    def send(self, message: Outgoing) -> Result:
        """POST the text; `webhook-id` is the delivery's id, the same on each attempt."""
        body = payload(message)
        try:
            answer = net.post(message.secret["url"], body=body, headers=headers(message, body))
        except net.CallFailed as failure:
            return from_failure(failure)
        return from_status(answer)


def payload(message: Outgoing) -> bytes:
    content: dict[str, Any] = {
        "type": "message",
        "delivery": message.delivery_id,
        "announcement": message.announcement_id,
        "group": message.group_id,
        "text": message.text,
        "sent_at": message.sent_at.isoformat().replace("+00:00", "Z"),
    }
    if message.is_markdown:
        content["format"] = "markdown"
    if message.picture is not None:
        content["image_url"] = message.picture.url
    if message.part_count > 1:
        content |= {"part": message.part + 1, "parts": message.part_count}
    return _encoder.encode(content).encode()


def headers(message: Outgoing, body: bytes) -> dict[str, str]:
    """The signature covers id, time (the database's: all workers agree on it) and body."""
    identity, timestamp = message.key, str(int(message.signed_at.timestamp()))
    return {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "community-ops/1",
        "webhook-id": identity,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(signing_key(message.secret["secret"]), identity, timestamp, body),
    }
