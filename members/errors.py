"""What can be refused about members."""

from django.utils.translation import gettext_noop

from community_ops.common.errors import DomainError, InvalidInput


class OtherCommunity(InvalidInput):
    code = "other_community"
    field = "group"
    message = gettext_noop("This member belongs to another community than the group.")


class PhoneNotValid(InvalidInput):
    code = "phone_not_valid"
    field = "phone"
    message = gettext_noop("Give a mobile number, with the country code when it is not a Chinese one.")


class PhoneRegistered(DomainError):
    """The number belongs to somebody whose name is another: her page is not opened to whoever knows it."""

    code = "phone_registered"
    field = "phone"
    message = gettext_noop(
        "This number is registered under another name. Open your personal link instead, or ask in the group."
    )


class PhoneTaken(PhoneRegistered):
    """Said to people of the workspace; their pages name who has the number."""

    message = gettext_noop("Another member has this number already.")


class TooManyRegistrations(DomainError):
    code = "too_many_registrations"
    status = 429
    message = gettext_noop("Too many tries from here. Please wait a few minutes.")


class TooManyEvents(DomainError):
    code = "too_many_events"
    status = 413
    message = gettext_noop("At most 1,000 events in one request.")


class UnreadableFile(InvalidInput):
    code = "unreadable_file"
    field = "file"
    message = gettext_noop("This file cannot be read.")
