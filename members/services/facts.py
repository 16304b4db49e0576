"""MemberFacts: what higher apps know, written down for everybody to aim by."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Max, Min, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from members.models import Member, MemberFacts, MemberMilestone, MembershipSpell, MilestoneKind, Source

CHUNK = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Milestone:
    """A step of a member's way. `amount`: minor units of `currency`, as a positive number also for refunds."""

    member_id: int
    kind: str  # MilestoneKind
    source_key: str  # kind:object, e.g. "order:17"; unique per workspace
    occurred_at: datetime
    amount: int = 0
    currency: str = ""
    source: str = Source.PLATFORM


@dataclass(frozen=True, kw_only=True, slots=True)
class ActivityFacts:
    """What the activity roll-up knows of a member now; replaces what was known before."""

    message_count: int
    last_active_at: datetime | None
    source: str = Source.PLATFORM


def record_milestone(
    *,
    workspace_id: int,
    member_id: int,
    kind: str,
    source_key: str,
    occurred_at: datetime,
    amount: int = 0,
    currency: str = "",
    source: str = Source.PLATFORM,
    now: datetime,
) -> None:
    """Tell one step of a member's way, e.g. kind "order_paid"; `record_milestones` for many. Twice is once."""
    milestone = Milestone(
        member_id=member_id,
        kind=kind,
        source_key=source_key,
        occurred_at=occurred_at,
        amount=amount,
        currency=currency,
        source=source,
    )
    record_milestones(workspace_id=workspace_id, milestones=[milestone], now=now)


@transaction.atomic
def record_milestones(*, workspace_id: int, milestones: Sequence[Milestone], now: datetime) -> None:
    """Store steps, each once per source key, and bring the order facts of their members up to date.

    Facts are summed anew from the stored steps while the members' facts are locked, so calls may be
    repeated, come in any order and run in parallel. A merged member's steps count for her survivor.
    A constant number of queries per 500 members.
    """
    if not milestones:
        return
    survivors = _survivors({milestone.member_id for milestone in milestones})
    member_ids = sorted(set(survivors.values()))
    _lock_facts(workspace_id, member_ids)
    rows = [
        MemberMilestone(
            workspace_id=workspace_id,
            member_id=survivors[milestone.member_id],
            kind=milestone.kind,
            source_key=milestone.source_key,
            occurred_at=milestone.occurred_at,
            amount=milestone.amount,
            currency=milestone.currency,
            source=milestone.source,
        )
        for milestone in milestones
    ]
    MemberMilestone.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)
    for chunk in _chunks(member_ids):
        _sum_orders(workspace_id, chunk, now)


@transaction.atomic
def set_activity_facts(*, workspace_id: int, facts: Mapping[int, ActivityFacts], now: datetime) -> None:
    """Write message count and last activity by member id, replacing earlier values. Unknown ids are skipped."""
    rows = _lock_facts(workspace_id, facts)
    for row in rows:
        new = facts[row.member_id]
        row.message_count, row.last_active_at, row.updated_at = new.message_count, new.last_active_at, now
        row.sources = {**row.sources, "message_count": new.source, "last_active_at": new.source}
    MemberFacts.objects.bulk_update(
        rows, ["message_count", "last_active_at", "sources", "updated_at"], batch_size=CHUNK
    )


def note_first_joins(*, workspace_id: int, member_ids: Collection[int], now: datetime) -> None:
    """Move `first_joined_at` back to the earliest spell where it is later. Runs in the caller's transaction."""
    spells = MembershipSpell.objects.filter(membership__member_id=OuterRef("member_id")).order_by("joined_at")
    earliest = Subquery(spells.values("joined_at")[:1])
    for chunk in _chunks(sorted(member_ids)):
        rows = MemberFacts.objects.of(workspace_id).filter(member_id__in=chunk)
        later = Q(first_joined_at__isnull=True) | Q(first_joined_at__gt=earliest)
        rows.filter(later).update(first_joined_at=earliest, updated_at=now)


def _lock_facts(workspace_id: int, member_ids: Iterable[int]) -> list[MemberFacts]:
    """The members' facts, made where missing, locked in key order until the transaction ends."""
    ids = list(Member.objects.of(workspace_id).filter(pk__in=list(member_ids)).values_list("pk", flat=True))
    known = set(MemberFacts.objects.of(workspace_id).filter(member_id__in=ids).values_list("member_id", flat=True))
    missing = [MemberFacts(workspace_id=workspace_id, member_id=pk) for pk in ids if pk not in known]
    if missing:
        MemberFacts.objects.bulk_create(missing, ignore_conflicts=True)
    rows = MemberFacts.objects.of(workspace_id).filter(member_id__in=ids)
    return list(rows.select_for_update().order_by("pk"))


def _survivors(member_ids: set[int]) -> dict[int, int]:
    rows = Member.objects.filter(pk__in=member_ids).values_list("pk", "merged_into_id")
    return {pk: merged_into_id or pk for pk, merged_into_id in rows}


@dataclass(slots=True)
class _Total:
    """Paid orders of one member in one currency."""

    currency: str
    orders: int
    spent: int
    first_at: datetime | None
    last_at: datetime | None
    source: str


def _sum_orders(workspace_id: int, member_ids: Sequence[int], now: datetime) -> None:
    totals = _order_totals(workspace_id, member_ids)
    rows = MemberFacts.objects.of(workspace_id).filter(member_id__in=list(totals))
    for row in rows:
        mine = totals[row.member_id]
        main = max(mine, key=lambda total: (total.orders, total.currency))
        row.currency, row.spent_amount = main.currency, main.spent
        row.order_count = sum(total.orders for total in mine)
        row.first_order_at = min((total.first_at for total in mine if total.first_at), default=None)
        row.last_order_at = max((total.last_at for total in mine if total.last_at), default=None)
        row.sources = {**row.sources, "order_count": main.source, "spent_amount": main.source}
        row.updated_at = now
    fields = ["currency", "spent_amount", "order_count", "first_order_at", "last_order_at", "sources", "updated_at"]
    MemberFacts.objects.bulk_update(rows, fields)


def _order_totals(workspace_id: int, member_ids: Sequence[int]) -> dict[int, list[_Total]]:
    """Totals by member, one per currency; orders are counted and money is summed per currency."""
    paid, refunded = Q(kind=MilestoneKind.ORDER_PAID), Q(kind=MilestoneKind.ORDER_REFUNDED)
    rows = MemberMilestone.objects.of(workspace_id).filter(paid | refunded, member_id__in=member_ids)
    summed = rows.values("member_id", "currency").annotate(
        orders=Count("id", filter=paid),
        spent=Coalesce(Sum("amount", filter=paid), 0) - Coalesce(Sum("amount", filter=refunded), 0),
        first_at=Min("occurred_at", filter=paid),
        last_at=Max("occurred_at", filter=paid),
        origin=Max("source"),
    )
    totals: dict[int, list[_Total]] = {}
    for row in summed.order_by():
        total = _Total(row["currency"], row["orders"], row["spent"], row["first_at"], row["last_at"], row["origin"])
        totals.setdefault(row["member_id"], []).append(total)
    return totals


def _chunks(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))
