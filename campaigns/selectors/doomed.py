"""What of the next sends will not be there as things are: a send rule holds it, or its group has no live channel."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from campaigns.selectors.calendar import CalendarItem, send_of
from community_ops.common.actors import Actor
from messaging import services as messaging
from messaging.selectors import deliveries_visible_to

_OPEN = ("planned", "retrying", "due")


def doomed_counts(actor: Actor, items: Sequence[CalendarItem], *, now: datetime) -> list[dict[str, int]]:
    """For each entry its groups that will not get it, by the reason's code: `quiet_hours`, `holiday`, `cap`, or
    `no_endpoint` and `endpoint_archived`. Nothing is known of those that have no delivery yet.

    Two queries of what is planned at most, and those of `messaging.would_be_held`, however many entries.
    """
    ids = [group.delivery_id for item in items for group in item.groups if group.state in _OPEN and group.delivery_id]
    if not ids:
        return [{} for _item in items]
    rows = list(deliveries_visible_to(actor).filter(pk__in=ids, state="planned").order_by("pk"))
    by_key = {row.source_key: row.pk for row in rows}
    held = messaging.would_be_held(workspace_id=actor.workspace_id or 0, sends=[send_of(row) for row in rows])
    reasons = {by_key[one.send.source_key]: one.reason for one in held if one.send.due_at > now}
    for row in rows:
        if row.endpoint is None:
            reasons[row.pk] = "no_endpoint"
        elif row.endpoint.archived_at is not None:
            reasons[row.pk] = "endpoint_archived"
    return [dict(Counter(_reasons_of(item, reasons))) for item in items]


def _reasons_of(item: CalendarItem, reasons: dict[int, str]) -> list[str]:
    return [reasons[group.delivery_id] for group in item.groups if group.delivery_id in reasons]
