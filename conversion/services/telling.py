"""What a running sale tells: its conditions to the ladder, refusals to the control room."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from campaigns import services as campaigns
from community_ops.common import outbox
from community_ops.common.errors import DomainError
from conversion import policies, selectors
from conversion.errors import SaleLimitReached, SaleNotOpen, SaleSoldOut
from conversion.events import SaleSoldOut as SaleSoldOutEvent
from conversion.models import FlashSale, RefusalCount, RefusalReason, SaleState
from conversion.policies import SaleMoment
from conversion.services.sales import SUBJECT_KIND

HALF_SOLD, SOLD_OUT = "half_sold", policies.SOLD_OUT
# The last order of a sale may be paid in its last second.
_LOOK_BACK = timedelta(minutes=1)


def tell_conditions(*, now: datetime) -> int:
    """Tell the ladders of running sales that half is sold or all is; returns how many conditions were told.

    "Sold" is paid: a text that says so is true for good. Each condition is told once per sale (conditional update of
    its time), in one transaction with its effects, however many tasks look. Runs outside the buyers' transactions.
    """
    rows = FlashSale.objects.filter(
        state=SaleState.SCHEDULED, sold_out_at=None, starts_at__lte=now, ends_at__gt=now - _LOOK_BACK
    )
    sales = selectors.with_counts(rows.order_by("pk"), now=now)
    return sum(_tell(sale, selectors.counts_of(sale), now=now) for sale in sales)


def _tell(sale: FlashSale, counts: policies.StockCounts, *, now: datetime) -> int:
    if policies.is_sold_out(counts):
        return _tell_sold_out(sale, now=now)
    return _tell_half_sold(sale, now=now) if policies.is_half_sold(counts) else 0


@transaction.atomic
def _tell_half_sold(sale: FlashSale, *, now: datetime) -> int:
    rows = FlashSale.objects.filter(pk=sale.pk, half_sold_at=None, sold_out_at=None)
    if not rows.update(half_sold_at=now, updated_at=now):
        return 0
    _meet(sale, HALF_SOLD, now=now)
    return 1


@transaction.atomic
def _tell_sold_out(sale: FlashSale, *, now: datetime) -> int:
    """A sale that sold out at once has no "half is sold" any more."""
    if not FlashSale.objects.filter(pk=sale.pk, sold_out_at=None).update(sold_out_at=now, updated_at=now):
        return 0
    FlashSale.objects.filter(pk=sale.pk, half_sold_at=None).update(half_sold_at=now)
    _meet(sale, SOLD_OUT, now=now)
    outbox.publish(SaleSoldOutEvent(workspace_id=sale.workspace_id, sale_id=sale.pk, at=now))
    return 1


def take_back_sold_out(*, sale_id: int, now: datetime) -> None:
    """Pieces of a running sale came back after it was told as sold out: what that called off is planned again.

    A "sold out" that has not gone out yet never does. Inside the transaction that gives the pieces back; without
    such a sale nothing happens. When the pieces are sold too, it is told again.
    """
    rows = FlashSale.objects.filter(pk=sale_id, sold_out_at__lte=now, ends_at__gt=now)
    if not rows.update(sold_out_at=None, updated_at=now):
        return
    sale = FlashSale.objects.get(pk=sale_id)
    campaigns.clear_condition(**_subject(sale), condition=SOLD_OUT, reason="not_sold_out", now=now)


def _meet(sale: FlashSale, condition: str, *, now: datetime) -> None:
    campaigns.meet_condition(**_subject(sale), condition=condition, now=now)


def _subject(sale: FlashSale) -> dict[str, Any]:
    return {"workspace_id": sale.workspace_id, "subject_kind": SUBJECT_KIND, "subject_id": sale.pk}


def count_refusal(*, sale_id: int, refusal: DomainError, now: datetime) -> None:
    """Count a refused buyer by what refused; other refusals are not counted. After the refused transaction."""
    reason = _reason(refusal)
    if reason is None:
        return
    which = Q(sale_id=sale_id, reason=reason)
    if RefusalCount.objects.filter(which).update(count=F("count") + 1, updated_at=now):
        return
    sale = FlashSale.objects.filter(pk=sale_id).first()
    if sale is not None:
        facts = {"workspace_id": sale.workspace_id, "sale": sale, "reason": reason}
        RefusalCount.objects.bulk_create([RefusalCount(**facts)], ignore_conflicts=True)
        RefusalCount.objects.filter(which).update(count=F("count") + 1, updated_at=now)


def _reason(refusal: DomainError) -> RefusalReason | None:
    if isinstance(refusal, SaleNotOpen):
        return RefusalReason.PAUSED if refusal.extra["state"] == SaleMoment.PAUSED else RefusalReason.NOT_OPEN
    if isinstance(refusal, SaleSoldOut):
        return RefusalReason.FEW_LEFT if refusal.extra["left"] else RefusalReason.SOLD_OUT
    return RefusalReason.LIMIT if isinstance(refusal, SaleLimitReached) else None
