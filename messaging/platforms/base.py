"""What every platform's adapter looks like."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol


class Scope(StrEnum):
    """What is counted together."""

    CONNECTION = "connection"  # a platform account: one robot
    ENDPOINT = "endpoint"  # one chat
    WORKSPACE = "workspace"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` calls in any `seconds` seconds, on the receiver's clock."""

    count: int
    seconds: int
    scope: Scope = Scope.CONNECTION


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a platform can do, as its own documentation says; `source` and `checked_on` say where and when."""

    text_limit_bytes: int
    can_post: bool = True
    can_mention: bool = False
    can_read: bool = False
    can_kick: bool = False
    can_mute: bool = False
    can_recall: bool = False
    drops_repeats: bool = False  # ignores a delivery it has seen
    limits: tuple[Limit, ...] = ()  # kept by messaging.services.limits
    limits_note: str = ""  # what a count and a window cannot say
    source: str = ""
    checked_on: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A platform's settings, checked and sorted: what people may see, what nobody may, and which chat."""

    config: dict[str, Any] = field(default_factory=dict)
    secret: dict[str, Any] = field(default_factory=dict)
    address: dict[str, Any] = field(default_factory=dict)
    drops_repeats: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """One message ready to go, with everything the call needs: adapters read no delivery rows."""

    workspace_id: int
    delivery_id: int
    endpoint_id: int
    announcement_id: int | None
    group_id: int | None
    text: str
    sent_at: datetime
    signed_at: datetime  # the database's time, which signatures use
    config: dict[str, Any]
    secret: dict[str, Any]
    address: dict[str, Any]


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    RETRY = "retry"  # refused for now, nothing was accepted
    REFUSED = "refused"  # refused for good
    IN_DOUBT = "in_doubt"  # may have been accepted


@dataclass(frozen=True, slots=True)
class Result:
    """What the platform said. `code` and `text` are its own words, `retry_after_seconds` its own wish.

    `max_attempts`: the platform's rule for this code, when it allows fewer tries than ours.
    `is_too_fast`: refused because of the pace alone: it costs no try, and all of the account waits.
    """

    outcome: Outcome
    code: str = ""
    text: str = ""
    http_status: int | None = None
    retry_after_seconds: float | None = None
    message_id: str = ""
    max_attempts: int | None = None
    is_too_fast: bool = False


class Adapter(Protocol):
    """A platform. `send` may take up to 5 s, is called outside any transaction, and never raises for
    what the platform or the network does."""

    capabilities: Capabilities

    def read_config(self, config: dict[str, Any]) -> Account:
        """Check and sort what a person or tool gave. Raises messaging.errors.ConfigRefused."""

    def send(self, message: Outgoing) -> Result:
        """Post one text."""
