"""Rules of work for people: kinds and their answers, times, transitions, keys. No database, no clock."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from community_ops.common import money, text
from community_ops.common.errors import InvalidInput
from messaging.task_models import TaskKind, TaskState

if TYPE_CHECKING:
    from messaging.models import Delivery, TaskItem

TELL_TASK = "messaging.tasks.tell_assignees"
BY_HAND = "by_hand"  # reason of a delivery that waits for a person
LEFT_OUT = "left_out"  # reason of a delivery she did not send, and said why
FORGOTTEN = "not_done"  # reason of a delivery nobody sent in time
HANDED_ON = "handed_on"  # of a card whose open items another person has now
TAKEN_BACK = "taken_back"  # of a card the team does not want done any more
CONFIRMED_BY_PERSON = "confirmed_by_person"
SAID_AFTER = "said_after"  # reason of a delivery that was called off after she had posted it, as she says
BEGUN = "begun"  # fact of a card with the rest of a message: what of it is in the group already

LATE_AFTER = timedelta(minutes=10)  # after due_at, or the latest moment where that is later
COPY_IS_FRESH = timedelta(minutes=3)  # then the numbers in a copied text may have changed
UNDO_WITHIN = timedelta(minutes=10)
NUDGE_EVERY = timedelta(minutes=1)
FORGOTTEN_AFTER = timedelta(hours=24)  # after the latest moment, or the due one
UPCOMING = timedelta(hours=24)  # how far ahead the phone shows what will come
TELL_AGAIN = timedelta(minutes=5)  # between two tellings of a card that nobody nudged
MOST_ITEMS = 500  # of a card made by hand: more is no work for one person

TRANSITIONS: dict[str, frozenset[str]] = {
    TaskState.OPEN: frozenset({"done", "left_out", "withdrawn"}),
    # An item: taken back within UNDO_WITHIN, to where it was. A card: another group joins it.
    TaskState.DONE: frozenset({"open", "withdrawn"}),
    TaskState.LEFT_OUT: frozenset({"open"}),  # the same
    # An item: by her word she had posted it already. A card: another group joins it, or it is handed back.
    TaskState.WITHDRAWN: frozenset({"open", "done"}),
}
HER_WORD = frozenset({TaskState.DONE, TaskState.LEFT_OUT})  # ends of an item that she says herself


class Type(StrEnum):
    """What an answer or fact is: how it is read, stored, and asked for."""

    COUNT = "count"  # a whole number of at least 1
    MONEY = "money"  # given as a decimal string in major units, stored in minor units
    CURRENCY = "currency"  # ISO 4217
    TEXT = "text"  # one line, up to 200 characters
    YES_NO = "yes_no"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing a kind of task says (facts) or asks (answers)."""

    name: str
    type: Type
    label: str | Promise
    is_required: bool = True
    choices: Mapping[str, str | Promise] = field(default_factory=dict)


_AMOUNT = Field("amount", Type.MONEY, pgettext_lazy("task", "Amount"))
_CURRENCY = Field("currency", Type.CURRENCY, gettext_lazy("Currency"))
_COUNT = Field("count", Type.COUNT, pgettext_lazy("task", "Number of red packets"))
_SPEAKERS: dict[str, str | Promise] = {
    "0": gettext_lazy("nobody"),
    "1-5": gettext_lazy("1 to 5"),
    "6-20": gettext_lazy("6 to 20"),
    "20+": gettext_lazy("more than 20"),
}

# What a card of a kind says besides its text. Kinds that are not named say nothing.
FACTS: dict[str, tuple[Field, ...]] = {
    TaskKind.RED_PACKET: (_COUNT, _AMOUNT, _CURRENCY),
    TaskKind.PAYMENT: (Field("order", Type.TEXT, pgettext_lazy("task", "Order")), _AMOUNT, _CURRENCY),
}
# What is asked of each item when it is ticked. Money is in the currency of the card's facts.
ANSWERS: dict[str, tuple[Field, ...]] = {
    TaskKind.RED_PACKET: (_COUNT, Field("amount", Type.MONEY, gettext_lazy("Amount actually sent"))),
    TaskKind.NEW_GROUP: (Field("name", Type.TEXT, gettext_lazy("Name of the group")),),
    TaskKind.PAYMENT: (
        Field("received", Type.YES_NO, gettext_lazy("Has the money arrived?")),
        Field("note", Type.TEXT, gettext_lazy("Note"), is_required=False),
    ),
    TaskKind.GROUP_REPORT: (
        Field("speakers", Type.CHOICE, gettext_lazy("How many spoke today?"), choices=_SPEAKERS),
        Field("question", Type.YES_NO, gettext_lazy("Did anybody ask something?")),
        Field("advert", Type.YES_NO, gettext_lazy("Did anybody advertise?")),
    ),
}
NEEDS_IMAGE = frozenset({TaskKind.NEW_GROUP, TaskKind.NEW_QR})  # its QR code
HAS_TEXT = frozenset({TaskKind.MESSAGE, TaskKind.NOTICE, TaskKind.PRIVATE, TaskKind.MOMENTS})  # to be copied
IN_GROUPS = frozenset({TaskKind.MESSAGE, TaskKind.NOTICE})  # a text goes to groups: each has a delivery
POSTS = HAS_TEXT | {TaskKind.RED_PACKET}  # groups or people get something; elsewhere something is done


