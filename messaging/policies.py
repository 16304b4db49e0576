"""Rules of delivery: sizes, delays, transitions, words of reasons. No database, no clock."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TypeAlias

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from community_ops.common.templatetags.reason_words import IN_DOUBT
from messaging.models import DeliveryState, Platform
from messaging.platforms import registry
from messaging.platforms.base import MAX_PARTS, Content, Outcome, Result, Size, Unit
from messaging.task_policies import LEFT_OUT

Words: TypeAlias = str | Promise
DELIVER_TASK = "messaging.tasks.deliver_due"

ATTEMPT_LIMIT = 7
TOO_FAST_FOR = timedelta(days=1)  # "too fast" costs no try: after so long it is parked all the same
LONGEST_WISH = timedelta(days=1)  # a platform that asks for more is not waited for: it is parked
TOO_FAST_COUNT = 500  # or after so many; the count of tries is a small number in the database
RETRY_DELAYS_SECONDS = (2, 5, 15, 45, 120, 300)  # after the first, second … refusal that may pass

# What may become of a stored state. `accepted` and beyond never go back; a person's word ends `unknown`. Besides these,
# what she ticked or left out by hand is `waiting` again when she takes it back within ten minutes (`services.cards`).
TRANSITIONS: dict[str, frozenset[str]] = {
    DeliveryState.PLANNED: frozenset({"sending", "waiting", "failed", "expired", "cancelled", "unknown"}),
    DeliveryState.SENDING: frozenset({"accepted", "planned", "failed", "expired", "unknown"}),
    DeliveryState.ACCEPTED: frozenset({"confirmed"}),
    DeliveryState.WAITING: frozenset({"confirmed", "failed", "expired", "cancelled"}),
    DeliveryState.UNKNOWN: frozenset({"confirmed", "failed", "planned", "cancelled"}),
    DeliveryState.FAILED: frozenset({"planned"}),
    DeliveryState.CONFIRMED: frozenset(),
    DeliveryState.EXPIRED: frozenset(),
    DeliveryState.CANCELLED: frozenset({"confirmed"}),  # her word that she had posted it before it was called off
}


# Whose messages send rules (quiet hours, holidays, caps) do not hold, and why. The one table; pages show it.
EXEMPTIONS: dict[str, Words] = {
    "payment": gettext_lazy("An answer about an order or a payment somebody is waiting for"),
    "moderation": gettext_lazy("A word of a moderator: what is said late is said to the wrong people"),
    "staff": gettext_lazy("A word to a colleague about her own work, not to a group or member"),
    "running_sale": gettext_lazy("A sale that is on: its groups were told of it beforehand"),
    "by_hand": gettext_lazy(
        "A card on which nobody is written to: a group to open, people to bring in, a QR code, a payment to check"
    ),
    "test": gettext_lazy("A test message: somebody sends it at this moment and waits for what comes of it"),
}
KEY_REFUSED = "key_refused"  # planned, and its account is left alone
KEY_REFUSALS = 5  # answers in a row that refuse an account's key: then it is left alone
KEY_REFUSALS_WITHIN = timedelta(minutes=5)  # of each other, else they are not in a row
FIRST_REST, LONGEST_REST = timedelta(minutes=10), timedelta(hours=6)
# Why a send rule holds a message back; codes of `Delivery.reason`.
QUIET_HOURS, HOLIDAY, CAP = "quiet_hours", "holiday", "cap"
HELD_BACK = (QUIET_HOURS, HOLIDAY, CAP)  # of a cancelled one: a send rule kept it
READ_BY_REASON = (*HELD_BACK, LEFT_OUT)  # of a cancelled one that nobody cancelled: what people read instead
MOST_IN_A_ROW = 100  # rules that follow each other without a gap: then no end is in sight
GAVE_UP, TOO_FAST, LONG_WAIT = "gave_up", "too_fast", "long_wait"
PARKED = (
    GAVE_UP,
    TOO_FAST,
    LONG_WAIT,
)  # of a failed one: it was refused for now until the end, and was not refused for good
AGAIN = "again"  # planned, because a person asked for it
MORE_PARTS = "more_parts"  # planned, and a part of it has gone out
CHAT_CHANGED = "chat_changed"  # of one that has begun: its channel leads to another chat than its beginning went to
PARTLY_SENT = "partly_sent"  # read of one that ended midway: a part of it has gone out, the rest will not


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `from_on` to `until_on` (None: open), both included."""

    from_on: date
    until_on: date | None

    def has(self, day: date) -> bool:
        return self.from_on <= day and (self.until_on is None or day <= self.until_on)


