"""A signed webhook by the Standard Webhooks scheme: any 2xx is an acceptance."""

import base64
import hashlib
import hmac
import json
from typing import Any

from community_ops.common import net
from messaging.platforms.base import Account, Outgoing, Result
from messaging.platforms.http_results import from_failure, from_status
from messaging.platforms.webhook.capabilities import CAPABILITIES
from messaging.platforms.webhook.config import read_config, signing_key


class WebhookAdapter:
    capabilities = CAPABILITIES

    def read_config(self, config: dict[str, Any]) -> Account:
        return read_config(config)

    def send(self, message: Outgoing) -> Result:
        """POST the text; `webhook-id` is the delivery's id, the same on each attempt."""
        body = payload(message)
        try:
            answer = net.post(message.secret["url"], body=body, headers=headers(message, body))
        except net.CallFailed as failure:
            return from_failure(failure)
        return from_status(answer)


def payload(message: Outgoing) -> bytes:
    content = {
        "type": "message",
        "delivery": message.delivery_id,
        "announcement": message.announcement_id,
        "group": message.group_id,
        "text": message.text,
        "sent_at": message.sent_at.isoformat().replace("+00:00", "Z"),
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def headers(message: Outgoing, body: bytes) -> dict[str, str]:
    """The signature covers id, time (the database's: all workers agree on it) and body."""
    identity, timestamp = str(message.delivery_id), str(int(message.signed_at.timestamp()))
    return {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "community-ops/1",
        "webhook-id": identity,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(signing_key(message.secret["secret"]), identity, timestamp, body),
    }


def signature(key: bytes, identity: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""
    signed = b".".join((identity.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
