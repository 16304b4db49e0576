"""Settings of a platform: what there is to fill in, and a strict reading of what people and tools give."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as installation
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from community_ops.common import net
from messaging.errors import ConfigRefused


class SettingKind(StrEnum):
    TEXT = "text"
    URL = "url"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One thing to fill in. `is_of_chat`: it names the chat, the others the account.

    `pattern`: what all of it must match; `pattern_words` then say what is wrong. Not on a form: `is_on_form` False.
    """

    key: str
    label: str | Promise
    help_text: str | Promise = ""
    kind: SettingKind = SettingKind.TEXT
    is_secret: bool = False
    is_required: bool = True
    is_of_chat: bool = False
    is_on_form: bool = True
    max_length: int = 200
    pattern: str = ""
    pattern_words: str | Promise = ""
    choices: tuple[tuple[str, str | Promise], ...] = ()
    default: Any = None


def read_settings(known: Sequence[Setting], config: Mapping[str, Any]) -> dict[str, Any]:
    """The values given, checked; a setting that was left out is missing, or has its default.

    Raises ConfigRefused for a setting the platform does not have (a typing mistake must not be silent), for one
    that is missing, and for what cannot be right.
    """
    refuse_unknown(config, [one.key for one in known])
    values = {one.key: _read(one, config) for one in known}
    return {key: value for key, value in values.items() if value is not None}


def refuse_unknown(config: Mapping[str, Any], known: Collection[str]) -> None:
    for key in config:
        if key not in known:
            raise ConfigRefused(key[:50] if key.isprintable() else ascii(key)[:50], _("there is no such setting"))


def _read(one: Setting, config: Mapping[str, Any]) -> Any:
    if one.kind is SettingKind.FLAG:
        return _flag(one, config)
    if config.get(one.key) in (None, "") and not one.is_required:
        return one.default
    if one.kind is SettingKind.NUMBER:
        return _number(one, config)
    value = _text(one, config)
    if one.kind is SettingKind.URL:
        return _url(one.key, value)
    if one.kind is SettingKind.CHOICE and value not in dict(one.choices):
        raise ConfigRefused(one.key, _("One of: %(names)s.") % {"names": ", ".join(dict(one.choices))})
    return value


def _text(one: Setting, config: Mapping[str, Any]) -> str:
    value = config.get(one.key)
    if not isinstance(value, str) or not value:
        raise ConfigRefused(one.key, _("this is required"))
    if len(value) > one.max_length or not value.isprintable() or value != value.strip():
        raise ConfigRefused(
            one.key, _("at most %(count)d printable characters, no spaces around them") % {"count": one.max_length}
        )
    if one.pattern and not re.fullmatch(one.pattern, value):
        raise ConfigRefused(one.key, str(one.pattern_words))
    return value


def _flag(one: Setting, config: Mapping[str, Any]) -> bool:
    value = config.get(one.key, False)
    if not isinstance(value, bool):
        raise ConfigRefused(one.key, _("true or false"))
    return value


def _number(one: Setting, config: Mapping[str, Any]) -> int:
    value = config.get(one.key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 65_536:
        raise ConfigRefused(one.key, _("a number between 1 and 65535"))
    return value


def _url(key: str, value: str) -> str:
    try:
        return net.checked_url(value)
    except net.AddressRefused as refusal:
        raise ConfigRefused(key, str(refusal)) from None


def base_url_setting(default: str) -> Setting:
    """Where the platform's interface is; another one than its own only by REST (`refuse_other_hosts`)."""
    return Setting(
        key="base_url", label="", kind=SettingKind.URL, is_required=False, is_on_form=False, max_length=2000,
        default=default,
    )  # fmt: skip


def checked_base_url(base_url: str, hosts: Collection[str]) -> str:
    """The address without a slash at its end, if it is the platform's own, or this machine's under the development
    switch: anybody else would be given the key. Raises ConfigRefused."""
    host = urlsplit(base_url).hostname or ""
    is_here = installation.ALLOW_LOOPBACK_ENDPOINTS and net.is_this_machine(host)
    if host not in hosts and not is_here:
        raise ConfigRefused("base_url", _("a key is only sent to the platform itself"))
    if "?" in base_url:
        raise ConfigRefused("base_url", _("without a question mark"))
    return base_url.rstrip("/")


def hint_of(secret: str) -> str:
    """The last signs of a key, so that people can tell accounts apart; of a short one nothing."""
    return f"…{secret[-4:]}" if len(secret) >= 12 else "…"
