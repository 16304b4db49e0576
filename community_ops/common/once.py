"""One key, one effect: the record of a key is written in the transaction of what it stands for.

Tools send a key of theirs over REST (`common.api.idempotency`); a page's form carries one it was drawn with
(`{% once_key %}`), so that a form that is sent twice makes one thing.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import IntegrityError, OperationalError, connection, transaction
from django.http import HttpRequest
from django.utils.translation import gettext_noop

from community_ops.common.actors import Actor
from community_ops.common.errors import DomainError
from community_ops.common.fields import decrypt, encrypt
from community_ops.common.models import IdempotencyRecord

WAIT_SECONDS = 5
FIELD = "once_key"  # of a form: its hidden input
MAX_FIELD_LENGTH = 64
_OF_THE_PAGE = ("csrfmiddlewaretoken", FIELD)  # drawn with the form, not typed

Made = TypeVar("Made", int, str, list[Any], dict[str, Any])


class KeyInProgress(DomainError):
    code = "idempotency_in_progress"
    status = 409
    message = gettext_noop("The first request with this key is still running.")


class SentAlready(DomainError):
    """The same form is being worked on at this moment."""

    code = "sent_already"
    status = 409
    message = gettext_noop("The same was sent already and is still being worked on: look again in a moment.")


def once_per_form(request: HttpRequest, *, actor: Actor, run: Callable[[], Made]) -> Made:
    """Run `run` at most once for a form as it was drawn and filled in; sent again it gives what the first one gave.

    `run` calls one service and returns what leads to its result (an id; what else the page shows). It is kept encrypted
    for 24 hours, since some of it is secret. A form filled in otherwise is another one, also under the same key
    (somebody went back and changed it); a form without a key, or with an odd one, is sent as often as it comes. A
    refusal leaves nothing behind. Waits up to 5 s for the first of two at once, past that SentAlready (409).
    """
    key = request.POST.get(FIELD, "")
    if not key or len(key) > MAX_FIELD_LENGTH or not key.isprintable():
        return run()
    digest = _digest(request)
    try:
        with bounded_wait(), transaction.atomic():
            record, first = claim(f"form:{actor.kind}:{actor.id}", f"{key}:{digest}", digest)
            if not first:
                given: Made = json.loads(decrypt(bytes(record.answer).decode()))
                return given
            made = run()
            record.answer = encrypt(json.dumps(made)).encode()
            record.save(update_fields=["answer", "updated_at"])
            return made
    except KeyInProgress:
        raise SentAlready from None


def _digest(request: HttpRequest) -> str:
    """Of where a form was sent and what was filled in, files with their content."""
    typed = sorted((name, values) for name, values in request.POST.lists() if name not in _OF_THE_PAGE)
    found = hashlib.sha256(json.dumps([request.path, typed]).encode())
    for name, files in sorted(request.FILES.lists()):
        for one in files:
            found.update(json.dumps([name, one.name, one.size]).encode())
            for chunk in one.chunks():
                found.update(chunk)
            one.seek(0)
    return found.hexdigest()


def claim(scope: str, key: str, digest: str) -> tuple[IdempotencyRecord, bool]:
    """(the key's record, whether it is new). The second INSERT of a key waits for the first to end."""
    try:
        with transaction.atomic():
            _limit_lock_wait(f"{WAIT_SECONDS}s")
            record = IdempotencyRecord.objects.create(scope=scope, key=key, body_digest=digest)
            _limit_lock_wait("0")
            return record, True
    except IntegrityError:
        return IdempotencyRecord.objects.get(scope=scope, key=key), False


def _limit_lock_wait(timeout: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [timeout])


@contextmanager
def bounded_wait() -> Iterator[None]:
    """Turn "still waiting after 5 s" into KeyInProgress. SQLite has one writer: there BEGIN waits."""
    _sqlite_busy_timeout(WAIT_SECONDS)
    try:
        yield
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", "") == "55P03" or "locked" in str(error):
            raise KeyInProgress from error
        raise
    finally:
        _sqlite_busy_timeout(20)


def _sqlite_busy_timeout(seconds: int) -> None:
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {seconds * 1000}")
