"""Changes of retention: the activity roll-up."""

import uuid
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Max, Sum

from community_ops.common import audit
from community_ops.common.actors import Actor
from groups import selectors as groups
from members.services import ActivityFacts, set_activity_facts
from messaging import selectors as messaging
from retention.models import DailyActivity
from retention.policies import ANSWER_WITHIN, Act, Tally, day_start, days_to_recount, ranges, tallies

if TYPE_CHECKING:
    from groups.models import ChatGroup

KINDS = ("message", "reaction")
CHUNK = 1000


@transaction.atomic
def recount_batch(
    *, workspace_id: int, batch: uuid.UUID, group_ids: Collection[int], source: str, now: datetime
) -> None:
    """Recount the days that a batch of inbound events touched, and the facts of the members in it.

    Every count is taken anew from the stored events, so batches may come twice and in any order.
    """
    found = groups.groups_by_id(workspace_id=workspace_id, group_ids=group_ids)
    members: set[int] = set()
    for group_id in sorted(found):
        group = found[group_id]
        events = messaging.inbound_events(workspace_id=workspace_id, target_ids=[group_id], batch=batch)
        moments = list(events.filter(kind__in=KINDS).values_list("occurred_at", flat=True))
        members |= recount_days(group=group, days=days_to_recount(moments, group.zone), now=now)
    _tell_facts(workspace_id, members, source, now)


@transaction.atomic
def recount_days(*, group: "ChatGroup", days: Collection[date], now: datetime) -> set[int]:
    """Write DailyActivity of these days of a group anew from its events; returns the members met there."""
    wanted, members = set(days), set()
    for first, last in ranges(sorted(wanted)):
        counted = tallies(_acts(group, first, last), group.zone)
        mine = {key: tally for key, tally in counted.items() if key[1] in wanted}
        _write(group, mine, now)
        members |= {member_id for member_id, _ in mine}
    return members


@transaction.atomic
def recount_by_hand(*, group: "ChatGroup", days: Collection[date], actor: Actor, now: datetime) -> None:
    """Repair: count these days again, with one audit row."""
    recount_days(group=group, days=days, now=now)
    after = {"days": [day.isoformat() for day in sorted(days)]}
    audit.record(actor=actor, verb="activity.recounted", target=group, now=now, after=after)


def _acts(group: "ChatGroup", first: date, last: date) -> list[Act]:
    """Messages and reactions of these days, and the messages of the 24 h after that may answer them."""
    rows = messaging.inbound_events(
        workspace_id=group.workspace_id,
        target_ids=[group.pk],
        since=day_start(first, group.zone),
        until=day_start(last + timedelta(days=1), group.zone) + ANSWER_WITHIN,
    ).filter(kind__in=KINDS)
    values = rows.values_list("occurred_at", "kind", "author_external_id", "author_id")
    return [Act(*row) for row in values.iterator(chunk_size=2000)]


def _write(group: "ChatGroup", counted: dict[tuple[int, date], Tally], now: datetime) -> None:
    rows = [
        DailyActivity(
            workspace_id=group.workspace_id,
            group=group,
            member_id=member_id,
            on=on,
            message_count=tally.message_count,
            reaction_count=tally.reaction_count,
            answered_count=tally.answered_count,
            last_at=tally.last_at or now,
            updated_at=now,
        )
        for (member_id, on), tally in sorted(counted.items())
    ]
    DailyActivity.objects.bulk_create(
        rows,
        batch_size=CHUNK,
        update_conflicts=True,
        unique_fields=["workspace", "member", "group", "on"],
        update_fields=["message_count", "reaction_count", "answered_count", "last_at", "updated_at"],
    )


def _tell_facts(workspace_id: int, member_ids: Iterable[int], source: str, now: datetime) -> None:
    """Write message count and last activity down into members."""
    rows = DailyActivity.objects.of(workspace_id).filter(member_id__in=list(member_ids))
    summed = rows.values("member_id").annotate(messages=Sum("message_count"), last=Max("last_at")).order_by()
    facts = {
        row["member_id"]: ActivityFacts(message_count=row["messages"], last_active_at=row["last"], source=source)
        for row in summed
    }
    set_activity_facts(workspace_id=workspace_id, facts=facts, now=now)
