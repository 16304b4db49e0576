"""Pure rules of the activity roll-up: no database, no clock."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ANSWER_WITHIN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Act:
    """One message or reaction. `author` tells authors apart; `member_id` is None for somebody unknown."""

    at: datetime
    kind: str
    author: str
    member_id: int | None


@dataclass(slots=True)
class Tally:
    """One member's day."""

    message_count: int = 0
    reaction_count: int = 0
    answered_count: int = 0
    last_at: datetime | None = None


def are_answered(messages: Sequence[Act]) -> list[bool]:
    """For messages in time order: did another author write in the group within 24 h after it?"""
    answers: list[datetime | None] = []
    next_author, next_at, other_at = "", None, None  # the next message, and the next by somebody else than its author
    for message in reversed(messages):
        if next_author != message.author:
            other_at = next_at
        answers.append(other_at)
        next_author, next_at = message.author, message.at
    answers.reverse()
    return [
        answer is not None and answer - message.at <= ANSWER_WITHIN
        for message, answer in zip(messages, answers, strict=True)
    ]


def tallies(acts: Sequence[Act], zone: ZoneInfo) -> dict[tuple[int, date], Tally]:
    """What each known member did on each day of `zone`, from acts in time order."""
    days: dict[tuple[int, date], Tally] = defaultdict(Tally)
    messages = [act for act in acts if act.kind == "message"]
    answered = {id(act): flag for act, flag in zip(messages, are_answered(messages), strict=True)}
    for act in acts:
        if act.member_id is None:
            continue
        tally = days[act.member_id, act.at.astimezone(zone).date()]
        tally.message_count += act.kind == "message"
        tally.reaction_count += act.kind == "reaction"
        tally.answered_count += answered.get(id(act), False)
        tally.last_at = max(tally.last_at or act.at, act.at)
    return dict(days)


def days_to_recount(moments: Iterable[datetime], zone: ZoneInfo) -> list[date]:
    """The days on which something happened, and those before: a message may answer one of the day before."""
    days = {moment.astimezone(zone).date() for moment in moments}
    return sorted(days | {day - timedelta(days=1) for day in days})


def ranges(days: Sequence[date]) -> list[tuple[date, date]]:
    """Sorted days as ranges of consecutive ones, both ends included."""
    found: list[tuple[date, date]] = []
    for day in days:
        if found and day - found[-1][1] <= timedelta(days=1):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def day_start(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone)
