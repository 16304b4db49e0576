"""The error family: a refusal of the domain has a code, a sentence for people and extra facts."""

from typing import Any

from django.utils.translation import gettext, gettext_noop


class DomainError(Exception):
    """A rule of the product said no. Faces turn it into a 4xx answer or a message on the page.

    A class's `message` is marked by gettext_noop and translated when the refusal is made.
    `code`: stable, for machines. `status`: the HTTP status REST answers with.
    `extra`: JSON-ready facts. `field`: the input the refusal is about, when it is about one.
    """

    code = "refused"
    status = 409
    message = gettext_noop("That is not possible.")
    field: str = ""

    def __init__(self, message: str = "", *, field: str = "", **extra: Any) -> None:
        self.message = message or gettext(self.message)
        self.field = field or self.field
        self.extra = extra
        super().__init__(self.message)


class InvalidInput(DomainError):
    """Input that can never work; REST answers 400 naming the field."""

    code = "invalid"
    status = 400


class InvalidTransition(DomainError):
    """The object is in a state from which the asked-for change is not possible."""

    code = "invalid_transition"
    status = 409


class NotAllowed(DomainError):
    """The caller's role does not include this action."""

    code = "not_allowed"
    status = 403


class NotFound(DomainError):
    """There is no such object for this caller; also the answer for another workspace's object."""

    code = "not_found"
    status = 404


class NotAvailable(DomainError):
    """A port that nobody registered for was asked; never treated as a yes."""

    code = "not_available"
    status = 409
