"""What waits for a person: asked again and again whether it may still be posted, and given up a day later."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from messaging.models import Delivery, DeliveryState, TaskState
from messaging.services import cards
from messaging.services.sending import verdict_on
from messaging.task_policies import FORGOTTEN, FORGOTTEN_AFTER

BATCH = 200


def review_waiting(*, now: datetime) -> int:
    """Withdraw what may not be posted any more (its guard says no), and what nobody posted within a day.

    Returns how many deliveries ended. Guards are asked outside any transaction. Safe to repeat and to run twice.
    """
    ended = sum(_review(batch, now) for batch in _batches())
    return ended + _give_up(now)


def _waiting() -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=DeliveryState.WAITING, task_item__state=TaskState.OPEN)


def _batches() -> Iterator[list[Delivery]]:
    last = 0
    while batch := list(_waiting().filter(pk__gt=last).order_by("pk")[:BATCH]):
        yield batch
        last = batch[-1].pk


def _review(batch: list[Delivery], now: datetime) -> int:
    refused: dict[str, list[int]] = defaultdict(list)
    for delivery in batch:
        verdict = verdict_on(delivery, now)
        if not verdict.allowed and not verdict.waits:
            refused[verdict.reason].append(delivery.pk)
    return sum(_withdraw(pks, reason, now) for reason, pks in refused.items())


@transaction.atomic
def _withdraw(pks: list[int], reason: str, now: datetime) -> int:
    return cards.withdraw(Delivery.objects.filter(pk__in=pks), reason=reason[:60], now=now)


@transaction.atomic
def _give_up(now: datetime) -> int:
    """Nobody posts it any more: said as it is, and her list is not full of last week's cards."""
    rows = _waiting().alias(last=Coalesce("latest_at", "due_at")).filter(last__lte=now - FORGOTTEN_AFTER)
    pks = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
    if not pks:
        return 0
    given_up = Delivery.objects.filter(pk__in=pks)
    return cards.withdraw(given_up, reason=FORGOTTEN, now=now, state=DeliveryState.EXPIRED)
