"""A sandbox room needs no settings."""

from typing import Any

from messaging.platforms.base import Account
from messaging.platforms.sandbox.capabilities import CAPABILITIES
from messaging.platforms.settings_reading import refuse_unknown


def read_config(config: dict[str, Any]) -> Account:
    refuse_unknown(config, ())
    return Account(drops_repeats=CAPABILITIES.drops_repeats)
