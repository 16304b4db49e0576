"""Rules of sales, stock and orders. No database, no clock."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from django.utils.translation import gettext as _

from community_ops.common.errors import InvalidInput

# "now" reaches us some seconds after the caller wrote it down; older is a mistake of the caller.
PAST_MEANS_NOW = timedelta(seconds=60)
MIN_HOLD_SECONDS, MAX_HOLD_SECONDS = 10, 86_400
MAX_PIECES = 1_000_000  # of one stock, one limit, one order line
SUBJECT_KIND = "flash_sale"  # what a sale is called in runs and deliveries
SOLD_OUT = "sold_out"  # the condition of a ladder, and why a message was called off


class SaleMoment(StrEnum):
    """What a sale is right now."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    OPEN = "open"
    PAUSED = "paused"
    SOLD_OUT = "sold_out"
    ENDED = "ended"
    CANCELLED = "cancelled"


class SaleTimes(Protocol):
    """The part of a FlashSale its moment follows from."""

    state: str
    starts_at: datetime
    ends_at: datetime
    paused_at: datetime | None


@dataclass(frozen=True, slots=True)
class StockCounts:
    """Pieces of a sale: `sold` paid, `held` waiting for payment in time, `left` free. They add up to `stock`.

    What is held past its time is left: it can be bought, swept or not.
    """

    stock: int = 0
    sold: int = 0
    held: int = 0
    left: int = 0

    @property
    def taken(self) -> int:
        return self.sold + self.held


# state -> states it may change to. Terminal states never go back (design/reliability.md section 3).
ORDER_CHANGES: dict[str, frozenset[str]] = {
    "held": frozenset({"paid", "expired", "cancelled", "paid_late"}),
    "expired": frozenset({"paid_late"}),
    "paid": frozenset({"fulfilled", "refunded"}),
    "paid_late": frozenset({"paid", "refunded"}),
    "fulfilled": frozenset({"refunded"}),
    "cancelled": frozenset(),
    "refunded": frozenset(),
}


def sale_moment(sale: SaleTimes, *, left: int, now: datetime) -> SaleMoment:
    """What the sale is at `now`, by comparing times; `left` are the pieces that can be bought at `now`.

    Over beats paused, paused beats sold out. A sale paused before its start stays shut when its time comes.
    """
    if sale.state != "scheduled":
        return SaleMoment(sale.state)
    if now >= sale.ends_at:
        return SaleMoment.ENDED
    if sale.paused_at is not None:
        return SaleMoment.PAUSED
    if now < sale.starts_at:
        return SaleMoment.SCHEDULED
    return SaleMoment.OPEN if left > 0 else SaleMoment.SOLD_OUT


def sells(moment: SaleMoment) -> bool:
    """Whether orders are looked at: a sold-out sale is open, only empty."""
    return moment in (SaleMoment.OPEN, SaleMoment.SOLD_OUT)


def start_or_now(starts_at: datetime, *, now: datetime) -> datetime:
    """`starts_at`, or `now` when it is at most 60 s past. Raises InvalidInput when it is older."""
    if starts_at < now - PAST_MEANS_NOW:
        raise InvalidInput(_("This time is past."), field="starts_at")
    return max(starts_at, now)


def refuse_bad_window(*, starts_at: datetime, ends_at: datetime) -> None:
    if ends_at <= starts_at:
        raise InvalidInput(_("The end must be after the start."), field="ends_at")


def refuse_out_of_range(value: int | None, *, field: str, low: int = 1, high: int = MAX_PIECES) -> None:
    """Raise InvalidInput naming `field` unless low <= value <= high; None (no limit) passes."""
    if value is not None and not low <= value <= high:
        raise InvalidInput(_("From %(low)d to %(high)d.") % {"low": low, "high": high}, field=field)


def refuse_bad_price(amount: int, *, field: str = "price_amount") -> None:
    """A price is above zero."""
    if amount <= 0:
        raise InvalidInput(_("A price is above zero."), field=field)


def is_half_sold(counts: StockCounts) -> bool:
    """At least half of the stock is paid."""
    return counts.stock > 0 and counts.sold * 2 >= counts.stock


def is_sold_out(counts: StockCounts) -> bool:
    """All of the stock is paid: what is held may still come back."""
    return counts.stock > 0 and counts.sold >= counts.stock


def new_public_code() -> str:
    """128 random bits: the address of a sale cannot be guessed."""
    return secrets.token_urlsafe(16)
