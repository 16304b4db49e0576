"""Settings of a Discord bot: `token` (secret); of a channel: `chat`; optional `base_url`."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.encoding import iri_to_uri
from django.utils.translation import gettext_lazy as _

from messaging.platforms.settings_reading import Setting, base_url_setting

BASE_URL = "https://discord.com"
HOSTS = frozenset({"discord.com"})
SETTINGS = (
    Setting(
        key="token",
        label=_("Bot token"),
        help_text=_("From the Bot page of the application in the Discord developer portal. It is not shown again."),
        is_secret=True,
        pattern=r"[A-Za-z0-9_-]{10,80}\.[A-Za-z0-9_-]{3,20}\.[A-Za-z0-9_-]{20,80}",
        pattern_words=_("three pieces with dots between them, without the word Bot"),
    ),
    Setting(
        key="chat",
        label=_("Channel ID"),
        help_text=_("Turn on developer mode in Discord, then choose Copy Channel ID in the channel's menu."),
        is_of_chat=True,
        pattern=r"[1-9][0-9]{14,19}",
        pattern_words=_("15 to 20 digits"),
    ),
    base_url_setting(BASE_URL),
)


def headers(secret: Mapping[str, Any]) -> dict[str, str]:
    """Discord turns away callers that do not say who they are in this form."""
    agent = f"DiscordBot ({iri_to_uri(settings.PUBLIC_URL)}, 1)"
    return {"authorization": f"Bot {secret['token']}", "user-agent": agent}
