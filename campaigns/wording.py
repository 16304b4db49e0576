"""Words for the codes that campaigns stores and shows; formatting only."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import reduce
from typing import TYPE_CHECKING

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext, pgettext_lazy

from campaigns.models import AnnouncementState, RunState
from campaigns.selectors.calendar import GroupState
from campaigns.selectors.reads import PARTLY_SENT, REST_CANCELLED
from community_ops.common.templatetags.reason_words import condition_words, reason_words
from community_ops.common.templatetags.state_words import StateWords, words_of
from community_ops.common.templatetags.wording import duration, grouped, in_zone
from messaging.selectors import (
    IN_LINE,
    MORE_PARTS,
    NOT_SENT,
    answer_words,
    by_hand_words,
    joined,
    next_try_words,
    said_words,
    turn_words,
)

if TYPE_CHECKING:
    from campaigns.models import Announcement, PlaybookStep

Words = str | Promise
DAY_SECONDS = 86_400

_RUN_WORDS = {
    RunState.PLANNED: StateWords(pgettext_lazy("run", "Planned")),
    RunState.RUNNING: StateWords(pgettext_lazy("run", "Running"), "good"),
    RunState.PAUSED: StateWords(pgettext_lazy("run", "Paused"), "warn"),
    RunState.FINISHED: StateWords(pgettext_lazy("run", "Finished")),
    RunState.STOPPED: StateWords(pgettext_lazy("run", "Stopped")),
}
# A cancelled announcement is more than its stored state where something of it went out, or may have.
_CANCELLED_WORDS = {
    PARTLY_SENT: StateWords(pgettext_lazy("announcement", "Partly sent"), "warn"),
    REST_CANCELLED: StateWords(pgettext_lazy("announcement", "Rest cancelled")),
}


@dataclass(frozen=True, slots=True)
class Badge:
    """What `components/_badge.html` takes, and how many groups it stands for."""

    label: Words
    tone: str
    help: Words
    count: int = 1


def badge_of(state: GroupState) -> Badge:
    """The state of one item in one group; a reason says more than the state's general sentence."""
    badge = _told(state)
    badge = replace(badge, label=state.label or badge.label)
    if not state.parts:
        return badge
    return replace(badge, help=joined(str(badge.help) if state.reason != MORE_PARTS else "", state.parts))


def _told(state: GroupState) -> Badge:
    if state.state == "retrying":
        return replace(_general(state), help=next_try_words(state.next_try_at, state.zone))
    if state.said is not None:
        return replace(_general(state), help=said_words(state.said))
    if state.reason == IN_LINE:
        return replace(_general(state), help=turn_words(state.next_try_at, state.zone))
    if state.person:
        return replace(_general(state), help=by_hand_words(state.person))
    return _general(state)


def paused_badge(badge: Badge) -> Badge:
    """Of one that waits to be sent by hand while its announcement is paused."""
    return replace(badge, help=joined(str(badge.help), _("It is paused: the to-send list says not to send it yet.")))


def _general(state: GroupState) -> Badge:
    """The badge as far as it is the same in every group."""
    words = words_of("announcement" if state.state == AnnouncementState.DRAFT else "touch", state.state)
    return Badge(words.label, words.tone, reason_words(state.reason) or state.accepted or words.help)


def confirmed_by(state: GroupState) -> str:
    """Whose word it is that it stands in the group; nothing where the platform's answer is all that is known."""
    if state.confirmed_at is None:
        return ""
    name = state.said.name if state.said is not None else ""
    return name or pgettext("whose word it is", "A colleague")


def answer_of(state: GroupState) -> str:
    """What the platform answered last, in words; nothing for a plain success."""
    return answer_words(state.platform_code, state.platform_text)


def note_of(state: GroupState) -> str:
    """Why an item is in its state, and what the last try was answered: for pages without a column for answers.

    A person who looked into the group knows more than the last try did.
    """
    why = str(badge_of(state).help) if state.reason or state.parts or state.state == "missed" else ""
    return why if state.reason == NOT_SENT else joined(why, answer_of(state))


def badges_of(states: Iterable[GroupState]) -> list[Badge]:
    """Groups whose badge would read the same as one badge with their number, in the order they first appear.

    Its help gives each reason once. What was accepted on platforms that prove different things says what is true of
    all of them.
    """
    badges: dict[tuple[str, str], list[Badge]] = {}
    for state in states:
        badge = _general(state)
        badges.setdefault((str(badge.label), badge.tone), []).append(badge)
    return [_of_all(same) for same in badges.values()]


