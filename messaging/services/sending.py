"""Sending one delivery that is in hand: look again, start, call outside any transaction, record."""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from community_ops.common import dbtime, placeholders
from community_ops.common.errors import NotAvailable
from community_ops.common.pictures import PictureLost
from messaging.models import Delivery, DeliveryState
from messaging.platforms.base import MAX_PARTS, Outcome, Outgoing, Part, Result
from messaging.ports import ALLOWED, Verdict, origin_guards, subject_guards, text_contexts
from messaging.services import claiming
from messaging.services.books import Book
from messaging.services.calling import call, card_of, outgoing, parts_of, takes_file
from messaging.services.handing import hand_over, is_by_hand
from messaging.services.limits import Known, Limits, limits_of
from messaging.services.send_rules import held_back

Clock = Callable[[], datetime]
RECORD_PAUSES_SECONDS = (0.2, 1.0, 3.0)
ASK_AGAIN_SECONDS = 30  # a guard that says "not now": rarely met, since what is paused is parked in bulk
log = logging.getLogger(__name__)


class Refusal(Exception):
    """The look before the call said no: the state and reason the delivery ends with."""

    def __init__(self, state: DeliveryState, reason: str) -> None:
        self.state, self.reason = state, reason
        super().__init__(reason)


class NotYet(Exception):
    """The look before the call said: not now. The row stays planned."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def send_one(
    delivery: Delivery, *, owner: str, now: Clock, db_now: Clock = dbtime.now, book: Book[Known] | None = None
) -> bool:
    """Send a claimed delivery; true when a call was made and its end recorded.

    Ends in accepted, waiting (a person sends it), failed, expired, cancelled, unknown, or planned: for another try,
    or for its place in line where a limit is used up or its guard says "not now", or because another part of it
    follows. A row that was moved, cancelled or taken over meanwhile is left alone. Raises only what the database
    raises. `now`: the product's clock; `db_now`: the database's, for leases, slots and signatures.
    """
    try:
        text, parts = _look_again(delivery, now())
        if is_by_hand(delivery.endpoint):
            hand_over(delivery, owner=owner, now=now())
            return False
        message = _outgoing(delivery, parts, now(), db_now())
    except Refusal as refusal:
        claiming.drop(delivery, owner=owner, state=refusal.state, reason=refusal.reason, now=now())
        return False
    except NotYet as wait:
        claiming.wait(delivery, owner=owner, seconds=ASK_AGAIN_SECONDS, reason=wait.reason, now=now())
        return False
    except (DatabaseError, InterfaceError):
        raise
    except Exception as error:
        log.exception("the look before sending failed", extra={"delivery": delivery.pk})
        claiming.put_off(delivery, owner=owner, result=_own_fault(error), now=now())
        return False
    limits = _limits(delivery, book)
    delivery.sent_text, delivery.part_count = text, len(parts)
    if not _begun(delivery, limits, owner=owner, now=message.sent_at, db_now=message.signed_at):
        return False
    assert delivery.endpoint is not None
    result = call(delivery.endpoint, message)
    return _record(delivery, owner=owner, result=result, started_at=message.sent_at, now=now, limits=limits)


def _limits(delivery: Delivery, book: Book[Known] | None) -> Limits:
    assert delivery.endpoint is not None
    return limits_of(delivery.endpoint, book.of(delivery.workspace_id) if book is not None else None)


def _begun(delivery: Delivery, limits: Limits, *, owner: str, now: datetime, db_now: datetime) -> bool:
    """Start the call, or put the row into line. Where nothing limits it, starting is one statement."""
    if not limits:
        return claiming.begin(delivery, owner=owner, now=now, db_now=db_now)
    begun = claiming.begin_within(delivery, limits, owner=owner, now=now, db_now=db_now)
    if isinstance(begun, datetime):
        claiming.wait(delivery, owner=owner, seconds=(begun - db_now).total_seconds(), now=now)
        return False
    return begun


def _look_again(delivery: Delivery, now: datetime) -> tuple[str, tuple[Part, ...]]:
    """The check right before a call: the text with its placeholders filled and the calls it takes, or Refusal.

    Of a message whose first parts are out the rest follows, late or not, and the text is not filled anew.
    """
    is_begun = delivery.parts_sent > 0
    if not is_begun and delivery.latest_at is not None and now > delivery.latest_at:
        raise Refusal(DeliveryState.EXPIRED, "too_late")
    verdict = verdict_on(delivery, now)
    if not verdict.allowed:
        raise NotYet(verdict.reason) if verdict.waits else Refusal(DeliveryState.CANCELLED, verdict.reason)
    if not is_begun and (held := held_back(delivery, now=now)):
        raise Refusal(DeliveryState.CANCELLED, held)
    if delivery.endpoint is None:
        raise Refusal(DeliveryState.FAILED, "no_endpoint")
    if delivery.endpoint.archived_at is not None:
        raise Refusal(DeliveryState.FAILED, "endpoint_archived")
    text = delivery.sent_text if is_begun else filled(delivery, now)
    return text, _parts(delivery, text)


def _parts(delivery: Delivery, text: str) -> tuple[Part, ...]:
    """What is called for one after the other; a text is only cut where that was chosen."""
    assert delivery.endpoint is not None
    message = delivery.message
    if message.file is not None and not takes_file(delivery.endpoint, message.file):
        raise Refusal(DeliveryState.FAILED, "file_not_taken")
    parts = parts_of(
        delivery.endpoint,
        text=text,
        is_markdown=message.is_markdown,
        has_image=message.image_id is not None,
        card=card_of(delivery),
        has_file=message.file_id is not None,
    )
    most = MAX_PARTS if message.may_split else 1
    if sum(1 for part in parts if part.text) > most:
        raise Refusal(DeliveryState.FAILED, "too_long")
    if delivery.parts_sent >= len(parts):  # the rules of cutting have changed since its first part
        raise Refusal(DeliveryState.FAILED, "parts_changed")
    return parts


def verdict_on(delivery: Delivery, now: datetime) -> Verdict:
    """May it go out now? The origin's guard, then the subject's; a guard that nobody registered is a no."""
    try:
        verdict = origin_guards.get(delivery.origin).check(delivery, now)
        if verdict.allowed and delivery.subject_kind:
            verdict = subject_guards.get(delivery.subject_kind).check(delivery, now)
    except NotAvailable:
        return Verdict(allowed=False, reason="not_available")
    return verdict if not verdict.allowed else ALLOWED


def filled(delivery: Delivery, now: datetime) -> str:
    """The text with true values; raises Refusal where one has none."""
    template = delivery.message.text
    if not delivery.subject_kind or delivery.subject_id is None:
        return template
    names = placeholders.names_in(template)
    if not names:
        return placeholders.fill(template, {})
    try:
        context = text_contexts.get(delivery.subject_kind)
        values = context.values(delivery.subject_id, delivery.target_kind, delivery.target_id, now)
        return placeholders.fill(template, values)
    except NotAvailable:
        raise Refusal(DeliveryState.CANCELLED, "not_available") from None
    except KeyError:
        raise Refusal(DeliveryState.FAILED, "text_incomplete") from None


def _outgoing(delivery: Delivery, parts: tuple[Part, ...], now: datetime, signed_at: datetime) -> Outgoing:
    assert delivery.endpoint is not None
    try:
        return outgoing(
            delivery.endpoint,
            parts[delivery.parts_sent],
            delivery_id=delivery.pk,
            sent_at=now,
            signed_at=signed_at,
            number=delivery.parts_sent,
            part_count=len(parts),
            is_markdown=delivery.message.is_markdown,
            image=delivery.message.image,
            card=card_of(delivery),
            file=delivery.message.file,
            announcement_id=delivery.origin_id if delivery.origin == "announcement" else None,
            group_id=delivery.target_id if delivery.target_kind == "group" else None,
            label=delivery.target_label,
        )
    except PictureLost:
        reason = "file_lost" if parts[delivery.parts_sent].has_file else "image_lost"
        raise Refusal(DeliveryState.FAILED, reason) from None


def _record(
    delivery: Delivery,
    *,
    owner: str,
    result: Result,
    started_at: datetime,
    now: Clock,
    limits: Limits,
) -> bool:
    """Write the answer down; a database that is away for a moment must not turn an answer into a doubt."""

    def finish() -> bool:
        facts: dict[str, Any] = {"owner": owner, "result": result, "started_at": started_at, "limits": limits}
        return claiming.finish(delivery, **facts, now=now())

    for pause in RECORD_PAUSES_SECONDS:
        try:
            return finish()
        except (OperationalError, InterfaceError):
            log.warning("an answer was not recorded yet", extra={"delivery": delivery.pk})
            connection.close()
            time.sleep(pause)
    return finish()


def _own_fault(error: Exception) -> Result:
    return Result(Outcome.RETRY, code="check_failed", text=type(error).__name__)
