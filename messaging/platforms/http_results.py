"""What an answer over HTTP says about a call: by its status, or by the code in its body."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from community_ops.common import dbtime, net
from messaging.platforms.base import Outcome, Result, Scope

RETRY_STATUSES = frozenset({408, 425, 429})
UNAVAILABLE = 503  # "currently unable to handle the request" (RFC 9110): the one 5xx that says nothing was done
TOO_MANY_REQUESTS = 429
KEY_STATUSES = frozenset({401, 403})  # who calls is not known, or may not
TEXT_LENGTH = 200
A_YEAR_SECONDS = 366 * 86_400  # no platform means a longer wait
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Passing:
    """A platform's code that passes by itself: how long to wait, and the most tries it deserves."""

    seconds: float
    max_attempts: int | None = None
    is_too_fast: bool = False
    cools: Scope = Scope.CONNECTION


def outcome_of(status: int) -> Outcome:
    """2xx accepted; 503, 408, 425 and 429 later; any other 5xx in doubt; all else, redirects too, refused for good.

    A 500, 502 or 504 may come after the message was taken: from a gateway that lost its patience, or from a program
    that failed behind it (ADR-0012).
    """
    if 200 <= status < 300:
        return Outcome.ACCEPTED
    if status in RETRY_STATUSES or status == UNAVAILABLE:
        return Outcome.RETRY
    return Outcome.IN_DOUBT if status >= 500 else Outcome.REFUSED


def from_status(answer: net.Answer) -> Result:
    """What the status says, where it says all (`outcome_of`)."""
    outcome = outcome_of(answer.status)
    return Result(
        outcome,
        code=str(answer.status),
        text="" if outcome is Outcome.ACCEPTED else f"HTTP {answer.status}",
        http_status=answer.status,
        retry_after_seconds=retry_after(answer.headers),
        is_too_fast=answer.status == TOO_MANY_REQUESTS,
        refuses_key=answer.status in KEY_STATUSES,
    )


def from_failure(failure: net.CallFailed) -> Result:
    """No answer: refused address for good, no connection later, broken off after sending in doubt."""
    if isinstance(failure, net.AddressRefused):
        return Result(Outcome.REFUSED, code="address_refused", text=str(failure))
    if isinstance(failure, net.NotSent):
        return Result(Outcome.RETRY, code="not_sent", text=str(failure))
    return Result(Outcome.IN_DOUBT, code="no_answer", text=str(failure))


def from_code(
    answer: net.Answer,
    *,
    code: str,
    text: str,
    passing: Mapping[int, Passing],
    bad_keys: frozenset[int] = frozenset(),
) -> Result:
    """The number under `code` in a JSON body decides: 0 accepted, one of `passing` later, every other one never.

    A success without a readable body is in doubt; other statuses speak for themselves, but that one of `passing` under
    a 5xx says that nothing was done. `text`: the platform's words. `bad_keys`: codes that mean the account's key.
    """
    if not 200 <= answer.status < 300:
        return _from_error(answer, code=code, text=text, passing=passing)
    content = read_object(answer)
    if content is None:
        return Result(Outcome.IN_DOUBT, code="unreadable", text="the answer is not JSON", http_status=answer.status)
    number, words = content.get(code), str(content.get(text, ""))[:TEXT_LENGTH]
    if not isinstance(number, int) or isinstance(number, bool):
        return Result(Outcome.IN_DOUBT, code="unreadable", text=f"the answer has no {code}", http_status=answer.status)
    if number == 0:
        return Result(Outcome.ACCEPTED, "0", words, answer.status)
    if (rule := passing.get(number)) is None:
        return Result(Outcome.REFUSED, str(number), words, answer.status, refuses_key=number in bad_keys)
    return later(rule, code=str(number), text=words, answer=answer)


def _from_error(answer: net.Answer, *, code: str, text: str, passing: Mapping[int, Passing]) -> Result:
    """Under a 5xx only those of the platform's codes that are `passing` end the doubt, under 429 and its like they say
    how long to wait; its words are kept anyway. Any other 4xx speaks for itself."""
    if answer.status < 500 and answer.status not in RETRY_STATUSES:
        return from_status(answer)
    content = read_object(answer) or {}
    number, words = content.get(code), str(content.get(text, ""))[:TEXT_LENGTH]
    if not isinstance(number, int) or isinstance(number, bool) or not number:
        return from_status(answer)
    if (rule := passing.get(number)) is not None:
        return later(rule, code=str(number), text=words, answer=answer, seconds=retry_after(answer.headers))
    return replace(from_status(answer), code=str(number), text=words or f"HTTP {answer.status}")


def later(rule: Passing, *, code: str, text: str, answer: net.Answer, seconds: float | None = None) -> Result:
    """Refused for now by one of the platform's own codes; `seconds`: its wish, when it says one."""
    return Result(
        Outcome.RETRY,
        code,
        text,
        answer.status,
        retry_after_seconds=rule.seconds if seconds is None else seconds,
        max_attempts=rule.max_attempts,
        is_too_fast=rule.is_too_fast,
        cools=rule.cools,
    )


def read_object(answer: net.Answer) -> dict[str, Any] | None:
    """The JSON object of a body; None when it is none."""
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a `Retry-After` header, given as such or as a date; nonsense, and a date that is over, is none given.

    A date is read by the sender's own clock where its answer says the time (`Date`), else by the database's.
    """
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return wish_of(float(value))
    if (until := _moment(value)) is None:
        return None
    return wish_of((until - (_moment(headers.get("date", "")) or dbtime.now())).total_seconds())


def wish_of(seconds: object) -> float | None:
    """How long a platform asks to wait; None where that is no number, not ahead of us, or longer than a year."""
    if isinstance(seconds, int | float) and 0 < seconds <= A_YEAR_SECONDS:
        return float(seconds)
    return None


def _moment(text: str) -> datetime | None:
    """An HTTP date (RFC 9110, 5.6.7)."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
