"""What stored events say: each is read once, told upward in the same transaction, and never lost to a fault of ours."""

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from community_ops.common import audit, outbox
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidTransition
from community_ops.common.nudge import nudge
from community_ops.common.turns import unlocked
from messaging.events import ChatMessageReceived, PersonJoinedChat, PersonLeftChat
from messaging.inbound_models import InboundWay, RawEvent, RawState
from messaging.inbound_policies import BODY_KEPT_FOR, KEPT_FOR, MOST_ATTEMPTS, READ_TASK, is_ahead, retry_at
from messaging.models import Endpoint, EventSource
from messaging.platforms import registry
from messaging.platforms.inbound import MAX_NAME, CallRefused, Heard, Inbound, NotForUs, Said, Understood
from messaging.platforms.signed_events import SignedEvents
from messaging.services.found_chats import note_chat

log = logging.getLogger(__name__)

AT_ONCE = 500
PRUNED_AT_ONCE = 2_000
_OURS = SignedEvents()  # the form in which pastes and the sandbox room speak


@dataclass(frozen=True, slots=True)
class _Reading:
    """What became of an event, by the columns of RawEvent."""

    state: RawState
    reason: str = ""
    event_count: int = 0
    said_kind: str = ""
    person_name: str = ""
    endpoint_id: int | None = None


def read_pending(*, now: datetime, limit: int = AT_ONCE, between: Callable[[], None] = lambda: None) -> int:
    """Read what has come in, oldest first; returns how many events were settled. Two at once share the rows.

    `between` is called after each of them (`turns.give_way`).
    """
    due, settled = _pending().filter(next_try_at__lte=now).order_by("id"), 0
    for pk in list(due.values_list("pk", flat=True)[:limit]):
        settled += _read_one(pk, now=now)
        between()
    return settled


def _pending() -> QuerySet[RawEvent]:
    return RawEvent.objects.filter(state=RawState.PENDING)


def _read_one(pk: int, *, now: datetime) -> int:
    try:
        with transaction.atomic():
            row = unlocked(_pending().filter(pk=pk, next_try_at__lte=now)).select_related("connection").first()
            if row is None:
                return 0
            reading = _read(row, now)
            _pending().filter(pk=pk).update(**asdict(reading), attempt_count=row.attempt_count + 1, updated_at=now)
    except Exception:
        log.exception("an inbound event could not be read", extra={"raw_event": pk})
        _note_failure(pk, now=now)
        return 0
    return 1


def _note_failure(pk: int, *, now: datetime) -> None:
    row = RawEvent.objects.get(pk=pk)
    count = row.attempt_count + 1
    is_last = count >= MOST_ATTEMPTS
    _pending().filter(pk=pk, attempt_count=row.attempt_count).update(
        attempt_count=count,
        state=RawState.FAILED if is_last else RawState.PENDING,
        reason="too_many_tries" if is_last else "",
        next_try_at=retry_at(count, now),
        updated_at=now,
    )


def _read(row: RawEvent, now: datetime) -> _Reading:
    """Publishes what the event says. A chat that was seen is among the found ones from now on."""
    content = json.loads(row.body)
    try:
        understood = _inbound(row).interpret(content, row.external_id)
    except NotForUs as reason:
        return _Reading(RawState.IGNORED, reason.reason)
    except CallRefused:  # pasted and polled events were not looked at when they were stored
        return _Reading(RawState.IGNORED, "bad_fields")
    if any(is_ahead(one.occurred_at, row.received_at) for one in understood.heard):
        return _Reading(RawState.IGNORED, "ahead")
    return _tell(row, content, understood, now)


def _inbound(row: RawEvent) -> Inbound:
    if row.connection is None or row.way in (InboundWay.PASTE, InboundWay.ROOM):
        return _OURS
    inbound = registry.get(row.connection.platform).inbound
    if inbound is None:
        raise NotForUs("not_meant")
    return inbound


def _tell(row: RawEvent, content: dict[str, Any], understood: Understood, now: datetime) -> _Reading:
    chats = [understood.chat, *(one.chat for one in understood.heard)]
    for chat in {chat.id: chat for chat in chats if chat is not None and chat.title}.values():
        if row.connection is not None:
            note_chat(connection=row.connection, chat=chat, now=now)
    events = [event for one in understood.heard if (event := _event(row, content, one))]
    for event in events:
        outbox.publish(event)
    if not understood.heard:
        return _Reading(RawState.IGNORED, "not_meant")
    first = understood.heard[0]
    kind, person = first.kind.value, (first.author_name or first.author_id)[:MAX_NAME]
    if not events:
        return _Reading(RawState.IGNORED, "no_channel", 0, kind, person)
    return _Reading(RawState.READ, "", len(events), kind, person, events[0].endpoint_id)


