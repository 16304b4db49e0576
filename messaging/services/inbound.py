"""Storing what happened in groups: each event once per target and external id, in bulk."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from messaging.models import InboundEvent

CHUNK = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class InboundRow:
    """One event. `kind`: message, reaction, join or leave; `author_id`: the member, when she is known."""

    target_id: int
    external_id: str
    kind: str
    occurred_at: datetime
    author_external_id: str
    author_id: int | None = None
    text: str = ""
    target_kind: str = "group"

    @property
    def key(self) -> tuple[str, int, str]:
        return self.target_kind, self.target_id, self.external_id


@transaction.atomic
def store_inbound(
    *, workspace_id: int, rows: Sequence[InboundRow], batch: uuid.UUID, source: str, now: datetime
) -> list[bool]:
    """Store the events that are new; for each row whether it was (False: a duplicate).

    Of equal rows in one call the first is new. Two callers at once with the same event: one of them
    stores it. `batch` must be fresh for each call. One INSERT for 1,000 rows and one SELECT for all.
    """
    first: dict[tuple[str, int, str], InboundRow] = {}
    for row in rows:
        first.setdefault(row.key, row)
    unique = list(first.values())
    for start in range(0, len(unique), CHUNK):
        events = [_event(workspace_id, row, batch, source, now) for row in unique[start : start + CHUNK]]
        InboundEvent.objects.bulk_create(events, ignore_conflicts=True, batch_size=CHUNK)
    mine = InboundEvent.objects.of(workspace_id).filter(batch=batch)
    stored = set(mine.values_list("target_kind", "target_id", "external_id"))
    return [first[row.key] is row and row.key in stored for row in rows]


def _event(workspace_id: int, row: InboundRow, batch: uuid.UUID, source: str, now: datetime) -> InboundEvent:
    return InboundEvent(
        workspace_id=workspace_id,
        batch=batch,
        source=source,
        target_kind=row.target_kind,
        target_id=row.target_id,
        external_id=row.external_id,
        kind=row.kind,
        occurred_at=row.occurred_at,
        author_external_id=row.author_external_id,
        author_id=row.author_id,
        text=row.text,
        received_at=now,
    )
