"""From the engine to a person in the middle of a message: what is not out yet becomes a card of its own.

The channel that cut the message is known only until the row goes another way. So it happens at that moment, not when
the engine comes to the row; and she is told what is in the group already, lest she posts it twice.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet

from messaging.models import Assignee, Delivery, DeliveryState
from messaging.platforms.base import Card, Part
from messaging.services.calling import card_of, sent_parts
from messaging.services.handing import Posting, put_on_card
from messaging.showing import first_words
from messaging.task_policies import BEGUN, BY_HAND, card_digest


def hand_over_rests(rows: QuerySet[Delivery], *, endpoint_id: int, now: datetime) -> int:
    """Let a person post what is left of planned messages whose first parts are out; returns how many.

    Each becomes `waiting` at her channel, on a card with nothing but the rest. Nothing happens where the new channel is
    no person, and to a row whose parts cannot be told any more. Inside the caller's transaction; a worker that holds
    such a row loses it.
    """
    begun = rows.filter(parts_sent__gt=0, endpoint__isnull=False, task_item__isnull=True)
    found = list(begun.select_related("message", "endpoint__connection").order_by("pk"))
    person = Assignee.objects.filter(endpoint_id=endpoint_id).first() if found else None
    return sum(_hand_over(row, person, now) for row in found) if person is not None else 0


def _hand_over(delivery: Delivery, person: Assignee, now: datetime) -> bool:
    parts = sent_parts(delivery)
    if not parts:
        return False
    posting = _rest(delivery, parts[: delivery.parts_sent], parts[delivery.parts_sent :])
    as_read = {"state": DeliveryState.PLANNED, "parts_sent": delivery.parts_sent, "endpoint_id": delivery.endpoint_id}
    waiting = {"state": DeliveryState.WAITING, "reason": BY_HAND, "endpoint_id": person.endpoint_id}
    free = {"lease_owner": "", "lease_until": None, "updated_at": now}
    if not Delivery.objects.filter(pk=delivery.pk, **as_read).update(**waiting, **free):
        return False
    put_on_card(delivery, posting, person, now)
    return True


def _rest(delivery: Delivery, out: Sequence[Part], left: Sequence[Part]) -> Posting:
    """What she posts, with its values as they went out in the first parts, and what is there already."""
    message, card = delivery.message, card_of(delivery)
    text = _words(delivery.sent_text, out, left, card if any(part.has_card for part in left) else None)
    said = [card.title if part.has_card and card is not None else part.text for part in out]
    before = {
        "sent": len(out),
        "count": delivery.part_count,
        "words": first_words("\n".join(filter(None, said)), is_markdown=message.is_markdown) if any(said) else "",
        "has_image": any(part.has_image for part in out),
    }
    return Posting(
        digest=card_digest(delivery, rest=text, out_count=len(out)),
        title=first_words(text or delivery.sent_text, is_markdown=message.is_markdown) or delivery.target_label,
        text=text,
        image_id=message.image_id if any(part.has_image for part in left) else None,
        file_id=message.file_id if any(part.has_file for part in left) else None,
        facts={BEGUN: before},
    )


def _words(whole: str, out: Sequence[Part], left: Sequence[Part], card: Card | None) -> str:
    """The text after the parts that are out, as it was written where it can be found again; a card's words below it."""
    pieces, end = [part.text for part in left if part.text], 0
    for part in out:
        found = whole.find(part.text, end) if part.text else -1
        end = found + len(part.text) if found >= 0 else end
    after = whole[end:].strip()
    text = after if pieces and after.startswith(pieces[0]) else "\n".join(pieces)
    return card.below(text) if card is not None else text
