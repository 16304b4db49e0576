"""Idempotency keys for POST: the first answer is stored with the effect and given again (reliability.md section 3)."""

import hashlib
from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from rest_framework.response import Response

from community_ops.common.api.renderers import CarefulJSONRenderer
from community_ops.common.errors import DomainError, InvalidInput
from community_ops.common.fields import decrypt, encrypt
from community_ops.common.models import IdempotencyRecord
from community_ops.common.once import bounded_wait, claim

MAX_KEY_LENGTH = 255
NOT_KEPT = "no-store"  # on the way: some answers hold a secret, and a stored one does not say which


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
    digest = _digest(request)
    with bounded_wait(), transaction.atomic():
        record, first = claim(scope, key, digest)
        if record.body_digest != digest:
            raise KeyReused
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
