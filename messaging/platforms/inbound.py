"""What every platform's way in looks like: who may speak, what is said, and words as no database refuses them."""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from community_ops.common.text import LONGEST_TIMES, without_piled_marks
from messaging.platforms.base import Chat

MAX_NAME, MAX_TEXT, MAX_EXTERNAL_ID = 100, 10_000, 200


class Said(StrEnum):
    """What can be heard of a chat."""

    MESSAGE = "message"
    JOIN = "join"
    LEAVE = "leave"


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """One thing that happened in a chat, as the platform tells it. Ids are the platform's."""

    kind: Said
    external_id: str
    occurred_at: datetime
    author_id: str
    author_name: str = ""
    text: str = ""
    chat: Chat | None = None  # none: the connection is one chat by itself
    chat_alias: str = ""  # another name the chat may be bound by: the public one
    thread: str = ""


@dataclass(frozen=True, slots=True)
class Understood:
    """What one event says: things heard, and a chat that was seen though nothing was said in it."""

    heard: tuple[Heard, ...] = ()
    chat: Chat | None = None


@dataclass(frozen=True, slots=True)
class HookCall:
    """A call as it arrived. `headers`: any case; `at`: the database's time; `query`: what follows the question mark."""

    headers: Mapping[str, str]
    body: bytes
    at: datetime
    query: Mapping[str, str] = field(default_factory=dict)


class CallRefused(Exception):
    """A call is turned away; `reason`: a code of `inbound_policies.REFUSALS`, `detail`: for the caller, no secret."""

    def __init__(self, reason: str, *, status: int = 401, detail: str = "") -> None:
        self.reason, self.status, self.detail = reason, status, detail
        super().__init__(reason)


class NotForUs(Exception):
    """An event that is fine and means nothing here; `reason`: a code of `inbound_policies.REASONS`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class RouteRefused(Exception):
    """The platform would not send its events here, or not say them; the text is for people and holds no secret."""

    def __init__(
        self,
        words: str,
        *,
        retry_after_seconds: float | None = None,
        is_final: bool = False,
        cools_account: bool = False,
    ) -> None:
        self.retry_after_seconds, self.is_final, self.cools_account = retry_after_seconds, is_final, cools_account
        super().__init__(words)


@dataclass(frozen=True, slots=True)
class Found:
    """A message that was asked for: the platform's id and all it says."""

    id: str
    content: dict[str, Any]


class Inbound:
    """Base of the ways in. `is_polled`: we ask; else the platform, or a tool, calls `/hooks/<code>/`.

    A platform with encrypted callbacks (WeCom) checks its query's signature in `authenticate`, decrypts in
    `content_of`, says in `kept` what of it is stored, and has a `greet` for the call that tries the address. Nothing
    here reads the database.
    """

    is_polled: ClassVar[bool] = False
    is_registered: ClassVar[bool] = False  # we tell the platform the address ourselves
    repeats_exactly: ClassVar[bool] = False  # a redelivery has the same bytes: another body under its id is none
    note: ClassVar[Any] = ""  # what an operator should know before she switches it on

    def make_key(self) -> str:
        """A new key for the caller to prove itself by."""
        raise NotImplementedError

    def authenticate(self, call: HookCall, keys: Sequence[str]) -> None:
        """Raises CallRefused unless one of the keys speaks for this call."""
        raise NotImplementedError

    def content_of(self, call: HookCall, keys: Sequence[str]) -> dict[str, Any]:
        """The event of an authentic call. Raises CallRefused for what can never be read."""
        raise NotImplementedError

    def kept(self, call: HookCall, content: Mapping[str, Any]) -> str:
        """What is stored of it: a JSON object. As it came, unless it came in another form."""
        return call.body.decode()

    def greet(self, call: HookCall, keys: Sequence[str]) -> str:
        """The answer to a GET by which a platform tries an address. Raises CallRefused; most platforms do not try."""
        raise CallRefused("only_post", status=405)

    def answer(self, *, is_new: bool) -> tuple[str, str]:
        """Content type and text of the answer to an event that is stored."""
        return "application/json", json.dumps({"stored": is_new})

    def identity(self, call: HookCall, content: Mapping[str, Any]) -> str:
        """The sender's id of this event: the same for a redelivery. Raises CallRefused."""
        raise NotImplementedError

    def interpret(self, content: Mapping[str, Any], identity: str) -> Understood:
        """What it says. Raises NotForUs."""
        raise NotImplementedError

    def register(self, config: Mapping[str, Any], secret: Mapping[str, Any], *, url: str, key: str) -> None:
        """Tell the platform where its events go (`is_registered`). Raises RouteRefused."""

    def deregister(self, config: Mapping[str, Any], secret: Mapping[str, Any]) -> None:
        """Tell the platform that nobody listens any more. Raises RouteRefused."""

    def poll(
        self, config: Mapping[str, Any], secret: Mapping[str, Any], address: Mapping[str, Any], *, after: str
    ) -> tuple[list[Found], bool]:
        """Messages after this one, oldest first, and whether there may be more at once (`is_polled`).

        `after` empty: only the newest one there is, to begin from. Raises RouteRefused.
        """
        raise NotImplementedError


def words(value: object, *, limit: int = MAX_TEXT) -> str:
    """A text of theirs as it can be kept: NFC, without control signs but line ends and tabs, cut at `limit`."""
    text = value[: LONGEST_TIMES * limit] if isinstance(value, str) else ""
    text = without_piled_marks(text.replace("\r\n", "\n").replace("\r", "\n"))
    kept = (sign for sign in text if sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cs"))
    return unicodedata.normalize("NFC", "".join(kept)).strip()[:limit]


def name_of(*parts: object) -> str:
    """A name on one line; empty where there is none."""
    joined = " ".join(words(part, limit=MAX_NAME) for part in parts if part)
    return " ".join("".join(sign if sign.isprintable() else " " for sign in joined).split())[:MAX_NAME]
