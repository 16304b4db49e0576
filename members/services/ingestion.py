"""Inbound events: each stored once, unknown authors become members, one event in the outbox per batch."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction

from community_ops.common import outbox
from community_ops.common.actors import Actor
from groups import selectors as groups_selectors
from members.errors import TooManyEvents
from members.events import EventsIngested
from members.models import SpellSource
from members.policies import Presence, Sign, fact_source_of
from members.services.event_rows import CheckedEvent, RowRefused, check_event, group_id_in
from members.services.identities import ensure_members
from members.services.presence import Pair, note_presence
from messaging.services.inbound import InboundRow, store_inbound

if TYPE_CHECKING:
    from groups.models import ChatGroup

MAX_EVENTS = 1000
CHAT = "chat"  # kind of identity under which groups know their authors
_SIGNS: dict[str, Presence] = {"message": "seen", "reaction": "seen", "join": "join", "leave": "leave"}


@dataclass(frozen=True, slots=True)
class Rejected:
    """One event left out: its place in the request, and why. `message` begins with the field's name."""

    index: int
    code: str
    message: str
    field: str


@dataclass(slots=True)
class Outcome:
    """What became of a batch: `accepted` and `duplicates` are counts."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[Rejected] = field(default_factory=list)


def ingest_events(
    *, workspace_id: int, events: Sequence[Any], actor: Actor, now: datetime, source: str = "api"
) -> Outcome:
    """Take in up to 1,000 raw events `{"event_id","kind","occurred_at","group","author","text"}`.

    Each event is stored once per group and `event_id`; one met again, also inside the batch, is a
    duplicate. Rows that cannot be read, or name a group the actor does not see, are rejected by
    themselves. Authors nobody knows become members of the group's community; joins, leaves and
    messages begin and end memberships. One EventsIngested is published when anything was new.
    All or nothing in one transaction; raises TooManyEvents with nothing stored. `source`: "api" or "sandbox".
    """
    if len(events) > MAX_EVENTS:
        raise TooManyEvents(limit=MAX_EVENTS)
    visible = _visible_groups(workspace_id, events, actor)
    checked, rejected = [], []
    for index, raw in enumerate(events):
        try:
            checked.append(check_event(raw, groups=visible))
        except RowRefused as refusal:
            rejected.append(Rejected(index, refusal.code, str(refusal), refusal.field))
    accepted = store_events(workspace_id=workspace_id, events=checked, source=source, actor=actor, now=now)
    return Outcome(accepted=accepted, duplicates=len(checked) - accepted, rejected=rejected)


def _visible_groups(workspace_id: int, events: Sequence[Any], actor: Actor) -> dict[int, "ChatGroup"]:
    wanted = {group_id for raw in events if (group_id := group_id_in(raw)) is not None}
    rows = groups_selectors.groups_visible_to(actor, with_archived=True)
    return {group.pk: group for group in rows.filter(workspace_id=workspace_id, pk__in=wanted)}


@transaction.atomic
def store_events(*, workspace_id: int, events: Sequence[CheckedEvent], source: str, actor: Actor, now: datetime) -> int:
    """Store checked events in one transaction and return how many were new; the rest are duplicates.

    `source`: messaging's EventSource. Effects as `ingest_events`.
    """
    unique = list({(event.group.pk, event.event_id): event for event in reversed(events)}.values())[::-1]
    if not unique:
        return 0
    fact_source = fact_source_of(source)
    authors = _authors(unique, fact_source, actor, now)
    batch = uuid.uuid4()
    rows = [_inbound(event, authors) for event in unique]
    fresh = store_inbound(workspace_id=workspace_id, rows=rows, batch=batch, source=source, now=now)
    new = [event for event, is_new in zip(unique, fresh, strict=True) if is_new]
    if not new:
        return 0
    note_presence(
        workspace_id=workspace_id,
        signs=_signs(new, authors),
        join_source=SpellSource.IMPORT if source == "import" else SpellSource.JOIN,
        now=now,
    )
    group_ids = tuple(sorted({event.group.pk for event in new}))
    outbox.publish(EventsIngested(workspace_id=workspace_id, batch=str(batch), group_ids=group_ids, source=fact_source))
    return len(new)


def _authors(events: Iterable[CheckedEvent], source: str, actor: Actor, now: datetime) -> dict[tuple[int, str], int]:
    """Member id by (community, author), making unknown ones."""
    communities = {event.group.community_id: event.group.community for event in events}
    names: dict[int, dict[str, str]] = defaultdict(dict)
    for event in events:
        names[event.group.community_id][event.author] = event.author_name or event.author
    found: dict[tuple[int, str], int] = {}
    for community_id in sorted(communities):
        people = list(names[community_id].items())
        ids = ensure_members(
            community=communities[community_id], kind=CHAT, people=people, source=source, actor=actor, now=now
        )
        found |= {(community_id, author): member_id for author, member_id in ids.items()}
    return found


def _inbound(event: CheckedEvent, authors: Mapping[tuple[int, str], int]) -> InboundRow:
    return InboundRow(
        target_id=event.group.pk,
        external_id=event.event_id,
        kind=event.kind,
        occurred_at=event.occurred_at,
        author_external_id=event.author,
        author_id=authors[event.group.community_id, event.author],
        text=event.text,
    )


def _signs(events: Iterable[CheckedEvent], authors: Mapping[tuple[int, str], int]) -> dict[Pair, list[Sign]]:
    signs: dict[Pair, list[Sign]] = defaultdict(list)
    for event in events:
        pair = (authors[event.group.community_id, event.author], event.group.pk)
        signs[pair].append(Sign(_SIGNS[event.kind], event.occurred_at))
    return signs
