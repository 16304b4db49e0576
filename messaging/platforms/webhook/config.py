"""Settings of a signed webhook: `url`, `secret`, optional `drops_repeats`.

The whole address is kept secret: addresses of hooks often hold a key in their path.
"""

import base64
import binascii
from typing import Any

import httpx2
from django.utils.translation import gettext as _

from messaging.errors import ConfigRefused
from messaging.platforms.base import Account
from messaging.platforms.settings_reading import read_flag, read_text, read_url, refuse_unknown

PREFIX = "whsec_"


def read_config(config: dict[str, Any]) -> Account:
    refuse_unknown(config, ("url", "secret", "drops_repeats"))
    url, secret = read_url(config, "url"), read_text(config, "secret", max_length=300)
    signing_key(secret)
    return Account(
        config={"hint": httpx2.URL(url).host},
        secret={"url": url, "secret": secret},
        drops_repeats=read_flag(config, "drops_repeats"),
    )


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
