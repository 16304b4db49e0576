"""Sending one delivery that is in hand: look again, start, call outside any transaction, record."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from community_ops.common import dbtime, placeholders
from community_ops.common.errors import NotAvailable
from community_ops.common.pictures import PictureLost
from community_ops.common.ports import Registry
from messaging.models import Delivery, DeliveryState, TaskItem
from messaging.platforms.base import MAX_PARTS, Outcome, Outgoing, Part, Result
from messaging.policies import AGAIN, CHAT_CHANGED, went_elsewhere
from messaging.ports import ALLOWED, SendGuard, Verdict, origin_guards, subject_guards, text_contexts
from messaging.services import claiming, recording
from messaging.services.books import Book
from messaging.services.calling import call, card_of, outgoing, parts_for, takes_file
from messaging.services.handing import hand_over, is_by_hand
from messaging.services.limits import Known, Limits, limits_of
from messaging.services.recording import End, Start
from messaging.services.resting import why_waiting
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


@dataclass(frozen=True, slots=True)
class Ready:
    """A row in hand that was looked at: what its call will send, and the limits that call counts against."""

    start: Start
    message: Outgoing
    limits: Limits


def send_one(
    delivery: Delivery, *, owner: str, now: Clock, db_now: Clock = dbtime.now, book: Book[Known] | None = None
) -> bool:
    """Send a claimed delivery; whether the answer to a call was recorded.

    Ends in accepted, waiting (a person sends it), failed, expired, cancelled, unknown, or planned: for another try,
    or for its place in line where a limit is used up or its guard says "not now", or because another part of it
    follows. A row that was moved, cancelled or taken over meanwhile is left alone. Raises only what the database
    raises. `now`: the product's clock; `db_now`: the database's, for leases, slots and signatures.
    """
    ready = look(delivery, owner=owner, now=now, db_now=db_now, book=book)
    return ready is not None and begin(ready, now=now) and record_all([answered(ready, now=now)]) == 1


def look(
    delivery: Delivery, *, owner: str, now: Clock, db_now: Clock = dbtime.now, book: Book[Known] | None = None
) -> Ready | None:
    """The look before the call. None where none is to be made: refused, put off, or handed to a person."""
    try:
        text, parts = _look_again(delivery, now())
        if is_by_hand(delivery.endpoint):
            _ask_guards(delivery, now())
            hand_over(delivery, owner=owner, now=now())
            return None
        message = _outgoing(delivery, parts, now(), db_now())
        delivery.sent_text, delivery.part_count = text, len(parts)
        return Ready(Start(delivery, owner, message.sent_at, message.signed_at), message, _limits(delivery, book))
    except (Refusal, NotYet) as why:
        turn_away(delivery, why, owner=owner, now=now())
    except (DatabaseError, InterfaceError):
        raise
    except Exception as error:
        log.exception("the look before sending failed", extra={"delivery": delivery.pk})
        recording.put_off(delivery, owner=owner, result=_own_fault(error), now=now())
    return None


def begin(ready: Ready, *, now: Clock) -> bool:
    """Ask the guards and start a call by itself, or put its row into line; whether the call may be made."""
    delivery, owner = ready.start.delivery, ready.start.owner
    try:
        _ask_guards(delivery, ready.start.now)
        return _has_begun(ready)
    except (Refusal, NotYet) as why:
        turn_away(delivery, why, owner=owner, now=now())
    except (DatabaseError, InterfaceError):
        raise
    except Exception as error:
        log.exception("its guard failed", extra={"delivery": delivery.pk})
        recording.put_off(delivery, owner=owner, result=_own_fault(error), now=now())
    return False


def _has_begun(ready: Ready) -> bool:
    start = ready.start
    if not ready.limits:
        return recording.begin(start)
    begun_at = recording.begin_within(start, ready.limits)
    if not isinstance(begun_at, datetime):
        return begun_at
    seconds, reason = (begun_at - start.db_now).total_seconds(), why_waiting(start.delivery.endpoint)
    claiming.wait(start.delivery, owner=start.owner, seconds=seconds, reason=reason, now=start.now)
    return False


def answered(ready: Ready, *, now: Clock) -> End:
    """Make the call. Outside any transaction."""
    start = ready.start
    assert start.delivery.endpoint is not None
    result = call(start.delivery.endpoint, ready.message)
    return End(start.delivery, start.owner, result, ready.message.sent_at, now(), ready.limits)


def turn_away(delivery: Delivery, why: Refusal | NotYet, *, owner: str, now: datetime) -> None:
    """Settle a row in hand that is not called, or not now."""
    if isinstance(why, Refusal):
        claiming.drop(delivery, owner=owner, state=why.state, reason=why.reason, now=now)
    else:
        claiming.wait(delivery, owner=owner, seconds=ASK_AGAIN_SECONDS, reason=why.reason, now=now)


def _limits(delivery: Delivery, book: Book[Known] | None) -> Limits:
    assert delivery.endpoint is not None
    return limits_of(delivery.endpoint, book.of(delivery.workspace_id) if book is not None else None)


def _look_again(delivery: Delivery, now: datetime) -> tuple[str, tuple[Part, ...]]:
    """The check before a call: the text with its placeholders filled and the calls it takes, or Refusal.

    Of a message whose first parts are out the rest follows, late or not, and the text is not filled anew. The guards
    are asked with the start itself, and before anything else is given as a reason: theirs is the better one.
    """
    is_begun = delivery.parts_sent > 0
    if not is_begun and delivery.latest_at is not None and now > delivery.latest_at:
        raise Refusal(DeliveryState.EXPIRED, "too_late")
    try:
        if not is_begun and (held := held_back(delivery, now=now)):
            raise Refusal(DeliveryState.CANCELLED, held)
        if delivery.endpoint is None:
            raise Refusal(DeliveryState.FAILED, "no_endpoint")
        if delivery.endpoint.archived_at is not None:
            raise Refusal(DeliveryState.FAILED, "endpoint_archived")
        if _began_elsewhere(delivery):
            raise Refusal(DeliveryState.FAILED, CHAT_CHANGED)
        text = delivery.sent_text if is_begun else filled(delivery, now)
        return text, _parts(delivery, text)
    except (DatabaseError, InterfaceError):
        raise
    except Exception:
        _ask_guards(delivery, now)
        raise


def _began_elsewhere(delivery: Delivery) -> bool:
    """Whether its beginning, or what may be it, is in another chat: half a message in each of two would be none.

    Whoever has it tried again has all of it sent to the chat of now (`decisions`).
    """
    assert delivery.endpoint is not None
    has_begun = delivery.parts_sent > 0 or (delivery.may_have_arrived and delivery.reason != AGAIN)
    return has_begun and went_elsewhere(delivery.sending_at, delivery.endpoint.chat_changed_at)


def _ask_guards(delivery: Delivery, now: datetime) -> None:
    verdict = verdict_on(delivery, now)
    if not verdict.allowed:
        raise _refused(verdict)


def _refused(verdict: Verdict) -> Refusal | NotYet:
    return NotYet(verdict.reason) if verdict.waits else Refusal(DeliveryState.CANCELLED, verdict.reason)


def _parts(delivery: Delivery, text: str) -> tuple[Part, ...]:
    """What is called for one after the other; a text is only cut where that was chosen."""
    assert delivery.endpoint is not None
    if delivery.parts_sent and is_by_hand(delivery.endpoint):
        return _rest_by_hand(delivery)
    message = delivery.message
    if message.file is not None and not takes_file(delivery.endpoint, message.file):
        raise Refusal(DeliveryState.FAILED, "file_not_taken")
    parts = parts_for(delivery, text)
    if all(part.is_empty for part in parts):  # a picture alone, where the platform has none
        raise Refusal(DeliveryState.FAILED, "nothing_to_send")
    most = MAX_PARTS if message.may_split else 1
    if sum(1 for part in parts if part.text) > most:
        raise Refusal(DeliveryState.FAILED, "too_long")
    if delivery.parts_sent and len(parts) != delivery.part_count:  # it is cut otherwise than for its first part
        raise Refusal(DeliveryState.FAILED, "parts_changed")
    return parts


def _rest_by_hand(delivery: Delivery) -> tuple[Part, ...]:
    """Of what has begun a person has the rest on her card already, for how it was cut is not known any more."""
    if not TaskItem.objects.filter(delivery=delivery).exists():
        raise Refusal(DeliveryState.FAILED, "parts_changed")
    return ()


def verdict_on(delivery: Delivery, now: datetime) -> Verdict:
    """May it go out now? The origin's guard, then the subject's; a guard that nobody registered is a no."""
    return verdicts_on([delivery], now)[0]


def verdicts_on(deliveries: Sequence[Delivery], now: datetime) -> list[Verdict]:
    """`verdict_on` for several; each guard is asked once."""
    verdicts = _asked(origin_guards, [one.origin for one in deliveries], deliveries, now)
    subjects = [one.subject_kind if verdict.allowed else "" for one, verdict in zip(deliveries, verdicts, strict=True)]
    for place, verdict in enumerate(_asked(subject_guards, subjects, deliveries, now)):
        if subjects[place]:
            verdicts[place] = verdict
    return verdicts


def _asked(
    guards: Registry[SendGuard], keys: Sequence[str], deliveries: Sequence[Delivery], now: datetime
) -> list[Verdict]:
    """What the guard of each key says; where there is no key, nothing is in the way."""
    verdicts = [ALLOWED] * len(deliveries)
    for key in set(keys) - {""}:
        places = [place for place, one in enumerate(keys) if one == key]
        try:
            answers = guards.get(key).check_all([deliveries[place] for place in places], now)
        except NotAvailable:
            answers = [Verdict(allowed=False, reason="not_available")] * len(places)
        for place, verdict in zip(places, answers, strict=True):
            verdicts[place] = verdict
    return verdicts


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
            label="" if delivery.target_kind == "staff" else delivery.target_label,  # her own name tells her nothing
        )
    except PictureLost:
        reason = "file_lost" if parts[delivery.parts_sent].has_file else "image_lost"
        raise Refusal(DeliveryState.FAILED, reason) from None


# --- what is written ---------------------------------------------------------------------------------


def record_all(ends: Sequence[End]) -> int:
    """Record answers, each by itself; returns how many. A database that is away for a moment loses none of them.

    One that cannot be recorded is logged: its row becomes `unknown` when its lease is over.
    """
    count, left = 0, list(ends)
    for pause in (*RECORD_PAUSES_SECONDS, None):
        again = []
        for end in left:
            try:
                count += recording.finish(end)
            except (OperationalError, InterfaceError):
                log.warning("an answer was not recorded yet", extra={"delivery": end.delivery.pk})
                connection.close()
                again.append(end)
            except DatabaseError:
                log.exception("an answer could not be recorded", extra={"delivery": end.delivery.pk})
        left = again
        if not left or pause is None:
            break
        time.sleep(pause)
    for end in left:
        log.error("an answer could not be recorded", extra={"delivery": end.delivery.pk})
    return count


def write_all(ends: Sequence[End], readies: Sequence[Ready]) -> tuple[int, list[Ready]]:
    """Record the ends, and start what its guards still allow; how many ends were recorded, and what may be called.

    One statement where the database can do it in one (`recording.write`). What a guard refuses is turned away.
    """
    verdicts = verdicts_on([ready.start.delivery for ready in readies], readies[0].start.now) if readies else []
    allowed = [ready for ready, verdict in zip(readies, verdicts, strict=True) if verdict.allowed]
    for ready, verdict in zip(readies, verdicts, strict=True):  # first: what has begun below must be called
        if not verdict.allowed:
            start = ready.start
            turn_away(start.delivery, _refused(verdict), owner=start.owner, now=start.now)
    ended, begun = recording.write(ends, [ready.start for ready in allowed])
    return sum(ended), [ready for ready, is_begun in zip(allowed, begun, strict=True) if is_begun]


def _own_fault(error: Exception) -> Result:
    return Result(Outcome.RETRY, code="check_failed", text=type(error).__name__)
