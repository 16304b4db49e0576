"""Refusals of messaging."""

from django.utils.translation import gettext_noop

from community_ops.common.errors import DomainError, InvalidInput


class ConfigRefused(InvalidInput):
    """A platform's settings cannot work; `extra["key"]` names the setting."""

    code = "invalid_config"
    field = "config"

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}", key=key, reason=str(message))


class NotUnknown(DomainError):
    """Only a delivery in doubt waits for a person's word."""

    code = "invalid_transition"
    message = gettext_noop("This delivery is not waiting to be checked.")


class NotFailed(DomainError):
    """Only a failed delivery can be queued again."""

    code = "invalid_transition"
    message = gettext_noop("This delivery has not failed.")


class NoChannel(DomainError):
    """What has no channel cannot be tried again: it would only fail once more."""

    code = "no_endpoint"
    message = gettext_noop("Its group has no delivery channel. Connect one first, then try again.")


class ChatsNotTold(DomainError):
    """The platform does not say which chats an account is in; the message may be its own words."""

    code = "chats_not_told"
    message = gettext_noop("This platform does not say which chats the account is in.")


class EndpointInUse(DomainError):
    code = "endpoint_in_use"
    message = gettext_noop("Messages are still planned for this channel.")


class KeptWithPerson(DomainError):
    """A channel that is a person has no life of its own."""

    code = "kept_with_person"
    message = gettext_noop("This channel is a person: it is changed and archived with her.")


class AssigneeBusy(DomainError):
    code = "assignee_busy"
    message = gettext_noop("There are open cards. Hand them on or withdraw them first.")


class NudgedTooSoon(DomainError):
    code = "nudged_too_soon"
    message = gettext_noop("She was told less than a minute ago.")


class NoNoticeChannel(DomainError):
    code = "no_notice_channel"
    message = gettext_noop("There is no channel to tell this person by.")


class CannotReceive(DomainError):
    code = "cannot_receive"
    message = gettext_noop("Nothing can be received through this account.")


class RouteNotOpened(DomainError):
    """The platform would not be told where its events go; the message is its own words."""

    code = "route_not_opened"
    message = gettext_noop("The platform could not be told.")
