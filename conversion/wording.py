"""Words for what the pages of a sale show; formatting only."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from community_ops.common.templatetags.state_words import StateWords, words_of
from community_ops.common.templatetags.wording import in_zone, time_in_zone

Words = str | Promise

# Why a message of a ladder is not sent.
REASONS: dict[str, Words] = {
    "past": _("Its time was past already."),
    "too_short": _("There is no room for it between start and end."),
    "after_start": _("It would come after the start."),
    "over": _("It was over before this could happen."),
    "no_endpoint": _("The group has no delivery channel."),
    "group_closed": _("The group is archived."),
    "run_stopped": _("Its playbook run was stopped."),
    "sale_cancelled": _("The sale was cancelled."),
    "sale_over": _("The sale is over."),
    "sale_paused": _("The sale is paused."),
    "sold_out": _("Everything is sold."),
    "half_sold": _("Half is sold."),
    "too_late": _("Its latest moment had passed."),
}
CONDITIONS: dict[str, Words] = {
    "half_sold": _("When half is sold"),
    "sold_out": _("When everything is sold"),
}
_TOUCHES = {
    "skipped": StateWords(pgettext_lazy("touch", "Skipped")),
    "waits": StateWords(pgettext_lazy("touch", "Waits for its condition")),
    "stopped": StateWords(pgettext_lazy("touch", "Called off")),
}


def reason_words(reason: str) -> Words:
    """The sentence of a reason; an unknown code is shown as it is, so that nothing is hidden."""
    return REASONS.get(reason, reason)


def condition_words(condition: str) -> Words:
    return CONDITIONS.get(condition, condition)


def touch_words(state: str) -> StateWords:
    """Label and tone of what became of one message of a ladder in one group."""
    return _TOUCHES.get(state) or words_of("delivery", state)


def window_words(starts_at: datetime, ends_at: datetime, zone: str) -> str:
    """From when to when: the day of the end only when it is another one."""
    is_same_day = starts_at.astimezone(ZoneInfo(zone)).date() == ends_at.astimezone(ZoneInfo(zone)).date()
    end = time_in_zone(ends_at, zone) if is_same_day else in_zone(ends_at, zone)
    return f"{in_zone(starts_at, zone)} – {end}"
