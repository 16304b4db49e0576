"""Base of the events an app tells upward: frozen, past tense, JSON scalars, choices and aware times only."""

import dataclasses
import typing
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar, Self


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """A fact. Subclasses set `name` (app.PastTense) and say by `aggregate_id` what its order is kept for."""

    name: ClassVar[str]
    workspace_id: int

    @property
    def aggregate_id(self) -> str:
        """Events of one aggregate reach each handler in order; the whole workspace unless a subclass narrows it."""
        return f"{self.name}:{self.workspace_id}"

    def as_payload(self) -> dict[str, Any]:
        return {
            key: value.isoformat() if isinstance(value, datetime) else value
            for key, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> Self:
        """Read a stored event; fields that a newer version dropped are ignored."""
        kinds = typing.get_type_hints(cls)
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: _read(kinds[key], value) for key, value in payload.items() if key in known})


def _read(kind: Any, value: Any) -> Any:
    if kind is datetime or (value is not None and datetime in typing.get_args(kind)):
        return datetime.fromisoformat(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    return tuple(value) if isinstance(value, list) else value
