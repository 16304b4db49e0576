"""What HTTP says about a call, where a platform has no body of its own to read."""

from collections.abc import Mapping

from community_ops.common import net
from messaging.platforms.base import Outcome, Result

RETRY_STATUSES = frozenset({408, 425, 429})
TOO_MANY_REQUESTS = 429
TEXT_LENGTH = 200


def from_status(answer: net.Answer) -> Result:
    """2xx accepted; 5xx, 408, 425 and 429 later; anything else, redirects too, refused for good."""
    if 200 <= answer.status < 300:
        outcome = Outcome.ACCEPTED
    elif answer.status >= 500 or answer.status in RETRY_STATUSES:
        outcome = Outcome.RETRY
    else:
        outcome = Outcome.REFUSED
    return Result(
        outcome,
        code=str(answer.status),
        text="" if outcome is Outcome.ACCEPTED else f"HTTP {answer.status}",
        http_status=answer.status,
        retry_after_seconds=retry_after(answer.headers),
        is_too_fast=answer.status == TOO_MANY_REQUESTS,
    )


def from_failure(failure: net.CallFailed) -> Result:
    """No answer: refused address for good, no connection later, broken off after sending in doubt."""
    if isinstance(failure, net.AddressRefused):
        return Result(Outcome.REFUSED, code="address_refused", text=str(failure))
    if isinstance(failure, net.NotSent):
        return Result(Outcome.RETRY, code="not_sent", text=str(failure))
    return Result(Outcome.IN_DOUBT, code="no_answer", text=str(failure))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a `Retry-After` header; a date or nonsense counts as none given."""
    value = headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() and len(value) < 7 else None
