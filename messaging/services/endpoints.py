"""Endpoints and their connections."""

from datetime import datetime
from typing import Any

from django.db import transaction

from community_ops.common import audit, text
from community_ops.common.actors import Actor
from messaging.errors import EndpointInUse
from messaging.models import Connection, Delivery, DeliveryState, Endpoint
from messaging.platforms import registry


@transaction.atomic
def create_endpoint(
    *, workspace_id: int, name: str, platform: str, config: dict[str, Any], actor: Actor, now: datetime
) -> Endpoint:
    """Create an endpoint and its connection. `config` is the platform's own (docs/api.md).

    Raises InvalidInput for name or platform, ConfigRefused naming the setting. Secrets are encrypted and
    never handed out again. Every call makes a new endpoint.
    """
    name = text.clean_line(name, field="name", max_length=100)
    account = registry.get(platform).read_config(config)
    secret: Any = account.secret  # the field encrypts JSON; its type says text
    connection = Connection.objects.create(
        workspace_id=workspace_id, platform=platform, name=name, config=account.config, secret=secret
    )
    endpoint = Endpoint.objects.create(
        workspace_id=workspace_id,
        connection=connection,
        name=name,
        address=account.address,
        drops_repeats=account.drops_repeats,
    )
    after = {"name": name, "platform": platform, "config": account.config}
    audit.record(actor=actor, verb="endpoint.created", target=endpoint, now=now, after=after)
    return endpoint


@transaction.atomic
def rename_endpoint(*, endpoint: Endpoint, name: str, actor: Actor, now: datetime) -> Endpoint:
    """Give an endpoint another name; the same name again changes nothing."""
    name = text.clean_line(name, field="name", max_length=100)
    before = endpoint.name
    if name != before:
        Endpoint.objects.filter(pk=endpoint.pk).update(name=name, updated_at=now)
        endpoint.name = name
        audit.record(
            actor=actor,
            verb="endpoint.renamed",
            target=endpoint,
            now=now,
            before={"name": before},
            after={"name": name},
        )
    return endpoint


@transaction.atomic
def archive_endpoint(*, endpoint: Endpoint, actor: Actor, now: datetime) -> None:
    """Hide an endpoint and stop its use. Raises EndpointInUse while messages are planned for it."""
    open_states = (DeliveryState.PLANNED, DeliveryState.SENDING, DeliveryState.WAITING)
    planned = Delivery.objects.filter(endpoint=endpoint, state__in=open_states).count()
    if planned:
        raise EndpointInUse(count=planned)
    if Endpoint.objects.filter(pk=endpoint.pk, archived_at__isnull=True).update(archived_at=now, updated_at=now):
        audit.record(actor=actor, verb="endpoint.archived", target=endpoint, now=now)