def _event(
    row: RawEvent, content: dict[str, Any], heard: Heard
) -> ChatMessageReceived | PersonJoinedChat | PersonLeftChat | None:
    """None where nobody knows the chat. Only what a person pasted says its target itself."""
    is_pasted = row.way == InboundWay.PASTE
    endpoint = _endpoint_of(row, heard)
    if endpoint is None and not is_pasted:
        return None
    facts: dict[str, Any] = {
        "workspace_id": row.workspace_id,
        "raw_event_id": row.pk,
        "source": _source(row),
        "endpoint_id": endpoint.pk if endpoint else None,
        "target_kind": content["target_kind"] if is_pasted else "",
        "target_id": content["target_id"] if is_pasted else None,
        "external_id": heard.external_id,
        "occurred_at": heard.occurred_at,
        "author_id": heard.author_id,
        "author_name": heard.author_name,
    }
    if heard.kind is Said.MESSAGE:
        return ChatMessageReceived(**facts, text=heard.text, pasted=content["pasted"] if is_pasted else "")
    joined = heard.kind is Said.JOIN
    return PersonJoinedChat(**facts) if joined else PersonLeftChat(**facts)


def _source(row: RawEvent) -> str:
    """Where a fact comes from, as facts name it."""
    if row.way in (InboundWay.PASTE, InboundWay.ROOM):
        return EventSource.PASTE if row.way == InboundWay.PASTE else EventSource.SANDBOX
    return EventSource.API if isinstance(_inbound(row), SignedEvents) else EventSource.PLATFORM


def _endpoint_of(row: RawEvent, heard: Heard) -> Endpoint | None:
    """The live channel of the chat in which it happened; of a topic its own one before the whole group's."""
    if row.connection is None:
        return None
    live = Endpoint.objects.filter(connection=row.connection, archived_at__isnull=True).order_by("id")
    if not registry.get(row.connection.platform).capabilities.has_many_chats:
        return live.first()
    names = {heard.chat.id, heard.chat_alias} - {""} if heard.chat is not None else set()
    rows = list(live.filter(address__chat__in=sorted(names)))
    of_topic = [one for one in rows if one.address.get("thread", "") == heard.thread]
    whole = [one for one in rows if not one.address.get("thread")]
    return next(iter([*of_topic, *whole]), None)


@transaction.atomic
def read_again(*, raw_event: RawEvent, actor: Actor, now: datetime) -> None:
    """Read an event once more that meant nothing or could not be read: its chat may have a channel by now.

    Raises InvalidTransition for one that was read, that waits to be read, or whose body is gone.
    """
    rows = RawEvent.objects.filter(pk=raw_event.pk, state__in=(RawState.IGNORED, RawState.FAILED)).exclude(body="")
    before = {"state": raw_event.state, "reason": raw_event.reason}
    if not rows.update(state=RawState.PENDING, reason="", attempt_count=0, next_try_at=now, updated_at=now):
        raise InvalidTransition(_("Only an event that meant nothing or could not be read is read again, for a week."))
    audit.record(actor=actor, verb="inbound.read_again", target=raw_event, now=now, before=before)
    nudge(READ_TASK)


def tidy_inbound(*, now: datetime) -> int:
    """Empty the bodies of what was read a week ago, delete what is 30 days old; returns how many rows went.

    The person's name goes with the body: no line of the log holds longer who spoke than what was said.
    Ids stay for the 30 days: nothing that is delivered again within them counts twice. What could not be read keeps
    its body as long.
    """
    old_bodies = RawEvent.objects.filter(received_at__lt=now - BODY_KEPT_FOR).exclude(body="")
    old_bodies.exclude(state__in=(RawState.PENDING, RawState.FAILED)).update(body="", person_name="", updated_at=now)
    return _pruned(now - KEPT_FOR)


def _pruned(before: datetime) -> int:
    old, count = RawEvent.objects.filter(received_at__lt=before).exclude(state=RawState.PENDING), 0
    while pks := list(old.order_by("received_at").values_list("pk", flat=True)[:PRUNED_AT_ONCE]):
        count += RawEvent.objects.filter(pk__in=pks).delete()[1].get("messaging.RawEvent", 0)
    return count
