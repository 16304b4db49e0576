"""Reading platform settings that people and tools give: strict about names and kinds."""

from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext as _

from community_ops.common import net
from messaging.errors import ConfigRefused


def refuse_unknown(config: dict[str, Any], known: Collection[str]) -> None:
    """Raise ConfigRefused for a setting the platform does not have: a typing mistake must not be silent."""
    for key in config:
        if key not in known:
            raise ConfigRefused(key[:50] if key.isprintable() else ascii(key)[:50], _("there is no such setting"))


def read_text(config: dict[str, Any], key: str, *, max_length: int) -> str:
    """A required printable text without spaces around it."""
    value = config.get(key)
    if not isinstance(value, str) or not value:
        raise ConfigRefused(key, _("this is required"))
    if len(value) > max_length or not value.isprintable() or value != value.strip():
        raise ConfigRefused(
            key, _("at most %(count)d printable characters, no spaces around them") % {"count": max_length}
        )
    return value


def read_flag(config: dict[str, Any], key: str) -> bool:
    """An optional true or false; false when absent."""
    value = config.get(key, False)
    if not isinstance(value, bool):
        raise ConfigRefused(key, _("true or false"))
    return value


def read_url(config: dict[str, Any], key: str) -> str:
    """A required address that may be called."""
    try:
        return net.checked_url(read_text(config, key, max_length=net.MAX_URL_LENGTH))
    except net.AddressRefused as refusal:
        raise ConfigRefused(key, str(refusal)) from None
