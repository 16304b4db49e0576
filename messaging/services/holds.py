"""What must not be posted by hand at this moment: what somebody paused, and what a send rule holds back."""

from collections.abc import Iterable
from datetime import datetime

from messaging.models import Delivery
from messaging.services.send_rules import NotNow, not_now
from messaging.services.sending import verdicts_on


def held_now(deliveries: Iterable[Delivery], *, now: datetime) -> dict[int, NotNow]:
    """Of deliveries that wait for a person, by id, those whose guard says "not now", and those a send rule holds.

    The guards are those that are asked when she copies; of one that is paused and held that it is paused is said.
    Each guard is asked once; besides that the queries of `not_now`.
    """
    rows = list(deliveries)
    verdicts = zip(rows, verdicts_on(rows, now), strict=True)
    paused = {row.pk: NotNow(verdict.reason) for row, verdict in verdicts if verdict.waits}
    return not_now(rows, now=now) | paused
