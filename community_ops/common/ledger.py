"""Append-only ledgers: entries are added once by their source key and never changed."""

from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Sum

from community_ops.common.models import LedgerEntry

L = TypeVar("L", bound=LedgerEntry)


def append(
    model: type[L], *, workspace_id: int, source_key: str, amount: int, occurred_at: datetime, reason: str, **facts: Any
) -> tuple[L, bool]:
    """Add an entry unless one with this `source_key` exists; returns (entry, added)."""
    return model._base_manager.get_or_create(
        workspace_id=workspace_id,
        source_key=source_key,
        defaults={"amount": amount, "occurred_at": occurred_at, "reason": reason[:300], **facts},
    )


def counter(entry: L, *, occurred_at: datetime, reason: str, **facts: Any) -> tuple[L, bool]:
    """Undo `entry` by an entry of the opposite amount; a second call returns the first counter-entry."""
    return append(
        type(entry),
        workspace_id=entry.workspace_id,
        source_key=f"counter:{entry.source_key}",
        amount=-entry.amount,
        occurred_at=occurred_at,
        reason=reason,
        **facts,
    )


def balance(model: type[LedgerEntry], *, workspace_id: int, **owner: Any) -> int:
    """Sum of the amounts of this owner's entries; 0 when there are none."""
    total = model._base_manager.filter(workspace_id=workspace_id, **owner).aggregate(total=Sum("amount"))["total"]
    return total or 0
