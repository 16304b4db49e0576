"""Database fields for secrets: encrypted at rest, never searchable, rotated by adding a key."""

import hashlib
import hmac
import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models


class UnreadableSecret(RuntimeError):
    """No configured key (FIELD_ENCRYPTION_KEYS or DATA_DIR/field.key) can read a stored secret."""


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(plain: str) -> str:
    """Encrypt with the first key of FIELD_ENCRYPTION_KEYS."""
    return _cipher(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(plain.encode()).decode()


def decrypt(stored: str) -> str:
    """Decrypt with whichever key fits; raises UnreadableSecret when none does."""
    try:
        return _cipher(tuple(settings.FIELD_ENCRYPTION_KEYS)).decrypt(stored.encode()).decode()
    except InvalidToken:
        raise UnreadableSecret("the configured keys cannot read a stored secret") from None


def recognised_by(*words: str) -> str:
    """64 hex digits by which the same words are recognised, and nothing is learned of them without the key.

    The key is the oldest of FIELD_ENCRYPTION_KEYS, which stays when a new one is put in front.
    """
    said = json.dumps(words).encode()
    return hmac.new(settings.FIELD_ENCRYPTION_KEYS[-1].encode(), said, hashlib.sha256).hexdigest()


class EncryptedJSONField(models.TextField):
    """A JSON value stored as one encrypted text. Every lookup but `isnull` is refused."""

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else encrypt(json.dumps(value, ensure_ascii=False, sort_keys=True))

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return None if value is None else json.loads(decrypt(value))

    def to_python(self, value: Any) -> Any:
        return value

    def value_to_string(self, obj: Any) -> str:
        return str(self.get_prep_value(self.value_from_object(obj)))

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is encrypted and cannot be searched by {lookup_name!r}")
        return super().get_lookup(lookup_name)