@dataclass(frozen=True, slots=True)
class Quiet:
    """Quiet hours between two wall times; over midnight when `ends` is not later.

    `span`: days on which they begin. Those over midnight hold from the first day's midnight on: whoever makes a rule
    "from today" in the middle of the night means this night too.
    """

    span: Span
    begins: time
    ends: time

    def has(self, local: datetime) -> bool:
        moment, day = local.time(), local.date()
        if self.begins < self.ends:
            return self.begins <= moment < self.ends and self.span.has(day)
        if moment >= self.begins:
            return self.span.has(day)
        return moment < self.ends and (day == self.span.from_on or self.span.has(day - timedelta(days=1)))

    def end_after(self, local: datetime) -> datetime:
        """When the quiet hours end that hold at this wall time."""
        is_tomorrow = self.ends <= self.begins <= local.time()
        return datetime.combine(local.date() + timedelta(days=is_tomorrow), self.ends, local.tzinfo)


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `count` messages of a purpose ("" for all) to one target in `days` days."""

    span: Span
    purpose: str
    count: int
    days: int

    def counts(self, purpose: str, day: date) -> bool:
        """Whether a message of this purpose on this day is under the cap."""
        return self.span.has(day) and self.purpose in ("", purpose)


@dataclass(frozen=True, slots=True)
class SendRules:
    """The rules of a workspace that hold messages back; none of them is there unless somebody made it."""

    quiet: tuple[Quiet, ...] = ()
    holidays: tuple[Span, ...] = ()
    caps: tuple[Cap, ...] = ()

    def held_at(self, local: datetime) -> str:
        """The code of the rule that holds everything back at this wall time of the target, or nothing."""
        if any(quiet.has(local) for quiet in self.quiet):
            return QUIET_HOURS
        return HOLIDAY if any(span.has(local.date()) for span in self.holidays) else ""

    def free_from(self, local: datetime) -> datetime | None:
        """The first wall time from `local` on at which nothing is held back; None where no end of it is in sight."""
        for _rule in range(MOST_IN_A_ROW):
            if not self.held_at(local):
                return local
            holidays = [span.until_on for span in self.holidays if span.has(local.date())]
            days = [day + timedelta(days=1) for day in holidays if day is not None]
            if len(days) < len(holidays):
                return None
            ends = [datetime.combine(day, time.min, local.tzinfo) for day in days]
            local = max(ends + [quiet.end_after(local) for quiet in self.quiet if quiet.has(local)])
        return None

    def caps_on(self, purpose: str, day: date) -> tuple[Cap, ...]:
        return tuple(cap for cap in self.caps if cap.counts(purpose, day))


def text_limit(platform: str, *, is_markdown: bool = False) -> Size:
    """The most that one text may have there, in the platform's own unit."""
    return registry.get(platform).capabilities.size(is_markdown=is_markdown)


def text_size(platform: str, text: str, *, is_markdown: bool = False) -> int:
    """The size of a text as it would go out there, in the platform's own unit."""
    return registry.get(platform).size_of(text, is_markdown=is_markdown)


def size_problem(platform: str, text: str, *, is_markdown: bool = False, may_split: bool = False) -> str | None:
    """Say why the text is too large for the platform, or None. Counted as the platform counts.

    `may_split`: it may go out in several messages, but not in more than ten.
    """
    size, limit = text_size(platform, text, is_markdown=is_markdown), text_limit(platform, is_markdown=is_markdown)
    if size <= limit.limit:
        return None
    facts = {"size": size, "platform": Platform(platform).label, "limit": limit.limit, "most": MAX_PARTS}
    if not may_split:
        return _too_large(limit.unit) % facts
    count = len(registry.get(platform).parts(Content(text=text, is_markdown=is_markdown)))
    if count <= MAX_PARTS:
        return None
    return _("The text would be cut into %(count)d messages for %(platform)s; at most %(most)d are sent.") % (
        facts | {"count": count}
    )


def _too_large(unit: Unit) -> str:
    if unit is Unit.BYTES:
        return _("The text has %(size)d bytes; %(platform)s takes %(limit)d.")
    return _("The text has %(size)d characters; %(platform)s takes %(limit)d.")


def retry_delay(attempt_count: int, retry_after_seconds: float | None) -> timedelta:
    """How long to wait after attempt number `attempt_count` (from 1), never less than the platform asks for."""
    own = RETRY_DELAYS_SECONDS[min(attempt_count, len(RETRY_DELAYS_SECONDS)) - 1]
    return timedelta(seconds=max(own, retry_after_seconds or 0))


def rest_after(refused_count: int) -> timedelta:
    """How long an account is left alone after so many refusals of its key (from 5 on): 10 minutes, then twice as long
    after each further one, at most six hours."""
    return min(FIRST_REST * (1 << min(refused_count - KEY_REFUSALS, 6)), LONGEST_REST)


