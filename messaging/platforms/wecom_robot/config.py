"""Settings of a WeCom group robot: `key` (it is the secret), optional `base_url`."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from community_ops.common import net
from messaging.errors import ConfigRefused
from messaging.platforms.base import Account
from messaging.platforms.settings_reading import read_text, read_url, refuse_unknown

BASE_URL = "https://qyapi.weixin.qq.com"
HOSTS = frozenset({"qyapi.weixin.qq.com", *settings.WECOM_HOSTS})
_KEY = re.compile(r"[A-Za-z0-9_-]{1,200}")


def _is_known(base_url: str) -> bool:
    """WeCom itself, or this machine under the development switch: anybody else would be given the key."""
    host = urlsplit(base_url).hostname or ""
    return host in HOSTS or (settings.ALLOW_LOOPBACK_ENDPOINTS and net.is_this_machine(host))


def read_config(config: dict[str, Any]) -> Account:
    refuse_unknown(config, ("key", "base_url"))
    key = read_text(config, "key", max_length=200)
    if not _KEY.fullmatch(key):
        raise ConfigRefused("key", _("letters, digits, - and _ only: what follows key= in the robot's address"))
    base_url = read_url(config, "base_url").rstrip("/") if config.get("base_url") else BASE_URL
    if not _is_known(base_url):
        raise ConfigRefused("base_url", _("a robot's key is only sent to WeCom itself"))
    if "?" in base_url:
        raise ConfigRefused("base_url", _("without a question mark"))
    hint = f"…{key[-4:]}" if len(key) >= 12 else "…"
    return Account(config={"hint": hint, "base_url": base_url}, secret={"key": key})
