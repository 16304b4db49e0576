"""Reads of what comes in. Each takes who asks."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils.translation import gettext_noop as _

from community_ops.common.actors import Actor
from community_ops.common.errors import NotAvailable
from community_ops.common.tenancy import get_row
from messaging.inbound_models import ChatCursor, InboundRoute, RawEvent, RawState
from messaging.models import Assignee, Connection, TaskItem
from messaging.ports import task_places

GROUP = "group"
REMEMBERED = timedelta(days=30)  # how long a group stays in the paste box after she had work for it


def route_of(connection: Connection) -> InboundRoute | None:
    """How this connection receives, on or off; None where it was never switched on."""
    return InboundRoute.objects.filter(connection=connection).select_related("connection").first()


def raw_events_visible_to(actor: Actor) -> QuerySet[RawEvent]:
    """What came in through the workspace's accounts, without what it says, oldest first."""
    rows = RawEvent.objects.filter(workspace_id=actor.workspace_id or 0, connection__isnull=False)
    return rows.select_related("connection").defer("body").order_by("id")


def get_raw_event(actor: Actor, raw_event_id: int) -> RawEvent:
    """Raises NotFound, also for another workspace's."""
    return get_row(raw_events_visible_to(actor), raw_event_id, _("There is no such event."))


def failing_cursors(connection: Connection) -> list[ChatCursor]:
    """Chats of the connection that could not be asked at the last try, by channel name."""
    rows = ChatCursor.objects.filter(
        endpoint__connection=connection, endpoint__archived_at__isnull=True, failing_since__isnull=False
    )
    return list(rows.select_related("endpoint").order_by("endpoint__name", "id"))


def events_not_read(actor: Actor) -> int:
    """How many events could not be read after several tries."""
    return RawEvent.objects.filter(workspace_id=actor.workspace_id or 0, state=RawState.FAILED).count()


def places_to_paste(person: Assignee, *, now: datetime) -> Mapping[int, str]:
    """By id the groups from which she may paste: those she posts in, and those she had work for lately.

    Empty where no app has groups.
    """
    items = TaskItem.objects.filter(
        task__assignee=person, target_kind=GROUP, target_id__isnull=False, task__created_at__gte=now - REMEMBERED
    )
    try:
        places = task_places.get(GROUP)
    except NotAvailable:
        return {}
    return places.reached_by(
        workspace_id=person.workspace_id,
        endpoint_id=person.endpoint_id,
        ids={pk for pk in items.values_list("target_id", flat=True) if pk is not None},
    )
