"""Signing keys, of a subscription or of what is sent here: the present one, and former ones for another day."""

import base64
import secrets
from datetime import datetime
from typing import Any

from messaging.platforms.signing import PREFIX, signature, signing_key
from messaging.webhook_models import WebhookSubscription
from messaging.webhook_policies import MOST_KEYS, OLD_KEY_FOR

KEY_BYTES = 32  # Standard Webhooks: 24 to 64


def make_key() -> str:
    """A new secret as its receiver is given it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def first_secret(url: str, key: str) -> dict[str, Any]:
    """What a new subscription keeps encrypted."""
    return {"url": url, "keys": [{"key": key, "until": None}]}


def with_new_key(secret: dict[str, Any], key: str, *, now: datetime) -> dict[str, Any]:
    """The same with a new key in front; the former present one ends a day from now."""
    until = (now + OLD_KEY_FOR).isoformat()
    former = [one | {"until": one["until"] or until} for one in valid_keys(secret, now)]
    return secret | {"keys": [{"key": key, "until": None}, *former][:MOST_KEYS]}


def signatures(secret: dict[str, Any], identity: str, timestamp: str, body: bytes, *, now: datetime) -> str:
    """`webhook-signature`: one for each valid key, the present one first, separated by spaces."""
    keys = (signing_key(one["key"]) for one in valid_keys(secret, now))
    return " ".join(signature(key, identity, timestamp, body) for key in keys)


def old_key_until(subscription: WebhookSubscription, *, now: datetime) -> datetime | None:
    """When the last former key runs out; None when only the present one is valid."""
    secret: Any = subscription.secret  # the field decrypts JSON; its type says text
    return former_until(secret, now)


def former_until(secret: dict[str, Any], now: datetime) -> datetime | None:
    """When the last former key of what is kept encrypted runs out."""
    ends = [datetime.fromisoformat(one["until"]) for one in valid_keys(secret, now) if one["until"]]
    return max(ends, default=None)


def valid_keys(secret: dict[str, Any], now: datetime) -> list[dict[str, Any]]:
    """The keys that are good at this moment, the present one first."""
    return [one for one in secret["keys"] if one["until"] is None or datetime.fromisoformat(one["until"]) > now]
