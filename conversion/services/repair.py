"""Counting a sale anew from its holds: for repair by a person, never part of selling."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet, Sum

from community_ops.common import audit
from community_ops.common.actors import Actor
from community_ops.common.models import HoldState
from conversion.models import FlashSale, SaleBuyer, SaleItem, StockHold

_RUNNING = (HoldState.HELD, HoldState.KEPT)


@transaction.atomic
def recount_sale(*, sale: FlashSale, actor: Actor, now: datetime) -> int:
    """Set what is left and what each buyer has to what the holds say; returns how many rows were wrong.

    Buyers' and stock rows are locked meanwhile. Writes one audit row when something was wrong; again changes nothing.
    """
    holds = StockHold.objects.filter(item__sale=sale, state__in=_RUNNING)
    buyers = list(SaleBuyer.objects.filter(sale=sale).order_by("pk").select_for_update())
    items = list(SaleItem.objects.filter(sale=sale).order_by("pk").select_for_update())
    wrong = [
        *(
            _correct_buyer(buyer, _pieces(holds.filter(line__order__member_id=buyer.member_id)), now)
            for buyer in buyers
        ),
        *(_correct_item(item, item.total - _pieces(holds.filter(item=item)), now) for item in items),
    ]
    if count := sum(wrong):
        audit.record(actor=actor, verb="flash_sale.recounted", target=sale, now=now, after={"corrected": count})
    return count


def _pieces(holds: QuerySet[StockHold]) -> int:
    return holds.aggregate(total=Sum("quantity"))["total"] or 0


def _correct_buyer(buyer: SaleBuyer, quantity: int, now: datetime) -> bool:
    rows = SaleBuyer.objects.filter(pk=buyer.pk).exclude(quantity=quantity)
    return rows.update(quantity=quantity, updated_at=now) == 1


def _correct_item(item: SaleItem, left: int, now: datetime) -> bool:
    rows = SaleItem.objects.filter(pk=item.pk).exclude(left=left)
    return rows.update(left=left, updated_at=now) == 1
