"""Signatures by the Standard Webhooks scheme: of what we send and of what is sent here."""

import base64
import binascii
import hmac

from django.utils.translation import gettext as _

from messaging.errors import ConfigRefused

PREFIX = "whsec_"


def signing_key(secret: str) -> bytes:
    """The HMAC key: what follows `whsec_` decoded from base64, else the bytes of the secret itself."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigRefused("secret", _("what follows whsec_ must be base64")) from None
    if not key:
        raise ConfigRefused("secret", _("what follows whsec_ must be base64"))
    return key


def signature(key: bytes, identity: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""
    signed = b".".join((identity.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
