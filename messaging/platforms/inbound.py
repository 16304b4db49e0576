"""What every platform's way in looks like: who may speak, what is said, and words as no database refuses them."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

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
    """A call as it arrived. `headers`: any case; `at`: the database's time."""

    headers: Mapping[str, str]
    body: bytes
    at: datetime


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

    def __init__(self, words: str, *, retry_after_seconds: float | None = None, is_final: bool = False) -> None:
        self.retry_after_seconds, self.is_final = retry_after_seconds, is_final
        super().__init__(words)


@dataclass(frozen=True, slots=True)
class Found:
    """A message that was asked for: the platform's id and all it says."""

    id: str
    content: dict[str, Any]


class Inbound:
    """Base of the ways in. `is_polled`: we ask; else the platform, or a tool, calls `/hooks/<code>/`.

    A platform with encrypted callbacks (WeCom) decrypts in `content_of`, after `authenticate`: both see the body as
    it arrived. Nothing here reads the database.
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

    def content_of(self, call: HookCall) -> dict[str, Any]:
        """The event of an authentic call. Raises CallRefused for what can never be read."""
        raise NotImplementedError

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
    text = value if isinstance(value, str) else ""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(sign for sign in text if sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cs")).strip()[
        :limit
    ]


def name_of(*parts: object) -> str:
    """A name on one line; empty where there is none."""
    joined = " ".join(words(part, limit=MAX_NAME) for part in parts if part)
    return " ".join("".join(sign if sign.isprintable() else " " for sign in joined).split())[:MAX_NAME]