def shown_state(state: str, due_at: datetime, now: datetime) -> str:
    """The state people and tools see: `planned` whose time has come is `due`."""
    return "due" if state == DeliveryState.PLANNED and due_at <= now else state


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a delivery after a call; `next_try_at` only when it is planned again.

    `may_have_arrived`: whether one of its calls so far may have, although none was answered with success.
    """

    state: DeliveryState
    reason: str = ""
    next_try_at: datetime | None = None
    may_have_arrived: bool = False


def after_call(
    result: Result,
    *,
    number: int,
    limit: int,
    latest_at: datetime | None,
    drops_repeats: bool,
    now: datetime,
    parts_left: int = 0,
    is_too_fast_for_long: bool = False,
) -> Next:
    """Decide by the platform's answer to call `number` (from 1); `limit` is the last call allowed.

    `parts_left`: of the same message, after this one; the next follows at once. `is_too_fast_for_long`: "too fast" has
    been the answer for as long or as often as a message may wait for another one (`too_fast_for_long`).

    In doubt is `unknown`, never repeated by itself, unless the receiver promises to drop repeats.
    Source: reliability.md sections 1 and 2.
    """
    if result.outcome is Outcome.ACCEPTED:
        return Next(DeliveryState.PLANNED, MORE_PARTS, now) if parts_left > 0 else Next(DeliveryState.ACCEPTED)
    if result.outcome is Outcome.REFUSED:
        return Next(DeliveryState.FAILED, "refused")
    if result.outcome is Outcome.IN_DOUBT and not drops_repeats:
        return Next(DeliveryState.UNKNOWN, "no_answer")
    if result.is_too_fast:  # the pace was wrong, not the message
        then = _later(result.retry_after_seconds, number=1, limit=ATTEMPT_LIMIT, latest_at=latest_at, now=now)
        is_over = is_too_fast_for_long and then.state is DeliveryState.PLANNED
        return Next(DeliveryState.FAILED, TOO_FAST) if is_over else then
    if result.max_attempts is not None:
        limit = min(limit, limit - ATTEMPT_LIMIT + result.max_attempts)
    return _later(result.retry_after_seconds, number=number, limit=limit, latest_at=latest_at, now=now)


def too_fast_for_long(since: datetime | None, *, count: int, now: datetime) -> bool:
    """Whether a message that hears "too fast" again is parked: a day after the first one, or after 500 of them."""
    return since is not None and (now - since >= TOO_FAST_FOR or count >= TOO_FAST_COUNT)


def after_lost_call(*, number: int, limit: int, latest_at: datetime | None, drops_repeats: bool, now: datetime) -> Next:
    """Decide when the worker ended before the answer was recorded."""
    if not drops_repeats:
        return Next(DeliveryState.UNKNOWN, "worker_lost")
    return _later(None, number=number, limit=limit, latest_at=latest_at, now=now)


def _later(
    retry_after_seconds: float | None, *, number: int, limit: int, latest_at: datetime | None, now: datetime
) -> Next:
    if number >= limit:
        return Next(DeliveryState.FAILED, GAVE_UP)
    wait = retry_delay(number - (limit - ATTEMPT_LIMIT) if limit > ATTEMPT_LIMIT else number, retry_after_seconds)
    if latest_at is not None and now + wait > latest_at:
        return Next(DeliveryState.EXPIRED, "too_late")
    if wait > LONGEST_WISH:
        return Next(DeliveryState.FAILED, LONG_WAIT)
    return Next(DeliveryState.PLANNED, "retrying", now + wait)


UNSENT = (DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.CANCELLED)  # ends of what did not go out


CHANNEL_SINCE = "channel_since"  # not stored: how the reason below reads once its group has a channel


def reason_read(state: str, reason: str, *, has_channel: bool) -> str:
    """The code whose words people read: of one that failed for want of a channel another, once it has one."""
    is_since = state == DeliveryState.FAILED and reason == "no_endpoint" and has_channel
    return CHANNEL_SINCE if is_since else reason


def end_of(state: DeliveryState, reason: str, *, may_have_arrived: bool) -> tuple[DeliveryState, str]:
    """State and reason of a delivery that ends: nobody may claim it was not sent where an earlier try may have arrived.

    Then it is `unknown`, its reason says both, e.g. "in_doubt:cancelled:sale_over", and a person decides.
    """
    if may_have_arrived and state in UNSENT:
        return DeliveryState.UNKNOWN, f"{IN_DOUBT}{state}:{reason}"
    return state, reason


def with_doubt(then: Next, *, may_have_arrived: bool) -> Next:
    """What becomes of a delivery after a call, with what is known of this call and those before it."""
    if then.state is DeliveryState.ACCEPTED or then.reason == MORE_PARTS:
        return then
    state, reason = end_of(then.state, then.reason, may_have_arrived=may_have_arrived)
    return Next(state, reason, then.next_try_at, may_have_arrived)


def went_elsewhere(sending_at: datetime | None, chat_changed_at: datetime | None) -> bool:
    """Whether the last call (`sending_at`: its start) of a message went to another chat than its channel's of now."""
    return sending_at is not None and chat_changed_at is not None and sending_at < chat_changed_at


def called_off_as(reason: str) -> str:
    """Why the rest of one in doubt is not wanted any more; nothing where only its way was blocked."""
    prefix = f"{IN_DOUBT}{DeliveryState.CANCELLED}:"
    return reason.removeprefix(prefix) if reason.startswith(prefix) else ""
