"""Chat events from a file: one group's messages, joins and leaves."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput
from groups import selectors as groups
from members.importing.base import Job, TableImporter
from members.importing.tables import Target
from members.importing.times import iso_time
from members.services.event_rows import CheckedEvent, check_event
from members.services.ingestion import store_events
from messaging import selectors as messaging

_TARGETS = (
    Target("occurred_at", _("Time"), ("occurred_at", "time", "timestamp", "date", "时间"), is_required=True),
    Target("author", _("Author"), ("author", "sender", "from", "user", "发言人", "发送人", "昵称"), is_required=True),
    Target("kind", _("Kind"), ("kind", "type", "类型")),
    Target("text", pgettext_lazy("of a message", "Text"), ("text", "message", "content", "body", "内容", "消息")),
    Target("event_id", _("Id"), ("event_id", "id", "message_id", "msg_id", "消息编号", "编号")),
)


class EventsJob(Job[CheckedEvent]):
    """Options: `workspace`, `group` (ids), `timezone` (where times have no offset; default the group's)."""

    targets = _TARGETS

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self.counts |= {"authors": 0, "first_at": None, "last_at": None}
        workspace_id, group_id = int(options["workspace"]), int(options.get("group") or 0)
        self._groups = groups.groups_by_id(workspace_id=workspace_id, group_ids=[group_id])
        if not self._groups:
            raise InvalidInput(gettext("There is no such group."), field="group")
        self._workspace_id, self._group = workspace_id, self._groups[group_id]
        self._zone = _zone(options.get("timezone") or "") or self._group.zone
        self._twins: Counter[str] = Counter()
        self._seen: set[str] = set()
        self._authors: set[str] = set()
        self._first: datetime | None = None
        self._last: datetime | None = None

    def check(self, values: Mapping[str, Any], line: int) -> CheckedEvent:
        raw = {**values, "group": self._group.pk, "kind": values.get("kind") or "message"}
        raw["occurred_at"] = iso_time(raw.get("occurred_at"))
        if "event_id" not in values:
            raw["event_id"] = self._natural_id(raw)
        elif isinstance(raw["event_id"], int) and not isinstance(raw["event_id"], bool):
            raw["event_id"] = str(raw["event_id"])
        return check_event(raw, groups=self._groups, zone=self._zone)

    def _natural_id(self, raw: Mapping[str, Any]) -> str:
        """For files without ids: the row's content and its place among identical rows."""
        content = "\x1f".join(str(raw.get(name) or "") for name in ("occurred_at", "author", "kind", "text"))
        digest = hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:40]
        self._twins[digest] += 1
        return f"row:{digest}:{self._twins[digest]}"

    def are_known(self, items: Sequence[CheckedEvent]) -> list[bool]:
        stored = self._stored({item.event_id for item in items})
        known = []
        for item in items:
            known.append(item.event_id in stored or item.event_id in self._seen)
            self._seen.add(item.event_id)
        return known

    def _stored(self, event_ids: set[str]) -> set[str]:
        rows = messaging.inbound_events(workspace_id=self._workspace_id, target_ids=[self._group.pk])
        ids, stored = sorted(event_ids), set()
        for start in range(0, len(ids), 1000):
            found = rows.filter(external_id__in=ids[start : start + 1000])
            stored |= set(found.order_by().values_list("external_id", flat=True))
        return stored

    def store(self, items: Sequence[CheckedEvent], *, actor: Actor, now: datetime) -> int:
        return store_events(workspace_id=self._workspace_id, events=items, source="import", actor=actor, now=now)

    def note(self, items: Iterable[CheckedEvent]) -> None:
        for item in items:
            self._authors.add(item.author)
            self._first = min(self._first or item.occurred_at, item.occurred_at)
            self._last = max(self._last or item.occurred_at, item.occurred_at)
        self.counts["authors"] = len(self._authors)
        self.counts["first_at"] = self._first and self._first.isoformat().replace("+00:00", "Z")
        self.counts["last_at"] = self._last and self._last.isoformat().replace("+00:00", "Z")


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidInput(gettext("Unknown time zone; give a name like Asia/Shanghai."), field="timezone") from None


class EventsImporter(TableImporter):
    """kind "events": counts rows, accepted, duplicates, rejected, authors, first_at, last_at (UTC)."""

    label: str | Promise = _("Chat events")
    needs: tuple[str, ...] = ("group", "timezone")

    def job(self, options: Mapping[str, Any]) -> EventsJob:
        return EventsJob(options)
