"""Rules of what comes in: sizes, times, reasons. No database, no clock."""

from datetime import datetime, timedelta

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

READ_TASK = "messaging.tasks.read_inbound"

MAX_BODY_BYTES = 256 * 1024  # reliability.md section 4
MAX_ID = 200
SIGNED_WITHIN = timedelta(minutes=5)  # of the database's time, before and after
AHEAD_AT_MOST = timedelta(days=1)
CHANGED_WITHIN = timedelta(seconds=15)  # one change of a route at a time: longer than the call it makes
NOTE_REFUSAL_EVERY = timedelta(seconds=10)
MOST_ATTEMPTS = 8
BODY_KEPT_FOR = timedelta(days=7)  # after it came: it holds what members wrote
KEPT_FOR = timedelta(days=30)

POLL_EVERY = timedelta(seconds=20)
POLL_AGAIN_AFTER_REFUSAL = timedelta(minutes=5)  # bad key, no right: it does not mend itself in seconds
POLL_AGAIN_AFTER_FAILURE = timedelta(seconds=60)

MAX_PASTED = 10_000  # characters

# What a person pastes; higher apps read each kind their own way.
PASTED: dict[str, str | Promise] = {
    "introduction": pgettext_lazy("pasted text", "A newcomer introduces herself"),
    "advert": pgettext_lazy("pasted text", "An advert or something rude"),
    "chain": pgettext_lazy("pasted text", "A relay chain"),
    "message": pgettext_lazy("pasted text", "Something else worth keeping"),
}

# Why an event is "nothing for us".
REASONS: dict[str, str | Promise] = {
    "not_meant": pgettext_lazy("inbound event", "Not a message, a join or a leave"),
    "no_channel": pgettext_lazy("inbound event", "This chat has no channel here; it is listed among the found chats"),
    "bot": pgettext_lazy("inbound event", "Written by a robot"),
    "bad_fields": pgettext_lazy("inbound event", "What it says could not be understood"),
    "ahead": pgettext_lazy("inbound event", "It is said to happen more than a day after it was told"),
    "too_many_tries": pgettext_lazy("inbound event", "Reading it failed several times"),
}

# Why a call was turned away. Callers are told only the code of the answer.
REFUSALS: dict[str, str | Promise] = {
    "off": pgettext_lazy("refused call", "Receiving is switched off"),
    "signature": pgettext_lazy("refused call", "The signature or key is wrong"),
    "timestamp": pgettext_lazy(
        "refused call", "The signature is older than five minutes, or the sender's clock is wrong"
    ),
    "missing_headers": pgettext_lazy("refused call", "The headers of the signature are missing"),
    "too_large": pgettext_lazy("refused call", "The body is larger than 256 KB"),
    "needs_length": pgettext_lazy("refused call", "The call has no Content-Length"),
    "only_post": pgettext_lazy("refused call", "This address accepts only POST"),
    "broken_off": pgettext_lazy("refused call", "The body broke off"),
    "not_json": pgettext_lazy("refused call", "The body is not a JSON object"),
    "bad_fields": pgettext_lazy("refused call", "A field is missing or wrong"),
    "other_body": pgettext_lazy("refused call", "An id that was used before came with another body"),
}


def is_fresh(signed_at: int, db_now: datetime) -> bool:
    """Whether a signature of this moment (Unix time) still counts; one from the future counts as little."""
    return abs(int(db_now.timestamp()) - signed_at) <= SIGNED_WITHIN.total_seconds()


def is_ahead(occurred_at: datetime, received_at: datetime) -> bool:
    """Whether something is said to happen after it was told: a day is left to clocks that are wrong."""
    return occurred_at > received_at + AHEAD_AT_MOST


def retry_at(attempt_count: int, now: datetime) -> datetime:
    """When a reading that failed is tried again: growing, at most five minutes."""
    return now + timedelta(seconds=min(2**attempt_count, 300))
