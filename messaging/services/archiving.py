"""Ending the use of a channel; with the last one of its account receiving ends too."""

from datetime import datetime

from django.db import transaction

from community_ops.common import audit, outbox
from community_ops.common.actors import Actor
from messaging.errors import EndpointInUse
from messaging.events import EndpointArchived
from messaging.models import Connection, Delivery, DeliveryState, Endpoint
from messaging.services import identities
from messaging.services.endpoints import channels_beside
from messaging.services.receiving.routes import close_for_good

_OPEN = (DeliveryState.PLANNED, DeliveryState.SENDING, DeliveryState.WAITING)


@transaction.atomic
def archive_endpoint(*, endpoint: Endpoint, actor: Actor, now: datetime) -> None:
    """Hide an endpoint and stop its use: groups that were bound to it have no channel any more.

    Where it was the last one of its account, receiving is switched off with it (`close_for_good`), and another
    workspace may send through it.
    Writes an audit row and EndpointArchived. Twice is once. Raises EndpointInUse while messages are planned for it.
    """
    planned = Delivery.objects.filter(endpoint=endpoint, state__in=_OPEN).count()
    if planned:
        raise EndpointInUse(count=planned)
    if not Endpoint.objects.filter(pk=endpoint.pk, archived_at__isnull=True).update(archived_at=now, updated_at=now):
        return
    audit.record(actor=actor, verb="endpoint.archived", target=endpoint, now=now)
    outbox.publish(EndpointArchived(workspace_id=endpoint.workspace_id, endpoint_id=endpoint.pk))
    # of two that archive the last two channels at once, the second waits here and finds none beside its own
    account = Connection.objects.select_for_update().get(pk=endpoint.connection_id)
    identities.release(account.identity)
    if not channels_beside(endpoint):
        close_for_good(connection=account, actor=actor, now=now)
