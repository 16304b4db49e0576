"""Words for the codes that campaigns stores and shows; formatting only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from campaigns.models import RunState
from campaigns.selectors.calendar import SKIPPED, STOPPED, WAITS, GroupState
from community_ops.common.templatetags.state_words import StateWords, words_of
from community_ops.common.templatetags.wording import duration

if TYPE_CHECKING:
    from campaigns.models import PlaybookStep

Words = str | Promise
DAY_SECONDS = 86_400

# Codes of a touch's and of a delivery's reason; what sending itself met is on the delivery's own page.
REASONS: dict[str, Words] = {
    "past": gettext_lazy("Its time was past already."),
    "too_short": gettext_lazy("There is no room for it between start and end."),
    "after_start": gettext_lazy("It would come after the start."),
    "over": gettext_lazy("It was over before this could happen."),
    "no_endpoint": gettext_lazy("The group has no delivery channel."),
    "group_closed": gettext_lazy("The group is archived."),
    "announcement_cancelled": gettext_lazy("The announcement was cancelled."),
    "run_stopped": gettext_lazy("Its playbook run was stopped."),
    "sale_cancelled": gettext_lazy("The sale was cancelled."),
    "sale_over": gettext_lazy("The sale is over."),
    "sale_paused": gettext_lazy("The sale is paused."),
    "sold_out": gettext_lazy("Everything is sold."),
    "half_sold": gettext_lazy("Half is sold."),
    "too_late": gettext_lazy("Its latest moment had passed."),
    "too_long": gettext_lazy("With its values filled in, the text is too long for the platform."),
    "gave_up": gettext_lazy("It was tried several times without success and is parked now."),
    "retrying": gettext_lazy("The last try did not work; another one follows by itself."),
    "not_available": gettext_lazy("Nobody could say whether it may still be sent, so it was not."),
}
CONDITIONS: dict[str, Words] = {
    "half_sold": gettext_lazy("When half is sold"),
    "sold_out": gettext_lazy("When everything is sold"),
}
_TOUCH_WORDS = {
    SKIPPED: StateWords(pgettext_lazy("touch", "Skipped")),
    WAITS: StateWords(pgettext_lazy("touch", "Waits for its condition")),
    STOPPED: StateWords(pgettext_lazy("touch", "Called off")),
    "draft": words_of("announcement", "draft"),
}
_RUN_WORDS = {
    RunState.PLANNED: StateWords(pgettext_lazy("run", "Planned")),
    RunState.RUNNING: StateWords(pgettext_lazy("run", "Running"), "good"),
    RunState.FINISHED: StateWords(pgettext_lazy("run", "Finished")),
    RunState.STOPPED: StateWords(pgettext_lazy("run", "Stopped")),
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
    shown = "parked" if state.state == "failed" and state.reason == "gave_up" else state.state
    words = _TOUCH_WORDS.get(shown) or words_of("delivery", shown)
    return Badge(words.label, words.tone, reason_words(state.reason) or words.help)


def badges_of(states: Iterable[GroupState]) -> list[Badge]:
    """Equal states of many groups as one badge with their number, in the order they first appear."""
    badges: dict[tuple[str, str], list[Badge]] = {}
    for state in states:
        badges.setdefault((state.state, state.reason), []).append(badge_of(state))
    return [Badge(same[0].label, same[0].tone, same[0].help, len(same)) for same in badges.values()]


def names(values: Iterable[str]) -> str:
    """Names in a row, as the language separates them."""
    return pgettext("between names", ", ").join(values)


def run_badge(state: RunState) -> Badge:
    words = _RUN_WORDS[state]
    return Badge(words.label, words.tone, words.help)


def reason_words(reason: str) -> Words:
    """The sentence of a reason; an unknown code is shown as it is, so that nothing is hidden."""
    return REASONS.get(reason, reason)


def condition_words(condition: str) -> Words:
    return CONDITIONS.get(condition, condition)


def step_timing(step: "PlaybookStep") -> str:
    """When a step is due, in words: "3 days before, 10:00", "10 minutes before the end", "When half is sold"."""
    if step.anchor == "condition":
        return str(condition_words(step.condition))
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
