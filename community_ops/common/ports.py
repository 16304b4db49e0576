"""Ports: how a lower app asks upward. It defines a Protocol, a higher app registers an answer.

The list of ports is fixed in docs/architecture.md; a new one needs an ADR. What nobody
registered for is "not available", never "yes".
"""

from typing import Generic, TypeVar

from community_ops.common.errors import NotAvailable

T = TypeVar("T")


class Registry(Generic[T]):
    """Answers by key, filled from `AppConfig.ready()` and read at run time."""

    def __init__(self, port: str) -> None:
        self._port = port
        self._answers: dict[str, T] = {}

    def register(self, key: str, answer: T) -> None:
        """Register `answer` for `key`. Registering another one for the same key is a programming error."""
        if self._answers.get(key, answer) is not answer:
            raise ValueError(f"{self._port}: {key!r} is registered already")
        self._answers[key] = answer

    def get(self, key: str) -> T:
        """Return the answer registered for `key`; raises NotAvailable when there is none."""
        try:
            return self._answers[key]
        except KeyError:
            raise NotAvailable(f"{self._port} has no answer for {key!r}", port=self._port, key=key) from None

    def keys(self) -> list[str]:
        return sorted(self._answers)
