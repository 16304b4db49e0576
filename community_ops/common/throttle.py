"""How often somebody may ask in a minute: public pages, hooks and tools (docs/adr/0015-limits-of-requests.md)."""

import hashlib
import logging
from datetime import datetime
from enum import StrEnum

from django.conf import settings
from django.core.cache import caches
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from redis.exceptions import RedisError

MINUTE_SECONDS = 60
log = logging.getLogger(__name__)
_away: set[str] = set()  # kinds of failures of the cache that were logged since it last counted


class Limit(StrEnum):
    """What is counted, each value the setting that says how often a minute; 0 is without limit."""

    LINK = "LINK_LIMIT_PER_MINUTE"  # a personal link, on all phones it was opened on
    PASTE = "PASTE_LIMIT_PER_MINUTE"  # texts pasted behind one personal link
    HOOK = "HOOK_LIMIT_PER_MINUTE"  # calls of one hook
    UNKNOWN = "UNKNOWN_CODE_LIMIT_PER_MINUTE"  # codes and tokens nobody has, from one address
    TOKEN = "API_THROTTLE_PER_MINUTE"  # noqa: S105 - of REST calls, each token for itself


def seconds_to_wait(limit: Limit, who: str, *, now: datetime) -> int | None:
    """Count one request of this minute; None while it may be answered, else seconds (1 to 60) until the next minute.

    `who` is kept as a digest only. A cache that is away limits nobody, and says so in the log once.
    """
    most: int = getattr(settings, limit)
    if not most or not who:
        return None
    minute, second = divmod(int(now.timestamp()), MINUTE_SECONDS)
    key = f"{minute}:{hashlib.sha256(f'{limit}:{who}'.encode()).hexdigest()}"
    try:
        cache = caches["limits"]
        cache.add(key, 0, timeout=2 * MINUTE_SECONDS)
        count = cache.incr(key)
    except (RedisError, DatabaseError, OSError, ValueError) as error:  # ValueError: the key made room for another
        _say_once(type(error).__name__)
        return None
    _away.clear()
    return MINUTE_SECONDS - second if count > most else None


def _say_once(kind: str) -> None:
    if kind not in _away:
        _away.add(kind)
        log.warning("requests are not counted: the cache is away", extra={"error": kind})


def address_of(request: HttpRequest) -> str:
    """Where a request comes from, as the server below us says; what a caller writes into headers is not believed."""
    return str(request.META.get("REMOTE_ADDR", ""))


def too_many_from(request: HttpRequest, *, now: datetime) -> HttpResponse | None:
    """Count a code that nobody has; the page that says so when there were too many from this address.

    Only these are counted by address: many phones share one behind a carrier's, and codes that are good stay good.
    """
    return page_if_over(Limit.UNKNOWN, address_of(request), now=now)


def page_if_over(limit: Limit, who: str, *, now: datetime) -> HttpResponse | None:
    """Count one request; 429 with `Retry-After` and a page for people when it is one too many."""
    wait = seconds_to_wait(limit, who, now=now)
    if wait is None:
        return None
    answer = HttpResponse(render_to_string("429.html", {"seconds": wait}), status=429)
    answer["Retry-After"], answer["Cache-Control"] = str(wait), "no-store"
    return answer
