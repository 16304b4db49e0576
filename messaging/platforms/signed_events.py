"""Events of any tool: one JSON object a call, signed by the Standard Webhooks scheme.

Source of the scheme: https://www.standardwebhooks.com, "Signature scheme"; docs/inbound.md is the sender's side.
"""

import base64
import contextlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy

from community_ops.common import text
from community_ops.common.errors import InvalidInput
from messaging.inbound_policies import MAX_ID, is_fresh
from messaging.platforms.base import Chat
from messaging.platforms.inbound import (
    MAX_EXTERNAL_ID,
    MAX_TEXT,
    CallRefused,
    Heard,
    HookCall,
    Inbound,
    NotForUs,
    Said,
    Understood,
    name_of,
    words,
)
from messaging.platforms.signing import PREFIX, signature, signing_key

KEY_BYTES = 32
MAX_CHAT = 128


class SignedEvents(Inbound):
    repeats_exactly = True
    note = gettext_lazy("The platform does not tell us itself: another tool sends what happens in the group.")

    def make_key(self) -> str:
        return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()

    def authenticate(self, call: HookCall, keys: Sequence[str]) -> None:
        """The time first: an old signature is not looked at."""
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        identity, timestamp, given = (call.headers.get(name, "") for name in names)
        if not (identity and timestamp and given):
            raise CallRefused("missing_headers")
        if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
            raise CallRefused("timestamp")
        if not is_fresh(int(timestamp), call.at):
            raise CallRefused("timestamp")
        offered = [one for one in given.split(" ") if one.startswith("v1,")][:5]
        expected = [signature(signing_key(key), identity, timestamp, call.body) for key in keys]
        if not any([hmac.compare_digest(one.encode(), two.encode()) for one in offered for two in expected]):  # noqa: C419 - each is compared
            raise CallRefused("signature")

    def content_of(self, call: HookCall, keys: Sequence[str]) -> dict[str, Any]:
        """An object with fields that can be read; a `kind` that is not known here is none of our business."""
        content = read_object(call.body)
        with contextlib.suppress(NotForUs):
            self.interpret(content, self.identity(call, content))
        return content

    def identity(self, call: HookCall, content: Mapping[str, Any]) -> str:
        identity = call.headers.get("webhook-id", "")
        if len(identity) > MAX_ID or not identity.isprintable():
            raise CallRefused("bad_fields", status=400, detail="webhook-id")
        return identity

    def interpret(self, content: Mapping[str, Any], identity: str) -> Understood:
        kind = _line(content, "kind", 40)
        if kind not in list(Said):
            raise NotForUs("not_meant")
        chat = _line(content, "chat", MAX_CHAT, required=False)
        heard = Heard(
            kind=Said(kind),
            external_id=_line(content, "event_id", MAX_EXTERNAL_ID, required=False) or identity,
            occurred_at=_moment(content.get("occurred_at")),
            author_id=_line(content, "author", MAX_EXTERNAL_ID),
            author_name=name_of(_words(content, "author_name", MAX_TEXT)),
            text=_words(content, "text", MAX_TEXT),
            chat=Chat(chat, name_of(_words(content, "chat_name", MAX_TEXT)) or chat) if chat else None,
        )
        return Understood((heard,))


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. XML of any kind, `NaN` and half emoji are none. Raises CallRefused."""
    try:
        content = json.loads(body.decode(), parse_constant=_no_constant)
        json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise CallRefused("not_json", status=400) from None
    if not isinstance(content, dict):
        raise CallRefused("not_json", status=400)
    return content


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _line(content: Mapping[str, Any], field: str, max_length: int, *, required: bool = True) -> str:
    value = content.get(field)
    if value in (None, "") and not required:
        return ""
    if not isinstance(value, str):
        raise CallRefused("bad_fields", status=400, detail=field)
    try:
        return text.clean_line(value, field=field, max_length=max_length)
    except InvalidInput as refusal:
        raise CallRefused("bad_fields", status=400, detail=f"{field}: {refusal.message}") from None


def _words(content: Mapping[str, Any], field: str, max_length: int) -> str:
    """What people wrote, kept as far as it can be: a sign nobody sees is no reason to lose a message."""
    value = content.get(field) or ""
    if not isinstance(value, str) or len(value) > max_length:
        raise CallRefused("bad_fields", status=400, detail=field)
    return words(value, limit=max_length)


def _moment(value: object) -> datetime:
    try:
        moment = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 2000 <= moment.year <= 2200:
        raise CallRefused("bad_fields", status=400, detail="occurred_at: ISO 8601 with an offset")
    return moment.astimezone(UTC)
