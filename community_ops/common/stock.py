"""Taking from and giving back to a LimitedStock: one conditional update each, never read-then-save."""

from datetime import datetime

from django.db.models import F

from community_ops.common.models import Hold, HoldState, LimitedStock


def take(row: LimitedStock, *, quantity: int, now: datetime) -> bool:
    """Take `quantity` (> 0) if that much is left; True when taken. Run inside the order's transaction.

    One UPDATE: two takers of the last piece are decided by the database. `row.left` is not refreshed.
    """
    _refuse_non_positive(quantity)
    rows = type(row)._base_manager.filter(pk=row.pk, left__gte=quantity)
    return rows.update(left=F("left") - quantity, updated_at=now) == 1


def give_back(row: LimitedStock, *, quantity: int, now: datetime) -> None:
    """Give `quantity` back. Raises ValueError when more would be left than there ever was."""
    _refuse_non_positive(quantity)
    rows = type(row)._base_manager.filter(pk=row.pk, left__lte=F("total") - quantity)
    if rows.update(left=F("left") + quantity, updated_at=now) != 1:
        raise ValueError(f"{row._meta.label} {row.pk}: more given back than was taken")


def add(row: LimitedStock, *, quantity: int, now: datetime) -> None:
    """Raise the total by `quantity` (> 0): all of it is left."""
    _refuse_non_positive(quantity)
    type(row)._base_manager.filter(pk=row.pk).update(
        total=F("total") + quantity, left=F("left") + quantity, updated_at=now
    )


def _refuse_non_positive(quantity: int) -> None:
    if quantity <= 0:
        raise ValueError("quantity must be positive")


def keep(hold: Hold, *, now: datetime) -> bool:
    """Make a running hold final; False when it was settled before or has run out by `now`."""
    rows = type(hold)._base_manager.filter(pk=hold.pk, state=HoldState.HELD, expires_at__gt=now)
    return rows.update(state=HoldState.KEPT, updated_at=now) == 1


def release(hold: Hold, stock: LimitedStock, *, now: datetime) -> bool:
    """End a hold and give its pieces back to `stock`; False (and nothing given back) when it was settled before."""
    rows = type(hold)._base_manager.filter(pk=hold.pk, state=HoldState.HELD)
    if rows.update(state=HoldState.GIVEN_BACK, updated_at=now) != 1:
        return False
    give_back(stock, quantity=hold.quantity, now=now)
    return True
