"""Reads of what comes in. Each takes who asks."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, QuerySet
from django.utils.translation import gettext_noop as _

from community_ops.common.actors import Actor
from community_ops.common.errors import NotAvailable
from community_ops.common.tenancy import get_row
from messaging.inbound_models import ChatCursor, InboundRoute, RawEvent, RawState
from messaging.models import Assignee, Connection, Endpoint, TaskItem
from messaging.platforms.inbound import Said
from messaging.ports import task_places

GROUP = "group"
SILENT_FOR = timedelta(minutes=10)
LOOKED_AT = 500  # events of a room's account
REMEMBERED = timedelta(days=30)  # how long a group stays in the paste box after she had work for it


def route_of(connection: Connection) -> InboundRoute | None:
    """How this connection receives, on or off; None where it was never switched on."""
    return InboundRoute.objects.filter(connection=connection).select_related("connection").first()


def last_to_receive(endpoints: Collection[Endpoint]) -> set[int]:
    """Ids of those with which receiving of their account would end. `endpoints`: all live ones. One query."""
    channels = Counter(endpoint.connection_id for endpoint in endpoints)
    alone = [pk for pk, count in channels.items() if count == 1]
    receiving = set(
        InboundRoute.objects.filter(connection_id__in=alone, is_on=True).values_list("connection_id", flat=True)
    )
    return {endpoint.pk for endpoint in endpoints if endpoint.connection_id in receiving}


def raw_events_visible_to(actor: Actor) -> QuerySet[RawEvent]:
    """What came in through the workspace's accounts, without what it says, oldest first."""
    rows = RawEvent.objects.filter(workspace_id=actor.workspace_id or 0, connection__isnull=False)
    return rows.select_related("connection", "endpoint").defer("body").order_by("id")


def moves_in_room(room: Endpoint, *, count: int = 100) -> list[RawEvent]:
    """Who came into a sandbox room and who left it, as it was heard: the newest of them, oldest first.

    Among the account's newest events only, so that a room where much is said costs no more than a quiet one. A name
    goes a week after it was read, the event itself later.
    """
    newest = RawEvent.objects.filter(connection_id=room.connection_id).order_by("-id")[:LOOKED_AT]
    moved = RawEvent.objects.filter(pk__in=newest.values("pk"), endpoint=room, said_kind__in=(Said.JOIN, Said.LEAVE))
    return list(reversed(moved.filter(state=RawState.READ).defer("body").order_by("-id")[:count]))


def is_reading(room: Endpoint) -> bool:
    """Whether something that was said or done in a sandbox room is not read yet, and so not to be seen there.

    A room is the only channel of its account.
    """
    newest = RawEvent.objects.filter(connection_id=room.connection_id).order_by("-id")[:LOOKED_AT]
    return RawEvent.objects.filter(pk__in=newest.values("pk"), state=RawState.PENDING).exists()


def get_raw_event(actor: Actor, raw_event_id: int) -> RawEvent:
    """Raises NotFound, also for another workspace's."""
    return get_row(raw_events_visible_to(actor), raw_event_id, _("There is no such event."))


def failing_cursors(connection: Connection) -> list[ChatCursor]:
    """Chats of the connection that could not be asked at the last try, by channel name."""
    rows = ChatCursor.objects.filter(
        endpoint__connection=connection, endpoint__archived_at__isnull=True, failing_since__isnull=False
    )
    return list(rows.select_related("endpoint").order_by("endpoint__name", "id"))


@dataclass(frozen=True, slots=True)
class Unread:
    """Events of one account that could not be read after several tries; without an account what people pasted."""

    connection_id: int | None
    name: str
    count: int
    since: datetime


def events_not_read(actor: Actor) -> list[Unread]:
    """By account, the oldest first. One query."""
    rows = RawEvent.objects.filter(workspace_id=actor.workspace_id or 0, state=RawState.FAILED)
    found = rows.values("connection_id", "connection__name").annotate(count=Count("pk"), since=Min("received_at"))
    return [
        Unread(row["connection_id"], row["connection__name"] or "", row["count"], row["since"])
        for row in found.order_by("since")
    ]


def chats_not_asked(actor: Actor, *, now: datetime) -> list[ChatCursor]:
    """Chats that could not be asked for ten minutes, the longest first."""
    rows = ChatCursor.objects.filter(workspace_id=actor.workspace_id or 0, failing_since__lt=now - SILENT_FOR)
    rows = rows.filter(endpoint__archived_at__isnull=True, endpoint__connection__inbound_route__is_on=True)
    return list(rows.select_related("endpoint").order_by("failing_since"))


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
