"""The one way to a platform: what is handed to its adapter, and the guarded call."""

import logging
from datetime import datetime
from functools import lru_cache
from typing import Any

from community_ops.common.assets import read_bytes
from community_ops.common.models import Asset
from messaging import showing
from messaging.extras import file_problem
from messaging.models import Delivery, Endpoint
from messaging.platforms import registry
from messaging.platforms.base import Adapter, Attachment, Card, Content, Outcome, Outgoing, Part, Picture, Result
from messaging.services import pictures

log = logging.getLogger(__name__)


def parts_of(
    endpoint: Endpoint,
    *,
    text: str,
    is_markdown: bool,
    has_image: bool,
    card: Card | None = None,
    has_file: bool = False,
) -> tuple[Part, ...]:
    """What has to be called for one after the other on this endpoint's platform; never nothing.

    Text and image first, then the card (in words where the platform has none), then the file.
    """
    file_bytes = 1 if has_file else None  # whether it is taken is asked by `takes_file`
    content = Content(text=text, is_markdown=is_markdown, has_image=has_image, card=card, file_bytes=file_bytes)
    return cut(registry.get(endpoint.connection.platform), content)


@lru_cache(maxsize=256)  # a fan-out asks for the same text a hundred times; texts have at most 20,000 characters
def cut(adapter: Adapter, content: Content) -> tuple[Part, ...]:
    """`Adapter.all_parts`, remembered: it depends on platform and content alone."""
    return adapter.all_parts(content)


def card_of(delivery: Delivery) -> Card | None:
    """The link card of a delivery's message."""
    return showing.card_of(delivery.message.card)


def parts_for(delivery: Delivery, text: str) -> tuple[Part, ...]:
    """`parts_of` a delivery's message with its text filled in. It has a channel."""
    assert delivery.endpoint is not None
    message = delivery.message
    return parts_of(
        delivery.endpoint,
        text=text,
        is_markdown=message.is_markdown,
        has_image=message.image_id is not None,
        card=card_of(delivery),
        has_file=message.file_id is not None,
    )


def sent_parts(delivery: Delivery) -> tuple[Part, ...]:
    """What was called for, one after the other; nothing before the first call, or where it is cut otherwise now."""
    if delivery.endpoint is None or (not delivery.sent_text and not delivery.attempt_count):
        return ()
    parts = parts_for(delivery, delivery.sent_text)
    return parts if len(parts) == delivery.part_count else ()


def takes_file(endpoint: Endpoint, file: Asset) -> bool:
    """Whether this endpoint's platform takes files, and one of this size."""
    return file_problem(endpoint.connection.platform, file.size_bytes) is None


def outgoing(
    endpoint: Endpoint,
    part: Part,
    *,
    delivery_id: int,
    sent_at: datetime,
    signed_at: datetime,
    number: int = 0,
    part_count: int = 1,
    is_markdown: bool = False,
    image: Asset | None = None,
    card: Card | None = None,
    file: Asset | None = None,
    announcement_id: int | None = None,
    group_id: int | None = None,
    label: str = "",
) -> Outgoing:
    """One part of a message for one chat, with its account's settings and secrets. `endpoint` has its connection.

    Raises PictureLost when the part has an image or a file that is gone.
    """
    account = endpoint.connection
    secret: Any = account.secret  # the field decrypts JSON; its type says text
    return Outgoing(
        workspace_id=endpoint.workspace_id,
        delivery_id=delivery_id,
        endpoint_id=endpoint.pk,
        announcement_id=announcement_id,
        group_id=group_id,
        text=part.text,
        sent_at=sent_at,
        signed_at=signed_at,
        config=account.config,
        secret=secret,
        address=endpoint.address,
        is_markdown=is_markdown,
        picture=_picture(account.platform, image) if part.has_image else None,
        card=card if part.has_card else None,
        attachment=_attachment(file) if part.has_file and file is not None else None,
        part=number,
        part_count=part_count,
        label=label,
    )


def _picture(platform: str, image: Asset | None) -> Picture | None:
    rule = registry.get(platform).capabilities.image
    return pictures.for_platform(image, rule) if image is not None and rule is not None else None


def _attachment(file: Asset) -> Attachment:
    return Attachment(file.pk, file.content_type, file.file_name, read_bytes(file))


def call(endpoint: Endpoint, message: Outgoing) -> Result:
    """Let the platform's adapter send, outside any transaction. A failure of the adapter itself is a doubt."""
    try:
        return registry.get(endpoint.connection.platform).send(message)
    except Exception as error:
        log.exception("a platform's adapter failed", extra={"delivery": message.delivery_id, "endpoint": endpoint.pk})
        return Result(Outcome.IN_DOUBT, code="adapter_error", text=type(error).__name__)