def read(fields: Sequence[Field], given: Mapping[str, Any], *, currency: str = "") -> dict[str, Any]:
    """Facts or answers as they are stored. Raises InvalidInput naming the first that is missing, wrong or unknown.

    Forms give strings and tools JSON; both are understood. `currency`: of the money, where it is not among them.
    """
    if unknown := sorted(set(given) - {one.name for one in fields}):
        raise InvalidInput(_("This is not asked here."), field=unknown[0], unknown=unknown)
    found: dict[str, Any] = {}
    for one in sorted(fields, key=lambda one: one.type is Type.MONEY):  # the currency before the money
        value = given.get(one.name)
        if value is not None and value != "":
            found[one.name] = _read_one(one, value, currency=str(found.get("currency", currency)))
        elif one.is_required:
            raise InvalidInput(_("This is needed."), field=one.name)
    return found


def _read_one(one: Field, value: Any, *, currency: str) -> Any:
    match one.type:
        case Type.COUNT:
            return _count(value, one.name)
        case Type.MONEY:
            return _money(value, currency, one.name)
        case Type.CURRENCY:
            money.exponent(str(value))
            return str(value)
        case Type.YES_NO:
            return _yes(value, one.name)
        case Type.CHOICE:
            if value not in one.choices:
                raise InvalidInput(_("One of: %(names)s.") % {"names": ", ".join(one.choices)}, field=one.name)
            return value
        case _:
            return text.clean_line(str(value), field=one.name, max_length=200)


def _count(value: Any, name: str) -> int:
    is_number = (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 8
    )
    if not is_number or not 0 < int(value) < 10_000_000:
        raise InvalidInput(_("A whole number of at least 1."), field=name)
    return int(value)


def _money(value: Any, currency: str, name: str) -> int:
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise InvalidInput(_("Not an amount."), field=name)
    minor = money.to_minor(str(value), currency, field=name)
    if minor < 0:
        raise InvalidInput(_("Not an amount."), field=name)
    return minor


def _yes(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return value
    if value not in ("yes", "no"):
        raise InvalidInput(_("Yes or no."), field=name)
    return bool(value == "yes")


def is_late(due_at: datetime, latest_at: datetime | None, now: datetime) -> bool:
    """Whether she is late, on her phone, on the team's list and on Today: she has not kept to it any more."""
    return now > on_time_until(due_at, latest_at)


def is_past_latest(latest_at: datetime | None, now: datetime) -> bool:
    """Whether nothing was to go out any more: she asks first, late or not."""
    return latest_at is not None and now > latest_at


def urgency(due_at: datetime, latest_at: datetime | None) -> tuple[bool, datetime, datetime]:
    """Orders cards that are due: those with a latest moment by it, then the others by their due one."""
    return latest_at is None, latest_at or due_at, due_at


def on_time_until(due_at: datetime, latest_at: datetime | None) -> datetime:
    """Done by this moment counts as kept to: ten minutes are given even where the cut-off is nearer."""
    return max(due_at + LATE_AFTER, latest_at or due_at)


def may_have_been_posted(item: "TaskItem") -> bool:
    """Whether it was called off after she had been given its text: what she then says is kept."""
    is_called_off = item.delivery is None or item.delivery.state == "cancelled"
    return item.state == TaskState.WITHDRAWN and bool(item.copied_text) and is_called_off


def is_copy_stale(copied_at: datetime | None, now: datetime) -> bool:
    """Whether a copied text's numbers may have changed by now."""
    return copied_at is not None and now >= copied_at + COPY_IS_FRESH


def undo_until(state: str, done_at: datetime | None, now: datetime) -> datetime | None:
    """Until when an item's end can be taken back; None when it is no word of hers, or too long ago."""
    until = done_at + UNDO_WITHIN if state in HER_WORD and done_at is not None else None
    return until if until is not None and now <= until else None


@dataclass(frozen=True, slots=True)
class Telling:
    """What the rhythm says of a card whose moment of telling has come."""

    is_told: bool
    step: int
    next_at: datetime | None


def telling(step: int, *, is_opened: bool, now: datetime) -> Telling:
    """When due; five minutes later if she has not opened it; after another five it is late: once more. Then silence."""
    if step == 0:
        return Telling(True, 1, now + TELL_AGAIN)
    if step == 1:
        return Telling(not is_opened, 2, now + TELL_AGAIN)
    return Telling(True, 3, None)


def card_digest(delivery: "Delivery", *, rest: str = "", out_count: int = 0) -> str:
    """The same for the groups of one touch: what a person can copy once and post in all of them.

    `rest`: where she posts only what follows the first `out_count` parts.
    """
    message = delivery.message
    facts = [
        delivery.origin,
        delivery.origin_id,
        delivery.due_at.timestamp(),
        message.text,
        message.is_markdown,
        message.image_id,
        message.card,
        *([message.file_id] if message.file_id is not None else []),
        *([out_count, rest] if out_count else []),
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def card_key(assignee_id: int, digest: str) -> str:
    """`HumanTask.source_key` of a touch that is posted by hand."""
    return f"card:{assignee_id}:{digest}"


def key_for(source_key: str, assignee_id: int) -> str:
    """The source key of what is handed on to this person; the same for the same work and person."""
    if source_key.startswith("card:"):
        return card_key(assignee_id, source_key.rpartition(":")[2])
    return f"{source_key.partition('>')[0]}>{assignee_id}"


def link_digest(code: str) -> str:
    """What is stored of a personal link's code."""
    return hashlib.sha256(code.encode()).hexdigest()
