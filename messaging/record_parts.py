"""The parts of a message as its record shows them: cut the way they were sent, with what became of each."""

from collections.abc import Collection
from typing import Any

from community_ops.common.assets import page_link
from messaging import part_wording
from messaging.arrival import shown_part
from messaging.models import Delivery, DeliveryState
from messaging.platforms import registry
from messaging.platforms.base import Content
from messaging.policies import called_off_as
from messaging.services.calling import card_of, sent_parts
from messaging.showing import file_of, first_words


def parts_said(deliveries: Collection[Delivery]) -> dict[int, str]:
    """By id how much of a message in several parts is out, of those of which not all is. At most one query."""
    told = {row.pk: row for row in deliveries if part_wording.has_parts_to_tell(row)}
    doubts = [pk for pk, row in told.items() if row.state == DeliveryState.UNKNOWN]
    if doubts:
        full = Delivery.objects.select_related("message__file", "endpoint__connection").defer(
            "endpoint__connection__secret"
        )
        told |= full.in_bulk(doubts)
    return {pk: _said(row) for pk, row in told.items()}


def _said(delivery: Delivery) -> str:
    if delivery.state != DeliveryState.UNKNOWN:
        return part_wording.parts_words(delivery)
    words, is_called_off = words_in_doubt(delivery), called_off_as(delivery.reason) != ""
    return part_wording.parts_words(delivery, first_words=words, is_called_off=is_called_off)


def words_in_doubt(delivery: Delivery) -> str:
    """The first words of the part that a person is asked about; nothing where it has none or cannot be told."""
    parts = sent_parts(delivery)
    if delivery.part_count <= 1 or delivery.parts_sent >= len(parts):
        return ""
    part, card = parts[delivery.parts_sent], card_of(delivery)
    if part.has_card and card is not None:
        return first_words(card.title, is_markdown=False)
    if part.has_file and delivery.message.file is not None:
        return first_words(delivery.message.file.file_name, is_markdown=False)
    return first_words(part.text, is_markdown=delivery.message.is_markdown) if part.text else ""


def shown_parts(delivery: Delivery) -> list[dict[str, Any]]:
    """Of a message in several parts, for `components/_bubble.html`: lines, image_url, card, file, fate of each."""
    parts = sent_parts(delivery)
    if len(parts) < 2 or delivery.endpoint is None:
        return []
    adapter = registry.get(delivery.endpoint.connection.platform)
    content = Content(text=delivery.sent_text, is_markdown=delivery.message.is_markdown, card=card_of(delivery))
    image = delivery.message.image
    found = []
    for index, part in enumerate(parts):
        shown = shown_part(adapter, part, content)
        found.append(
            {
                "lines": shown.lines,
                "card": shown.card,
                "file": file_of(delivery.message.file) if shown.has_file else None,
                "image_url": page_link(image) if part.has_image and image is not None else "",
                "fate": part_wording.fate_of_part(delivery, index),
            }
        )
    return found


def left_out(delivery: Delivery) -> str:
    """That the picture did not go along, or will not, where the platform takes none; nothing where it is not so."""
    if delivery.endpoint is None or delivery.message.image_id is None:
        return ""
    account = delivery.endpoint.connection
    if registry.get(account.platform).capabilities.image is not None:
        return ""
    return part_wording.no_picture_words(delivery, account.get_platform_display())
