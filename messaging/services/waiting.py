"""What waits for a person: asked again and again whether it may still be posted, and given up a day later."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from messaging.models import Delivery, DeliveryState, TaskItem, TaskState
from messaging.policies import CAP, QUIET_HOURS
from messaging.services import cards
from messaging.services.card_holds import kept_items
from messaging.services.send_rules import kept_from, not_now
from messaging.services.sending import verdicts_on
from messaging.task_policies import FORGOTTEN, FORGOTTEN_AFTER, POSTS

BATCH = 200
# After a latest moment a cap is asked whether it was the reason: later it counts others.
JUST_OVER = timedelta(minutes=5)


def review_waiting(*, now: datetime) -> int:
    """Withdraw what may not be posted any more (its guard says no), and what nobody posted within a day.

    What a send rule holds back waits on, at most until its latest moment: what is held then was kept from her, so it
    is cancelled for that reason and is nobody's lateness. Likewise where a holiday or a cap holds one when its day is
    over: nobody forgot it. Returns how many places ended. Guards are asked outside any transaction, each once for
    a batch. Safe to repeat and to run twice.
    """
    ended = sum(_review(batch, now) for batch in _batches())
    return ended + _give_up(now) + _end_kept(now)


def _waiting() -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=DeliveryState.WAITING, task_item__state=TaskState.OPEN)


def _batches() -> Iterator[list[Delivery]]:
    last = 0
    while batch := list(_waiting().filter(pk__gt=last).order_by("pk")[:BATCH]):
        yield batch
        last = batch[-1].pk


def _review(batch: list[Delivery], now: datetime) -> int:
    refused, kept = defaultdict[str, list[int]](list), _kept_until_latest(batch, now)
    for delivery, verdict in zip(batch, verdicts_on(batch, now), strict=True):
        if not verdict.allowed and not verdict.waits:
            refused[verdict.reason].append(delivery.pk)
        elif delivery.pk in kept:
            refused[kept[delivery.pk]].append(delivery.pk)
    return sum(_withdraw(pks, reason, now) for reason, pks in refused.items())


@transaction.atomic
def _end_kept(now: datetime) -> int:
    """Of cards without deliveries (a private message, a moments post, red packets) what a rule held when the latest
    moment came; nobody gives the others up."""
    late = TaskItem.objects.filter(state=TaskState.OPEN, delivery__isnull=True, task__kind__in=POSTS)
    late = late.filter(task__latest_at__lte=now, task__latest_at__gt=now - FORGOTTEN_AFTER)
    kept = kept_items(late.select_related("task", "delivery").order_by("pk").iterator(chunk_size=BATCH))
    count = 0
    for task in cards.lock_cards(late.filter(pk__in=kept).values_list("task_id", flat=True)):
        items = [item for item in cards.open_items(task) if item.pk in kept]
        reason = kept[items[0].pk].reason if items else ""
        end = (DeliveryState.CANCELLED, reason)
        count += len(cards.end_items(items, state=TaskState.WITHDRAWN, delivery=end, now=now, reason=reason))
        cards.close_if_over(task, now=now, reason=reason)
    return count


def _kept_until_latest(batch: list[Delivery], now: datetime) -> dict[int, str]:
    """By id the code of the rule that held it when its latest moment came."""
    over = [row for row in batch if row.latest_at is not None and row.latest_at <= now]
    capped = not_now([row for row in over if row.latest_at is not None and now < row.latest_at + JUST_OVER], now=now)
    kept = {pk: why.reason for pk, why in capped.items() if why.reason == CAP}
    return kept | {pk: why.reason for pk, why in kept_from(over).items()}


@transaction.atomic
def _withdraw(pks: list[int], reason: str, now: datetime) -> int:
    return cards.withdraw(Delivery.objects.filter(pk__in=pks), reason=reason[:60], now=now)


@transaction.atomic
def _give_up(now: datetime) -> int:
    """Nobody posts it any more: said as it is, and her list is not full of last week's cards."""
    rows = _waiting().alias(last=Coalesce("latest_at", "due_at")).filter(last__lte=now - FORGOTTEN_AFTER)
    given_up = list(rows.order_by("pk")[:BATCH])
    if not given_up:
        return 0
    held = _held_for_long(given_up, now)
    count = sum(
        cards.withdraw(Delivery.objects.filter(pk__in=pks), reason=reason, now=now) for reason, pks in held.items()
    )
    is_held = {pk for pks in held.values() for pk in pks}
    rest = Delivery.objects.filter(pk__in=[row.pk for row in given_up if row.pk not in is_held])
    return count + cards.withdraw(rest, reason=FORGOTTEN, now=now, state=DeliveryState.EXPIRED)


def _held_for_long(rows: Sequence[Delivery], now: datetime) -> dict[str, list[int]]:
    """Ids by the rule that holds them back; of quiet hours there is an end within each day, so they excuse nothing."""
    held: dict[str, list[int]] = defaultdict(list)
    for pk, why in not_now(rows, now=now).items():
        if why.reason != QUIET_HOURS:
            held[why.reason].append(pk)
    return held
