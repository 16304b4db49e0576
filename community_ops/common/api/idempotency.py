"""Idempotency keys for POST: the first answer is stored with the effect and given again (reliability.md section 3)."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import IntegrityError, OperationalError, connection, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from rest_framework.response import Response

from community_ops.common.api.renderers import CarefulJSONRenderer
from community_ops.common.errors import DomainError, InvalidInput
from community_ops.common.fields import decrypt, encrypt
from community_ops.common.models import IdempotencyRecord

WAIT_SECONDS = 5
MAX_KEY_LENGTH = 255
NOT_KEPT = "no-store"  # on the way: some answers hold a secret, and a stored one does not say which


class KeyInProgress(DomainError):
    code = "idempotency_in_progress"
    status = 409
    message = gettext_noop("The first request with this key is still running.")


class KeyReused(DomainError):
    code = "idempotency_key_reused"
    status = 422
    message = gettext_noop("This key was used for another request.")


class Replay(Response):
    """A stored answer, byte for byte."""

    def __init__(self, record: IdempotencyRecord) -> None:
        headers = {"Idempotent-Replay": "true", "Content-Type": "application/json", "Cache-Control": NOT_KEPT}
        super().__init__(status=record.status, headers=headers)
        self._answer = decrypt(bytes(record.answer).decode()).encode()

    @property
    def rendered_content(self) -> bytes:  # type: ignore[override]  # DRF's own renderers return bytes too
        return self._answer


def once(request: HttpRequest, *, scope: str, run: Callable[[], Response]) -> Response:
    """Run `run` at most once per (scope, key) and give its 2xx answer again for 24 hours.

    The record is written in the transaction of the effect, so neither exists without the other. A
    parallel duplicate waits up to 5 s for the first, past that KeyInProgress (409); the same key with
    another body is KeyReused (422); refusals are not stored, so they can be tried again. No cache keeps either answer.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return run()
    if len(key) > MAX_KEY_LENGTH or not key.isprintable():
        raise InvalidInput(_("At most 255 printable characters."), field="Idempotency-Key")
    with _bounded_wait(), transaction.atomic():
        record, first = _claim(scope, key, _digest(request))
        if not first:
            return Replay(record)
        response = run()
        if 200 <= response.status_code < 300:
            answer = CarefulJSONRenderer().render(response.data)  # kept as a secret is: some answers hold one
            record.status, record.answer = response.status_code, encrypt(answer.decode()).encode()
            record.save(update_fields=["status", "answer", "updated_at"])
            response["Cache-Control"] = NOT_KEPT
        else:
            transaction.set_rollback(True)
        return response


def _digest(request: HttpRequest) -> str:
    parts = (request.method or "", request.get_full_path())
    return hashlib.sha256("\n".join(parts).encode() + b"\n" + request.body).hexdigest()


def _claim(scope: str, key: str, digest: str) -> tuple[IdempotencyRecord, bool]:
    """(the key's record, whether it is new). The second INSERT of a key waits for the first to end."""
    try:
        with transaction.atomic():
            _limit_lock_wait(f"{WAIT_SECONDS}s")
            record = IdempotencyRecord.objects.create(scope=scope, key=key, body_digest=digest)
            _limit_lock_wait("0")
            return record, True
    except IntegrityError:
        record = IdempotencyRecord.objects.get(scope=scope, key=key)
    if record.body_digest != digest:
        raise KeyReused
    return record, False


def _limit_lock_wait(timeout: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [timeout])


@contextmanager
def _bounded_wait() -> Iterator[None]:
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
