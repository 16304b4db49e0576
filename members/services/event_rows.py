"""Checking inbound events one by one, by hand: one bad row never holds the others up, and nothing is guessed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from community_ops.common import text
from community_ops.common.errors import InvalidInput
from community_ops.common.tenancy import MAX_ID

if TYPE_CHECKING:
    from groups.models import ChatGroup

KINDS = ("message", "reaction", "join", "leave")
MAX_EVENT_ID = 200
MAX_AUTHOR = 200
MAX_TEXT = 10_000


class RowRefused(Exception):
    """Why one event is left out."""

    def __init__(self, field: str, code: str, message: str) -> None:
        self.field, self.code, self.message = field, code, message
        super().__init__(f"{field}: {message}")


@dataclass(frozen=True, slots=True)
class CheckedEvent:
    """An event that can be stored. `occurred_at` is in UTC."""

    event_id: str
    kind: str
    occurred_at: datetime
    group: "ChatGroup"
    author: str
    text: str
    author_name: str = ""  # what a stranger is called; without one as her id


def group_id_in(raw: Any) -> int | None:
    """The group id a raw row names, if it is one at all."""
    value = raw.get("group") if isinstance(raw, dict) else None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_ID:
        return None
    return value


def check_event(raw: Any, *, groups: Mapping[int, "ChatGroup"], zone: ZoneInfo | None = None) -> CheckedEvent:
    """Read one raw event; `groups` are those the caller may write to. Raises RowRefused naming the field.

    Times need an offset, unless `zone` says which one is meant where it is missing.
    """
    if not isinstance(raw, dict):
        raise RowRefused("event", "invalid", _("An event is an object."))
    event_id = _line(raw, "event_id", MAX_EVENT_ID)
    kind = raw.get("kind")
    if kind not in KINDS:
        raise RowRefused("kind", "invalid", _("One of: %(names)s.") % {"names": ", ".join(KINDS)})
    return CheckedEvent(
        event_id=event_id,
        kind=kind,
        occurred_at=_moment(raw.get("occurred_at"), zone),
        group=_group(raw, groups),
        author=_line(raw, "author", MAX_AUTHOR),
        text=_text(raw),
    )


def _line(raw: Mapping[str, Any], field: str, max_length: int) -> str:
    value = raw.get(field)
    if value is None or value == "":
        raise RowRefused(field, "required", _("This is needed."))
    if not isinstance(value, str):
        raise RowRefused(field, "invalid", _("This must be a text."))
    try:
        return text.clean_line(value, field=field, max_length=max_length)
    except InvalidInput as refusal:
        raise RowRefused(field, "invalid", refusal.message) from None


def _text(raw: Mapping[str, Any]) -> str:
    value = raw.get("text", "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RowRefused("text", "invalid", _("This must be a text."))
    try:
        return text.clean_text(value, field="text", max_length=MAX_TEXT, required=False)
    except InvalidInput as refusal:
        raise RowRefused("text", "invalid", refusal.message) from None


def _moment(value: Any, zone: ZoneInfo | None) -> datetime:
    if value is None or value == "":
        raise RowRefused("occurred_at", "required", _("This is needed."))
    try:
        moment = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or not 2000 <= moment.year <= 2200:
        raise RowRefused("occurred_at", "invalid", _("Give an ISO 8601 time, e.g. 2026-11-22T20:00:00+08:00."))
    if moment.tzinfo is None:
        if zone is None:
            raise RowRefused("occurred_at", "no_offset", _("The time needs an offset, e.g. +08:00."))
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC)


def _group(raw: Mapping[str, Any], groups: Mapping[int, "ChatGroup"]) -> "ChatGroup":
    if raw.get("group") is None:
        raise RowRefused("group", "required", _("This is needed."))
    group = groups.get(group_id_in(raw) or 0)
    if group is None:
        raise RowRefused("group", "unknown_group", _("There is no such group."))
    return group
