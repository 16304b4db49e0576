"""Settings of a Discord bot: `token` (secret); of a channel: `chat`; optional `base_url`."""

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
