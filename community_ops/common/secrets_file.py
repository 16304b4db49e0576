"""Keys that an installation makes for itself on its first start and keeps in DATA_DIR."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet


def make_secret_key() -> str:
    return secrets.token_urlsafe(50)


def make_field_key() -> str:
    return Fernet.generate_key().decode()


def is_field_key(key: str) -> bool:
    """Whether it is the URL-safe base64 of 32 bytes."""
    try:
        Fernet(key.encode())
    except ValueError:
        return False
    return True


def load_or_make(path: Path, make: Callable[[], str]) -> str:
    """Return the key kept in `path`, made on first use with mode 0600.

    Two processes starting together agree: the file appears whole under its name or not at all,
    and the one that comes second reads what the first wrote. Raises OSError when unwritable.
    """
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(make() + "\n")
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(draft)
    return path.read_text().strip()
