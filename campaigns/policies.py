"""Rules of announcements and of the times of a plan. No database, no clock."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from community_ops.common.errors import InvalidInput

# "now" reaches us some seconds after the caller wrote it down; older is a mistake of the caller.
PAST_MEANS_NOW = timedelta(seconds=60)
# How late an announcement may go out unless somebody chose otherwise. A queue behind a limit, or a colleague who is
# busy, takes minutes to an hour; after two hours "it begins now" is wrong for whoever reads it, and what is still worth
# sending after such an outage is for a person to say.
DEFAULT_LATENESS = timedelta(hours=2)
MAX_TEXT_LENGTH = 20_000  # characters; platforms allow far less and say so themselves
MAX_GROUPS = 5_000
_MINUTE = timedelta(minutes=1)


# What every run is about today: a playbook that is only looked at is judged as if it were about one, too.
RUN_SUBJECT = "flash_sale"
# What a run about a kind of subject is for, and why send rules do not hold its touches while the subject is on.
RUN_PURPOSES = {"flash_sale": "selling"}
EXEMPT_WHILE_ON = {"flash_sale": "running_sale"}


def exemption_of(subject_kind: str, due_at: datetime, *, starts_at: datetime, ends_at: datetime) -> str:
    """The exemption (`messaging.policies.EXEMPTIONS`) of a touch: of those from its subject's start to its end."""
    return EXEMPT_WHILE_ON.get(subject_kind, "") if starts_at <= due_at <= ends_at else ""


class SkipReason(StrEnum):
    """Why a touch is not sent; the words for people are in `campaigns.wording`."""

    PAST = "past"  # its time was over when it was planned
    TOO_SHORT = "too_short"  # the time between start and end has no room for it
    AFTER_START = "after_start"  # a wall-clock touch before the start would come after it
    NO_ENDPOINT = "no_endpoint"  # the group is not connected to anything
    GROUP_CLOSED = "group_closed"


class StepTiming(Protocol):
    """The part of a PlaybookStep that its times follow from."""

    anchor: str
    offset_seconds: int
    offset_days: int
    local_time: time | None
    latest_seconds: int


@dataclass(frozen=True, slots=True)
class TouchTime:
    """When a step is due and at the latest; `skipped` says why it is not sent (then the times are only shown)."""

    due_at: datetime
    latest_at: datetime
    skipped: SkipReason | None = None


def due_or_now(due_at: datetime, *, now: datetime, field: str = "due_at") -> datetime:
    """`due_at`, or `now` when it is at most 60 s past. Raises InvalidInput naming `field` when it is older."""
    if due_at < now - PAST_MEANS_NOW:
        raise InvalidInput(_("This time is past."), field=field)
    return max(due_at, now)


def known_latest(latest_at: datetime | None, *, due_at: datetime) -> datetime | None:
    """`latest_at` as it was given. Raises InvalidInput naming it unless it is after `due_at`."""
    if latest_at is not None and latest_at <= due_at:
        raise InvalidInput(_("The latest moment must be after the time it goes out."), field="latest_at")
    return latest_at


def wall_time(on: date, at: time, zone: ZoneInfo) -> datetime:
    """The moment (UTC) of a wall time. One that does not exist is the next minute that does; one that happens twice
    is its first. Source: design/reliability.md section 1."""
    local = datetime.combine(on, at.replace(fold=0, tzinfo=None))
    for _minute in range(2 * 24 * 60):  # zones have skipped up to a whole day
        moment = local.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == local:
            return moment
        local += _MINUTE
    raise ValueError(f"{zone.key} has no time near {on} {at}")


def touch_time(step: StepTiming, *, starts_at: datetime, ends_at: datetime, zone: ZoneInfo, now: datetime) -> TouchTime:
    """Times of a start or end step. What speaks of a start or an end to come is never sent after it."""
    anchor = starts_at if step.anchor == "start" else ends_at
    due_at = _due_at(step, anchor, zone)
    latest_at = due_at + timedelta(seconds=step.latest_seconds)
    if due_at < anchor:
        latest_at = min(latest_at, anchor)
    if due_at < ends_at:
        latest_at = min(latest_at, ends_at)
    skipped = _no_room(step, due_at, starts_at, ends_at) or _past(due_at, latest_at, anchor, now)
    return TouchTime(due_at, latest_at, skipped)


def _due_at(step: StepTiming, anchor: datetime, zone: ZoneInfo) -> datetime:
    if step.local_time is None:
        return anchor + timedelta(days=step.offset_days, seconds=step.offset_seconds)
    day = anchor.astimezone(zone).date() + timedelta(days=step.offset_days)
    return wall_time(day, step.local_time, zone)


def _no_room(step: StepTiming, due_at: datetime, starts_at: datetime, ends_at: datetime) -> SkipReason | None:
    """Steps inside the window need the window to be longer than their offset."""
    if step.anchor == "start":
        if step.local_time is not None and step.offset_days <= 0:
            return SkipReason.AFTER_START if due_at >= starts_at else None
        return SkipReason.TOO_SHORT if due_at >= ends_at else None
    return SkipReason.TOO_SHORT if due_at < ends_at and due_at <= starts_at else None


def _past(due_at: datetime, latest_at: datetime, anchor: datetime, now: datetime) -> SkipReason | None:
    """Past is past; only what is due at or after its anchor may be as late as a caller's "now" may be."""
    grace = PAST_MEANS_NOW if due_at >= anchor else timedelta(0)
    return SkipReason.PAST if due_at < now - grace or latest_at <= now else None
