"""Does the configured key fit the stored data? Asked once at every start."""

from django.db import IntegrityError

from community_ops.common.fields import UnreadableSecret
from community_ops.common.models import KeyCanary

_WORD = "the key fits"


class WrongKey(RuntimeError):
    """The key was lost or exchanged: secrets in the database cannot be read with it."""


def verify() -> None:
    """Read the canary, making it on the very first start. Raises WrongKey with what to do."""
    try:
        if not KeyCanary.objects.filter(pk=1).exists():
            KeyCanary.objects.create(pk=1, value=_WORD)
        KeyCanary.objects.get(pk=1)
    except IntegrityError:
        verify()  # another process made it at the same moment
    except UnreadableSecret:
        raise WrongKey(
            "The encryption key cannot read the stored data: restore field.key in DATA_DIR "
            "(or FIELD_ENCRYPTION_KEYS), or start with an empty DATA_DIR."
        ) from None
