"""The states whose words people read of deliveries: in SQL, narrowed to, and counted."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, CharField, Count, F, Q, QuerySet, Value, When

from messaging.models import Delivery, DeliveryState
from messaging.policies import PARKED, PARTLY_SENT, READ_BY_REASON, UNSENT

# Of each end that is stored, the newest so many are looked at: the record is opened all day, and ends pile up.
COUNTED_MOST = 999
_OPEN = (DeliveryState.PLANNED, DeliveryState.SENDING, DeliveryState.WAITING, DeliveryState.UNKNOWN)
_READ_AS: dict[str, tuple[str, ...]] = {  # what a stored end can read
    DeliveryState.ACCEPTED: (DeliveryState.ACCEPTED,),
    DeliveryState.CONFIRMED: (DeliveryState.CONFIRMED,),
    DeliveryState.FAILED: (DeliveryState.FAILED, "parked", PARTLY_SENT),
    DeliveryState.EXPIRED: (DeliveryState.EXPIRED, PARTLY_SENT),
    DeliveryState.CANCELLED: (DeliveryState.CANCELLED, *READ_BY_REASON, PARTLY_SENT),
}


def read_as(now: datetime) -> Case:
    """The state whose words people read, in SQL; `messaging.wording.badge_state` says the same of one row."""
    is_due = Q(state=DeliveryState.PLANNED, due_at__lte=now)
    return Case(
        When(state=DeliveryState.PLANNED, reason="paused", then=Value("paused")),
        When(is_due & Q(reason="retrying"), then=Value("retrying")),
        When(is_due, then=Value("due")),
        When(state__in=UNSENT, parts_sent__gt=0, then=Value(PARTLY_SENT)),
        When(Q(state=DeliveryState.FAILED, reason__in=PARKED), then=Value("parked")),
        When(state=DeliveryState.CANCELLED, reason__in=READ_BY_REASON, then=F("reason")),
        default=F("state"),
        output_field=CharField(),
    )


def that_read(rows: QuerySet[Delivery], state: str, *, now: datetime) -> QuerySet[Delivery]:
    """Narrow to a state as people read it. The stored states are named too: there is an index on them."""
    stored: dict[str, Collection[str]] = dict.fromkeys(("paused", "due", "retrying"), (DeliveryState.PLANNED,))
    stored |= {"parked": (DeliveryState.FAILED,), PARTLY_SENT: UNSENT}
    stored |= dict.fromkeys(READ_BY_REASON, (DeliveryState.CANCELLED,))
    return rows.filter(state__in=stored.get(state, (state,))).alias(shown=read_as(now)).filter(shown=state)


@dataclass(frozen=True, slots=True)
class StateCounts:
    """Deliveries by the state people read; absent states have none. Of those in `more` there may be more than counted,
    also of one that is absent."""

    counts: Mapping[str, int]
    more: frozenset[str] = frozenset()


def delivery_counts(rows: QuerySet[Delivery], *, now: datetime) -> StateCounts:
    """How many deliveries read each state (`read_as`): all that are still open, and of each end the newest
    `COUNTED_MOST`. So a record of millions of rows takes as long as one of thousands. Six queries.
    """
    still_open = rows.order_by().filter(state__in=_OPEN).values(shown=read_as(now)).annotate(count=Count("pk"))
    counts = Counter({row["shown"]: row["count"] for row in still_open})
    more: set[str] = set()
    for stored, read in _READ_AS.items():
        newest = rows.filter(state=stored).order_by("-id").annotate(shown=read_as(now))[: COUNTED_MOST + 1]
        found = newest.aggregate(**{name: Count("pk", filter=Q(shown=name)) for name in read})
        if sum(found.values()) > COUNTED_MOST:
            more.update(read)
        counts.update({name: min(count, COUNTED_MOST) for name, count in found.items() if count})
    return StateCounts(dict(counts), frozenset(more))
