"""Why something is in its state, and what it waits for: one sentence a code, for every page, message and export.

Codes are those stored in the rows: ours, and what the guards of higher apps answer with.
"""

from typing import TypeAlias

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

Words: TypeAlias = str | Promise
IN_DOUBT = "in_doubt:"  # then the end it would have had and why, where an earlier try may have arrived

_REASONS: dict[str, Words] = {
    # planning
    "past": _("Its time was past already."),
    "too_short": _("There is no room for it between start and end."),
    "after_start": _("It would come after the start."),
    "over": _("It was over before this could happen."),
    # the look before a call
    "too_late": _("Its latest moment had passed."),
    "no_endpoint": _("The group has no delivery channel."),
    "channel_since": _("There was no delivery channel at its time. By now there is one: it can be queued again."),
    "endpoint_archived": _("The delivery channel was archived."),
    "too_long": _("With its values filled in, the text is too long for the platform."),
    "nothing_to_send": _("It has no text, and this platform takes no picture from us."),
    "image_lost": _("Its picture cannot be read any more."),
    "parts_changed": _("It was begun in parts, and the platform counts differently now: the rest was not sent."),
    "more_parts": _("A part of it went out, the next one follows."),
    "text_incomplete": _("A placeholder of the text has no value."),
    "file_not_taken": _("The platform takes no files, or none of this size."),
    "file_lost": _("The file that belongs to it is gone."),
    "not_available": _("Nobody could say whether it may still be sent, so it was not."),
    "group_closed": _("The group is archived."),
    "announcement_cancelled": _("The announcement was cancelled."),
    "run_stopped": _("Its playbook run was stopped."),
    "sale_over": _("The sale is over."),
    "sale_paused": _("The sale is paused."),
    "sale_cancelled": _("The sale was cancelled."),
    "sold_out": _("Everything is sold."),
    "not_sold_out": _("Pieces came back, so “sold out” was not true any more."),
    "half_sold": _("Half is sold."),
    "quiet_hours": _("It fell into the quiet hours."),
    "holiday": _("It fell on a holiday."),
    "cap": _("The daily limit was reached."),
    "consent": _("The member does not want messages."),
    "approval": _("Nobody approved it in time."),
    # the call
    "refused": _("The platform refused it for good."),
    "gave_up": _("It was tried several times without success and is parked now."),
    "too_fast": _("The platform kept saying “too fast” for a day, or 500 times; it is parked now."),
    "long_wait": _("The platform asked to wait longer than a day; it is parked now."),
    "limit": _("It waits for its turn: the channel may not send more at the moment."),
    "key_refused": _("It waits: the platform refused the key of this account several times in a row."),
    "retrying": _("The last try did not work; another one follows by itself."),
    "paused": _("It is paused and goes out when somebody lets it go on."),
    "no_answer": _("Tried; whether it arrived is not known."),
    "worker_lost": _("The program ended while it was sending, before the answer was written down."),
    "channel_changed": _("Its group has another channel now. Tried again, the rest goes out through the former one."),
    "chat_changed": _("Its channel leads to another chat now. Tried again, all of it goes there."),
    # a person
    "again": _("Queued again by a person."),
    "confirmed_by_person": _("A person looked into the group and confirmed it."),
    "cancelled_by_person": _("A person cancelled it."),
    "not_sent": _("A person looked into the group: it is not there."),
    # sent by hand
    "by_hand": _("Somebody has to send it by hand: it is on her to-send list."),
    "left_out": _("The person who was to send it left it out and said why."),
    "said_after": _("It was called off, but whoever was to send it says that it had been posted already."),
    "not_done": _("Nobody sent it by hand within a day."),
    "handed_on": _("A colleague has it now."),
    "taken_back": _("The team took it back from the to-send list."),
    "card_closed": _("What it was to tell of was done or withdrawn before, or was told anew."),
}
# Where a person decides what comes next, nothing is parked.
_REASONS_IN_DOUBT: dict[str, Words] = {
    "gave_up": _("It was tried several times, and no try was answered with success."),
    "channel_changed": _("Its group has another channel now."),
    "chat_changed": _("Its channel leads to another chat now."),
}
_CONDITIONS: dict[str, Words] = {
    "half_sold": _("When half is sold"),
    "sold_out": _("When everything is sold"),
}


def reason_words(reason: str) -> str:
    """The sentence of a reason; an unknown code is shown as it is, so that nothing is hidden."""
    if reason.startswith(IN_DOUBT):
        end = reason.rpartition(":")[2]
        why = str(_REASONS_IN_DOUBT.get(end) or _REASONS.get(end, end))
        return gettext("An earlier try may have arrived. After that: %(reason)s") % {"reason": why}
    return str(_REASONS.get(reason, reason))


def condition_words(condition: str) -> str:
    """What a step waits for."""
    return str(_CONDITIONS.get(condition, condition))
