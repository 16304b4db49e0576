"""The row is the queue: taking rows in hand, and putting them back, into line or aside.

Every change is one conditional update, so a worker that lost its row changes nothing. Leases are in
the database's time; what is due is in the product's.
"""

import random
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from community_ops.common.turns import unlocked
from messaging.models import Delivery, DeliveryState
from messaging.policies import end_of
from messaging.services.channels import Channels
from messaging.services.ends import telling
from messaging.services.limits import IN_LINE
from messaging.services.statements import update_where

LOOK_AHEAD = timedelta(seconds=2)
# Longer than a full hand of quick sends takes; a crashed worker's rows start at most this much late.
CLAIM_LEASE = timedelta(seconds=10)
NOBODY: Collection[int] = frozenset()


def anything_due(*, until: datetime, db_now: datetime, besides: Collection[int] = NOBODY) -> bool:
    """Whether there is a row to take; asked first, because an idle tick must not lock anything.

    `besides`: workspaces whose rows are left alone, as in `claim`.
    """
    return _free(until, db_now, besides).exists()


def claim(
    *,
    owner: str,
    limit: int,
    until: datetime,
    db_now: datetime,
    besides: Collection[int] = NOBODY,
    channels: Channels | None = None,
) -> list[Delivery]:
    """Take up to `limit` rows that start before `until` in hand and return them in order of their start.

    They come with their message, endpoint and account; `channels` remembers the last two from claim to claim.

    Where several workspaces have something due, each gets its share: a fan-out of thousands does not hold up the
    one message of another.
    """
    with transaction.atomic():
        free = _free(until, db_now, besides)
        ids = _shares(free, limit)
        if len(ids) < limit:  # what the others left over
            ids += unlocked(free.exclude(pk__in=ids)).values_list("pk", flat=True)[: limit - len(ids)]
        Delivery.objects.filter(pk__in=ids).update(lease_owner=owner, lease_until=db_now + CLAIM_LEASE)
    # By the key alone: with the state among the conditions a database that knows little of the table reads every
    # planned row for it.
    taken = Delivery.objects.filter(pk__in=ids, lease_owner=owner).select_related("message")
    planned = [row for row in taken if row.state == DeliveryState.PLANNED]
    (channels or Channels()).put_in(planned)
    return sorted(planned, key=lambda row: (row.next_try_at, row.pk))


def _free(until: datetime, db_now: datetime, besides: Collection[int]) -> QuerySet[Delivery]:
    rows = Delivery.objects.filter(state=DeliveryState.PLANNED, next_try_at__lte=until)
    if besides:
        rows = rows.exclude(workspace_id__in=besides)
    return rows.filter(Q(lease_until__isnull=True) | Q(lease_until__lt=db_now)).order_by("next_try_at", "id")


def _shares(free: QuerySet[Delivery], limit: int) -> list[int]:
    """The first rows of each workspace, as many of one as of another; nothing where only one has something due."""
    workspaces = list(free.order_by().values_list("workspace_id", flat=True).distinct())
    if len(workspaces) < 2:
        return []
    chosen = random.sample(workspaces, min(len(workspaces), limit))  # more than there is room for: by lot
    share = limit // len(chosen)
    rows = (unlocked(free.filter(workspace_id=one)).values_list("pk", flat=True)[:share] for one in chosen)
    return [pk for found in rows for pk in found]


def let_go(deliveries: list[Delivery], *, owner: str) -> None:
    """Put rows back that were taken and not started."""
    rows = Delivery.objects.filter(pk__in=[row.pk for row in deliveries], lease_owner=owner)
    rows.filter(state=DeliveryState.PLANNED).update(lease_owner="", lease_until=None)


def wait(delivery: Delivery, *, owner: str, seconds: float, now: datetime, reason: str = IN_LINE) -> bool:
    """Put a row that found no slot into line: planned, later. Waiting costs no try. False as for `drop`."""
    place = {"next_try_at": now + timedelta(seconds=max(0.0, seconds)), "reason": reason, "updated_at": now}
    return update_where(Delivery, held(delivery, owner), place | {"lease_owner": "", "lease_until": None}) == 1


def drop(delivery: Delivery, *, owner: str, state: DeliveryState, reason: str, now: datetime) -> bool:
    """Settle a row without a call: in doubt where an earlier try may have arrived (`policies.end_of`).

    False when it was moved, cancelled or taken by another worker.
    """
    state, reason = end_of(state, reason, may_have_arrived=delivery.may_have_arrived)
    settled = {"state": state, "reason": reason[:60], "lease_owner": "", "lease_until": None, "updated_at": now}
    with telling([(delivery, state)], now=now) as tell:
        if not update_where(Delivery, held(delivery, owner), settled):
            return False
        tell([delivery.pk])
    return True


def held(delivery: Delivery, owner: str) -> dict[str, Any]:
    """The row, if it is still planned, in this owner's hand and as she read it."""
    as_read = {"id": delivery.pk, "attempt_count": delivery.attempt_count}
    return as_read | {"state": DeliveryState.PLANNED.value, "lease_owner": owner}
