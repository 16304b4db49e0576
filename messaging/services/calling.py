"""The one way to a platform: what is handed to its adapter, and the guarded call."""

import logging
from datetime import datetime
from typing import Any

from messaging.models import Endpoint
from messaging.platforms import registry
from messaging.platforms.base import Outcome, Outgoing, Result

log = logging.getLogger(__name__)


def outgoing(
    endpoint: Endpoint,
    *,
    delivery_id: int,
    text: str,
    sent_at: datetime,
    signed_at: datetime,
    announcement_id: int | None = None,
    group_id: int | None = None,
) -> Outgoing:
    """One text for one chat, with its account's settings and secrets. `endpoint` comes with its connection."""
    account = endpoint.connection
    secret: Any = account.secret  # the field decrypts JSON; its type says text
    return Outgoing(
        workspace_id=endpoint.workspace_id,
        delivery_id=delivery_id,
        endpoint_id=endpoint.pk,
        announcement_id=announcement_id,
        group_id=group_id,
        text=text,
        sent_at=sent_at,
        signed_at=signed_at,
        config=account.config,
        secret=secret,
        address=endpoint.address,
    )


def call(endpoint: Endpoint, message: Outgoing) -> Result:
    """Let the platform's adapter send, outside any transaction. A failure of the adapter itself is a doubt."""
    try:
        return registry.get(endpoint.connection.platform).send(message)
    except Exception as error:
        log.exception("a platform's adapter failed", extra={"delivery": message.delivery_id, "endpoint": endpoint.pk})
        return Result(Outcome.IN_DOUBT, code="adapter_error", text=type(error).__name__)
