"""The id of the request (or task) being worked on, for audit rows and log lines."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_request_id: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    return _request_id.get()


@contextmanager
def request_id(value: str = "") -> Iterator[str]:
    """Everything inside carries this id; a new random one when none is given."""
    token = _request_id.set(value or secrets.token_hex(8))
    try:
        yield _request_id.get()
    finally:
        _request_id.reset(token)
