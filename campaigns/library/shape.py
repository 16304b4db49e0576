"""What a built-in playbook is made of."""

from dataclasses import dataclass, fields
from datetime import time
from typing import Any

MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass(frozen=True, kw_only=True)
class Step:
    """A row of PlaybookStep; `zh` and `en` are its words. Names and needs are msgids of the interface."""

    key: str
    name: str
    anchor: str
    zh: str
    en: str
    latest_seconds: int
    offset_seconds: int = 0
    offset_days: int = 0
    local_time: time | None = None
    condition: str = ""
    stops_on: tuple[str, ...] = ()
    needs: str = ""

    def as_fields(self) -> dict[str, Any]:
        """Keyword arguments of the model."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        texts = {"zh-hans": values.pop("zh"), "en": values.pop("en")}
        return {**values, "texts": texts, "stops_on": list(self.stops_on)}


@dataclass(frozen=True, kw_only=True)
class BuiltIn:
    """A playbook of the library. A change of its steps raises `version`; runs keep the version they began with."""

    key: str
    version: int
    name: str
    description: str
    steps: tuple[Step, ...]
