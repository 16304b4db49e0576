"""Rules of delivery: sizes, delays, transitions, words of reasons. No database, no clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from messaging.models import DeliveryState, Platform
from messaging.platforms.base import Capabilities, Outcome, Result
from messaging.platforms.sandbox import capabilities as sandbox
from messaging.platforms.webhook import capabilities as webhook
from messaging.platforms.wecom_robot import capabilities as wecom_robot

DELIVER_TASK = "messaging.tasks.deliver_due"

ATTEMPT_LIMIT = 7
RETRY_DELAYS_SECONDS = (2, 5, 15, 45, 120, 300)  # after the first, second … refusal that may pass

CAPABILITIES: dict[str, Capabilities] = {
    Platform.SANDBOX: sandbox.CAPABILITIES,
    Platform.WEBHOOK: webhook.CAPABILITIES,
    Platform.WECOM_ROBOT: wecom_robot.CAPABILITIES,
}

# What may become of a stored state. `accepted` and beyond never go back; a person's word ends `unknown`.
TRANSITIONS: dict[str, frozenset[str]] = {
    DeliveryState.PLANNED: frozenset({"sending", "waiting", "failed", "expired", "cancelled"}),
    DeliveryState.SENDING: frozenset({"accepted", "planned", "failed", "expired", "unknown"}),
    DeliveryState.ACCEPTED: frozenset({"confirmed"}),
    DeliveryState.WAITING: frozenset({"confirmed", "failed", "expired", "cancelled"}),
    DeliveryState.UNKNOWN: frozenset({"confirmed", "failed", "planned"}),
    DeliveryState.FAILED: frozenset({"planned"}),
    DeliveryState.CONFIRMED: frozenset(),
    DeliveryState.EXPIRED: frozenset(),
    DeliveryState.CANCELLED: frozenset(),
}


def text_limit_bytes(platform: str) -> int:
    """The most bytes of UTF-8 one text may have there."""
    return CAPABILITIES[platform].text_limit_bytes


def size_problem(platform: str, text: str) -> str | None:
    """Say why the text is too large for the platform, or None. Counted in bytes, as platforms do."""
    size, limit = len(text.encode()), text_limit_bytes(platform)
    if size <= limit:
        return None
    message = _("The text has %(size)d bytes; %(platform)s takes %(limit)d.")
    return message % {"size": size, "platform": Platform(platform).label, "limit": limit}


def retry_delay(attempt_count: int, retry_after_seconds: float | None) -> timedelta:
    """How long to wait after attempt number `attempt_count` (from 1), never less than the platform asks for."""
    own = RETRY_DELAYS_SECONDS[min(attempt_count, len(RETRY_DELAYS_SECONDS)) - 1]
    return timedelta(seconds=min(max(own, retry_after_seconds or 0), 3600))


def shown_state(state: str, due_at: datetime, now: datetime) -> str:
    """The state people and tools see: `planned` whose time has come is `due`."""
    return "due" if state == DeliveryState.PLANNED and due_at <= now else state


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a delivery after a call; `next_try_at` only when it is planned again."""

    state: DeliveryState
    reason: str = ""
    next_try_at: datetime | None = None


def after_call(
    result: Result, *, number: int, limit: int, latest_at: datetime | None, drops_repeats: bool, now: datetime
) -> Next:
    """Decide by the platform's answer to call `number` (from 1); `limit` is the last call allowed.

    In doubt is `unknown`, never repeated by itself, unless the receiver promises to drop repeats.
    Source: reliability.md sections 1 and 2.
    """
    if result.outcome is Outcome.ACCEPTED:
        return Next(DeliveryState.ACCEPTED)
    if result.outcome is Outcome.REFUSED:
        return Next(DeliveryState.FAILED, "refused")
    if result.outcome is Outcome.IN_DOUBT and not drops_repeats:
        return Next(DeliveryState.UNKNOWN, "no_answer")
    if result.max_attempts is not None:
        limit = min(limit, limit - ATTEMPT_LIMIT + result.max_attempts)
    return _later(result.retry_after_seconds, number=number, limit=limit, latest_at=latest_at, now=now)


def after_lost_call(*, number: int, limit: int, latest_at: datetime | None, drops_repeats: bool, now: datetime) -> Next:
    """Decide when the worker ended before the answer was recorded."""
    if not drops_repeats:
        return Next(DeliveryState.UNKNOWN, "worker_lost")
    return _later(None, number=number, limit=limit, latest_at=latest_at, now=now)


def _later(
    retry_after_seconds: float | None, *, number: int, limit: int, latest_at: datetime | None, now: datetime
) -> Next:
    if number >= limit:
        return Next(DeliveryState.FAILED, "gave_up")
    wait = retry_delay(number - (limit - ATTEMPT_LIMIT) if limit > ATTEMPT_LIMIT else number, retry_after_seconds)
    if latest_at is not None and now + wait > latest_at:
        return Next(DeliveryState.EXPIRED, "too_late")
    return Next(DeliveryState.PLANNED, "retrying", now + wait)
