"""Rules of outgoing webhooks: who wants what, when the next try is. No database, no clock."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from messaging.webhook_models import CallState, TryOutcome

CALL_TASK = "messaging.tasks.call_webhooks"
EVERYTHING = "*"
TEST_EVENT = "webhook.test"

# Waits after the first, second … try in vain; the last one is repeated.
RETRY_DELAYS_SECONDS = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800)
JITTER = 0.1  # of a wait, more or less: a receiver that comes back is not met by all calls at once
LONGEST_WISH_SECONDS = 3_600.0  # of a `Retry-After`
TRIED_FOR = timedelta(days=3)
KEPT_FOR = timedelta(days=30)
OLD_KEY_FOR = timedelta(hours=24)
MOST_KEYS = 5  # the present one and those not yet run out
MOST_SUBSCRIPTIONS = 20  # live ones of a workspace: each event is written down once for each


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a call after a try; `at` only when another one follows."""

    state: CallState
    at: datetime | None = None


def wants(events: Iterable[str], name: str) -> bool:
    """Whether a subscription to these events is told of `name`."""
    return any(one in (EVERYTHING, name) for one in events)


def after_try(
    outcome: TryOutcome,
    *,
    number: int,
    first_try_at: datetime,
    now: datetime,
    wish_seconds: float | None = None,
    lot: float = 0.5,
) -> Next:
    """Decide after try `number` (from 1). `wish_seconds`: the receiver's `Retry-After`; `lot`: from 0 to 1, the jitter.

    The last try is made three days after the first one, however long the waits are.
    """
    if outcome is TryOutcome.DONE:
        return Next(CallState.DONE)
    last_at = first_try_at + TRIED_FOR
    if outcome is TryOutcome.GONE or now >= last_at:
        return Next(CallState.GIVEN_UP)
    return Next(CallState.PENDING, min(now + _wait(number, wish_seconds, lot), last_at))


def _wait(number: int, wish_seconds: float | None, lot: float) -> timedelta:
    own = RETRY_DELAYS_SECONDS[min(number, len(RETRY_DELAYS_SECONDS)) - 1]
    jittered = own * (1 - JITTER + 2 * JITTER * lot)
    return timedelta(seconds=max(jittered, min(wish_seconds or 0.0, LONGEST_WISH_SECONDS)))
