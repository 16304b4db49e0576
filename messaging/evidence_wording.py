"""What is known of a message that was accepted: one sentence for each kind of evidence. Formatting only."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from messaging.models import Delivery
from messaging.platforms import registry
from messaging.platforms.base import Evidence

_ACCEPTED: dict[Evidence, str | Promise] = {
    Evidence.PLATFORM_CODE: _("The platform answered success. Whether the group shows it is up to the platform."),
    Evidence.HTTP_STATUS: _("The receiver answered success. What it did with the message only the receiver knows."),
    Evidence.MAIL_SERVER: _("The mail server took it. Whether it reaches the inbox cannot be seen here."),
    Evidence.LIBRARY: _("The apprise library reports success. How it knows, and whether it is shown, it does not say."),
    Evidence.PERSON: _("A person says that she sent it."),
    Evidence.ROOM: _("It is shown in the sandbox room."),
}
_ACCEPTED_AT: dict[Evidence, str | Promise] = {
    Evidence.PLATFORM_CODE: _(
        "The platform answered success (%(at)s). Whether the group shows it is up to the platform."
    ),
    Evidence.HTTP_STATUS: _(
        "The receiver answered success (%(at)s). What it did with the message only the receiver knows."
    ),
    Evidence.MAIL_SERVER: _("The mail server took it (%(at)s). Whether it reaches the inbox cannot be seen here."),
    Evidence.LIBRARY: _(
        "The apprise library reports success (%(at)s). How it knows, and whether it is shown, it does not say."
    ),
    Evidence.PERSON: _("A person says that she sent it (%(at)s)."),
    Evidence.ROOM: _("It is shown in the sandbox room (%(at)s)."),
}


def accepted_words(delivery: Delivery, *, at: str = "") -> str:
    """What "accepted" means for this delivery, by the evidence its platform declares; `at`: when, in words.

    Reads the channel's account where it was not fetched along.
    """
    evidence = _evidence_of(delivery)
    return str(_ACCEPTED_AT[evidence]) % {"at": at} if at else str(_ACCEPTED[evidence])


def _evidence_of(delivery: Delivery) -> Evidence:
    if delivery.endpoint is None:
        return Evidence.PLATFORM_CODE
    return registry.get(delivery.endpoint.connection.platform).capabilities.evidence
