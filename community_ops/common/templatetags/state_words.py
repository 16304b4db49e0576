"""The words and tones of states, one table for every page, message and export.

A state says exactly what is known: "accepted" is the platform's answer, "confirmed" that the message
was seen in the group. Tones: neutral, info, good, warn (needs a look), bad.
Keys are the values stored in the rows; the source of the Chinese wording is docs/glossary.md.
"""

from dataclasses import dataclass
from typing import TypeAlias

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words: TypeAlias = str | Promise


@dataclass(frozen=True, slots=True)
class StateWords:
    """A state's label, its tone and, where a label alone could mislead, one sentence that says what is known."""

    label: Words
    tone: str = "neutral"
    help: Words = ""


_DELIVERY = {
    "planned": StateWords(pgettext_lazy("delivery", "Planned")),
    "paused": StateWords(
        pgettext_lazy("delivery", "Paused"), "warn", _("It is paused and goes out when somebody lets it go on.")
    ),
    "due": StateWords(pgettext_lazy("delivery", "Due"), "info"),
    "retrying": StateWords(
        pgettext_lazy("delivery", "Retrying"), "warn", _("The last try did not work; another one follows by itself.")
    ),
    "sending": StateWords(pgettext_lazy("delivery", "Sending"), "info"),
    "accepted": StateWords(
        pgettext_lazy("delivery", "Accepted by the platform"),
        "info",
        # of all platforms at once; `messaging.evidence_wording` says it of one message
        _("The other side answered success. What that proves differs by platform; each message's record says it."),
    ),
    "waiting": StateWords(pgettext_lazy("delivery", "Waiting for a person to send"), "warn"),
    "waiting_owner": StateWords(pgettext_lazy("delivery", "Waiting for the group owner"), "warn"),
    "confirmed": StateWords(
        pgettext_lazy("delivery", "Confirmed in the group"),
        "good",
        _("There is a receipt of the platform, or a person confirmed it."),
    ),
    "unknown": StateWords(
        pgettext_lazy("delivery", "To be checked"),
        "warn",
        _(
            "It may have been sent or not. Please look into the group: “Sent” if it is there; “Not sent” if it is not, "
            "then it stays unsent; “Send again” sends it once more."
        ),
    ),
    "expired": StateWords(
        pgettext_lazy("delivery", "Too late, not sent"),
        "bad",
        _("The latest moment had passed, so it was not sent afterwards."),
    ),
    "failed": StateWords(pgettext_lazy("delivery", "Failed"), "bad"),
    "parked": StateWords(pgettext_lazy("delivery", "Failed several times, parked"), "bad"),
    # cancelled by a send rule, by nobody's hand
    "quiet_hours": StateWords(
        pgettext_lazy("delivery", "Not sent: quiet hours"), "warn", _("It fell into the quiet hours.")
    ),
    "holiday": StateWords(pgettext_lazy("delivery", "Not sent: holiday"), "warn", _("It fell on a holiday.")),
    "cap": StateWords(pgettext_lazy("delivery", "Not sent: limit"), "warn", _("The daily limit was reached.")),
    # cancelled in the record, and nobody cancelled it: the person who was to send it did not
    "left_out": StateWords(
        pgettext_lazy("delivery", "Not sent: a colleague said why"),
        "warn",
        _("The person who was to send it left it out and said why."),
    ),
    "cancelled": StateWords(pgettext_lazy("delivery", "Cancelled")),
    # cancelled, failed or too late midway: which of them, and how much is out, is said of each by itself
    "partly_sent": StateWords(
        pgettext_lazy("delivery", "Partly sent"),
        "warn",
        _("A part of it is in the group already; the rest was not sent."),
    ),
}
_TOUCH = {  # of a plan, in one group; once it is planned its delivery's words say more
    **_DELIVERY,
    "skipped": StateWords(pgettext_lazy("touch", "Skipped")),
    "waits": StateWords(pgettext_lazy("touch", "Waits for its condition")),
    "missed": StateWords(pgettext_lazy("touch", "Did not happen"), help=_("It was over before this could happen.")),
    "stopped": _DELIVERY["cancelled"],  # the touch was called off, as its delivery is cancelled: one word for both
}
_ANNOUNCEMENT = {
    "draft": StateWords(pgettext_lazy("announcement", "Draft")),
    "scheduled": StateWords(pgettext_lazy("announcement", "Scheduled"), "info"),
    "sending": StateWords(pgettext_lazy("announcement", "Sending"), "info"),
    "paused": StateWords(pgettext_lazy("announcement", "Paused"), "warn"),
    "done": StateWords(pgettext_lazy("announcement", "Finished"), "good"),
    "finished": StateWords(pgettext_lazy("announcement", "Finished"), "good"),
    "cancelled": StateWords(pgettext_lazy("announcement", "Cancelled")),
}
_SALE = {
    "draft": StateWords(pgettext_lazy("sale", "Draft")),
    "scheduled": StateWords(pgettext_lazy("sale", "Scheduled"), "info"),
    "open": StateWords(pgettext_lazy("sale", "Open now"), "good"),
    "paused": StateWords(pgettext_lazy("sale", "Paused"), "warn"),
    "all_held": StateWords(
        pgettext_lazy("sale", "All held"),
        "warn",
        _("What is not sold is held for orders that wait for payment; what is not paid in time comes back."),
    ),
    "sold_out": StateWords(pgettext_lazy("sale", "Sold out"), "good"),
    "ended": StateWords(pgettext_lazy("sale", "Ended")),
    "cancelled": StateWords(pgettext_lazy("sale", "Cancelled")),
}
_ORDER = {
    "held": StateWords(pgettext_lazy("order", "Waiting for payment"), "info"),
    "paid": StateWords(pgettext_lazy("order", "Paid"), "good"),
    "fulfilled": StateWords(pgettext_lazy("order", "Delivered"), "good"),
    "refunded": StateWords(pgettext_lazy("order", "Refunded")),
    "expired": StateWords(pgettext_lazy("order", "Closed, not paid in time")),
    "cancelled": StateWords(pgettext_lazy("order", "Cancelled")),
    "paid_late": StateWords(pgettext_lazy("order", "Paid late, to be decided"), "warn"),
}
_HEALTH = {
    "lively": StateWords(pgettext_lazy("health", "Lively"), "good"),
    "watch": StateWords(pgettext_lazy("health", "Keep an eye on it"), "warn"),
    "silent": StateWords(pgettext_lazy("health", "Silent"), "bad"),
    "resting": StateWords(pgettext_lazy("health", "Resting")),
    "finished": StateWords(pgettext_lazy("health", "Purpose fulfilled")),
}
_JOB = {
    "queued": StateWords(pgettext_lazy("job", "Waiting for its turn")),
    "running": StateWords(pgettext_lazy("job", "Running"), "info"),
    "done": StateWords(pgettext_lazy("job", "Finished"), "good"),
    "failed": StateWords(pgettext_lazy("job", "Failed"), "bad"),
    "late": StateWords(pgettext_lazy("job", "Did not run on time"), "bad"),
    "cancelled": StateWords(pgettext_lazy("job", "Cancelled")),
}
_TASK = {
    "open": StateWords(pgettext_lazy("task", "To do"), "info"),
    "late": StateWords(pgettext_lazy("task", "Late"), "warn"),  # computed: `messaging.task_policies.is_late`
    "done": StateWords(pgettext_lazy("task", "Done"), "good"),
    "left_out": StateWords(pgettext_lazy("task", "Left out")),
    "withdrawn": StateWords(pgettext_lazy("task", "Withdrawn")),
}
_SOURCE = {
    "platform": StateWords(pgettext_lazy("source of a number", "Platform")),
    "import": StateWords(pgettext_lazy("source of a number", "Import")),
    "manual": StateWords(pgettext_lazy("source of a number", "Entered by hand")),
    "person": StateWords(pgettext_lazy("source of a number", "Confirmed by a person")),
    "several": StateWords(pgettext_lazy("source of a number", "Several sources")),
    "unmeasured": StateWords(
        pgettext_lazy("source of a number", "Not measurable"),
        help=_("This platform gives no way to measure it."),
    ),
}
_STAGE = {
    "build": StateWords(pgettext_lazy("stage", "Build")),
    "acquire": StateWords(pgettext_lazy("stage", "Acquire")),
    "activate": StateWords(pgettext_lazy("stage", "Activate")),
    "retain": StateWords(pgettext_lazy("stage", "Retain")),
    "convert": StateWords(pgettext_lazy("stage", "Convert")),
    "culture": StateWords(pgettext_lazy("stage", "Culture")),
}
STATE_WORDS: dict[str, dict[str, StateWords]] = {
    "delivery": _DELIVERY,
    "touch": _TOUCH,
    "announcement": _ANNOUNCEMENT,
    "sale": _SALE,
    "order": _ORDER,
    "health": _HEALTH,
    "job": _JOB,
    "task": _TASK,
    "source": _SOURCE,
    "stage": _STAGE,
}
TONES = ("neutral", "info", "good", "warn", "bad")
STAGES = tuple(_STAGE)


def words_of(kind: str, state: str) -> StateWords:
    """The words of a state; a state that the table does not know is shown as stored, in the neutral tone."""
    return STATE_WORDS.get(kind, {}).get(state) or StateWords(state)
