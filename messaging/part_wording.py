"""A message that takes several calls, in words: how much is out, which part a doubt is about. Formatting only."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from messaging.models import Delivery, DeliveryState
from messaging.policies import UNSENT
from messaging.showing import joined

_ON_ITS_WAY = (DeliveryState.PLANNED, DeliveryState.SENDING)


def has_parts_to_tell(delivery: Delivery) -> bool:
    """Whether it takes several calls and not all of them are known to have gone out."""
    if delivery.state in (DeliveryState.ACCEPTED, DeliveryState.CONFIRMED):
        return False
    return delivery.part_count > 1 and (delivery.parts_sent > 0 or delivery.state == DeliveryState.UNKNOWN)


def parts_words(delivery: Delivery, *, first_words: str = "", is_called_off: bool = False) -> str:
    """How much of a message in several parts is in the group, and what follows; nothing of any other.

    `first_words`: of the part a doubt is about, where they are known. `is_called_off`: the rest of one in doubt is not
    wanted any more.
    """
    if not has_parts_to_tell(delivery):
        return ""
    if delivery.state == DeliveryState.UNKNOWN:
        return _doubt_words(delivery, first_words, is_called_off)
    facts = {"sent": delivery.parts_sent, "count": delivery.part_count}
    if delivery.state in UNSENT:
        return _("%(sent)d of %(count)d messages went out; the rest was not sent.") % facts
    if delivery.state in _ON_ITS_WAY and delivery.reason != "paused":
        return _("%(sent)d of %(count)d messages went out; the rest follows.") % facts
    return _("%(sent)d of %(count)d messages went out; the rest has not been sent yet.") % facts


def no_picture_words(delivery: Delivery, platform: str) -> str:
    """Of a message with a picture that its platform takes none of; nothing of one that will not go out."""
    if delivery.state in (DeliveryState.PLANNED, DeliveryState.SENDING):
        return _("%(platform)s: the picture does not go along, only the text.") % {"platform": platform}
    if delivery.state in (DeliveryState.ACCEPTED, DeliveryState.CONFIRMED, DeliveryState.UNKNOWN):
        return _("The picture was not sent along: %(platform)s takes none.") % {"platform": platform}
    return ""


def out_of_words(delivery: Delivery, state: str) -> str:
    """The badge of one that ended midway: "Cancelled · 1 of 2 sent"; `state`: how it ended, in words."""
    facts = {"state": state, "sent": delivery.parts_sent, "count": delivery.part_count}
    return _("%(state)s · %(sent)d of %(count)d sent") % facts


def part_words(part: int, part_count: int) -> str:
    """Which part of a message something is about: "Message 2 of 3"; nothing where it has only one."""
    return _("Message %(number)s of %(total)s") % {"number": part, "total": part_count} if part_count > 1 else ""


def fate_of_part(delivery: Delivery, index: int) -> str:
    """What is said beside part `index` (from 0) of the message as people see it; nothing of one that went out."""
    if (not has_parts_to_tell(delivery) and delivery.state not in UNSENT) or index < delivery.parts_sent:
        return ""
    if delivery.state == DeliveryState.UNKNOWN and index == delivery.parts_sent:
        return pgettext("part of a message", "to be checked")
    if delivery.state in UNSENT or delivery.state == DeliveryState.UNKNOWN:
        return pgettext("part of a message", "not sent")
    return pgettext("part of a message", "not sent yet")


def _doubt_words(delivery: Delivery, first_words: str, is_called_off: bool) -> str:
    facts = {"number": delivery.parts_sent + 1, "count": delivery.part_count, "words": first_words}
    if first_words:
        which = _("The doubt is about message %(number)d of %(count)d: “%(words)s”.") % facts
    else:
        which = _("The doubt is about message %(number)d of %(count)d.") % facts
    return joined(which, _what_follows(delivery, is_called_off))


def _what_follows(delivery: Delivery, is_called_off: bool) -> str:
    """What each of the three answers sets off."""
    left = delivery.part_count - delivery.parts_sent - 1
    if left <= 0:
        return _("It is the last one: “Send again” repeats this one only.")
    if is_called_off:
        words = ngettext(
            "After “Sent” and “Not sent” the last %(left)d is not sent; “Send again” repeats this one and goes on.",
            "After “Sent” and “Not sent” the last %(left)d are not sent; “Send again” repeats this one and goes on.",
            left,
        )
        return words % {"left": left}
    words = ngettext(
        "After “Sent” the last %(left)d follows at once; after “Not sent” nothing more goes out; "
        "“Send again” repeats this one and goes on.",
        "After “Sent” the last %(left)d follow at once; after “Not sent” nothing more goes out; "
        "“Send again” repeats this one and goes on.",
        left,
    )
    return words % {"left": left}