def _of_all(same: Sequence[Badge]) -> Badge:
    reasons = list(dict.fromkeys(str(badge.help) for badge in same if badge.help))
    accepted = words_of("touch", "accepted")
    if len(reasons) > 1 and same[0].label == accepted.label:
        reasons = [str(accepted.help)]
    return replace(same[0], help=reduce(joined, reasons, ""), count=len(same))


def names(values: Iterable[str], *, at_most: int | None = None) -> str:
    """Names in a row, as the language separates them; with `at_most` only the first, and how many more there are."""
    found = list(values)
    shown = pgettext("between names", ", ").join(found[:at_most])
    more = len(found) - at_most if at_most is not None else 0
    return shown if more <= 0 else f"{shown} {_('and %(count)s more') % {'count': grouped(more)}}"


def by_hand(people: Collection[str]) -> str:
    """Who is to send what waits to be sent by hand; nothing where nothing waits."""
    return _("By hand: %(names)s") % {"names": names(people)} if people else ""


def announcement_badge(state: str) -> Badge:
    """The badge of a whole announcement, by `campaigns.selectors.state_shown`."""
    words = _CANCELLED_WORDS.get(state) or words_of("announcement", state)
    return Badge(words.label, words.tone, words.help)


def run_badge(state: RunState) -> Badge:
    words = _RUN_WORDS[state]
    return Badge(words.label, words.tone, words.help)


def paused_words(count: int) -> str:
    """Said on the page of what is paused, while `count` deliveries wait."""
    words = ngettext(
        "Sending is paused: %(count)d message waits.", "Sending is paused: %(count)d messages wait.", count
    )
    return words % {"count": count}


def late_words(may_be_late: timedelta) -> str:
    """How late something may go out: "At most 2 hours late"."""
    return _("At most %(time)s late") % {"time": duration(may_be_late)}


def latest_words(announcement: "Announcement", zone: str) -> str:
    """Said below its time: from when on it is not sent any more; nothing where it goes out however late."""
    if announcement.latest_at is None:
        return ""
    return _("After %(at)s it is not sent any more.") % {"at": in_zone(announcement.latest_at, zone)}


def held_words(counts: Mapping[str, int]) -> list[str]:
    """What the send rules would hold back of an entry, one sentence a rule. `counts`: by the rule's code."""
    return [_held_by(reason, count) % {"count": count} for reason, count in counts.items()]


def doomed_words(counts: Mapping[str, int], total: int) -> list[str]:
    """Of an entry that is planned, one short sentence for each reason why some of its groups will not get it."""
    if len(counts) == 1 and sum(counts.values()) == total:
        return [
            _("Will not be sent. %(why)s") % {"why": _held_by(*pair) % {"count": pair[1]}} for pair in counts.items()
        ]
    return held_words(counts)


def _held_by(reason: str, count: int) -> str:
    return {
        "no_endpoint": ngettext(
            "%(count)d group has no delivery channel", "%(count)d groups have no delivery channel", count
        ),
        "endpoint_archived": ngettext(
            "The channel of %(count)d group is archived", "The channels of %(count)d groups are archived", count
        ),
        "quiet_hours": ngettext(
            "The quiet hours hold back %(count)d message", "The quiet hours hold back %(count)d messages", count
        ),
        "holiday": ngettext(
            "The holiday holds back %(count)d message", "The holiday holds back %(count)d messages", count
        ),
        "cap": ngettext("The limit holds back %(count)d message", "The limit holds back %(count)d messages", count),
    }[reason]


def step_timing(step: "PlaybookStep") -> str:
    """When a step is due, in words: "3 days before, 10:00", "10 minutes before the end", "When half is sold"."""
    if step.anchor == "condition":
        return condition_words(step.condition)
    if step.local_time is not None:
        return f"{_day(step.offset_days)}, {step.local_time:%H:%M}"
    return _offset(step.anchor, step.offset_seconds + step.offset_days * DAY_SECONDS)


def _day(offset_days: int) -> str:
    if offset_days == 0:
        return _("on the day")
    count = abs(offset_days)
    if offset_days < 0:
        return ngettext("%(count)d day before", "%(count)d days before", count) % {"count": count}
    return ngettext("%(count)d day after", "%(count)d days after", count) % {"count": count}


def _offset(anchor: str, seconds: int) -> str:
    if not seconds:
        return (
            pgettext("playbook step", "at the start") if anchor == "start" else pgettext("playbook step", "at the end")
        )
    patterns = {
        ("start", True): _("%(time)s before the start"),
        ("start", False): _("%(time)s after the start"),
        ("end", True): _("%(time)s before the end"),
        ("end", False): _("%(time)s after the end"),
    }
    return patterns[anchor, seconds < 0] % {"time": duration(abs(seconds))}
