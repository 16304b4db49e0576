"""Settings of a Slack app: `token` (secret); of a channel: `chat`; optional `base_url`."""

from django.utils.translation import gettext_lazy as _

from messaging.platforms.settings_reading import Setting, base_url_setting

BASE_URL = "https://slack.com"
HOSTS = frozenset({"slack.com"})
FILE_HOSTS = frozenset({"files.slack.com"})  # where images are sent
SETTINGS = (
    Setting(
        key="token",
        label=_("Bot token"),
        help_text=_("Bot User OAuth Token, begins with xoxb-. It is not shown again."),
        is_secret=True,
        pattern=r"xoxb-[A-Za-z0-9-]{10,150}",
        pattern_words=_("begins with xoxb-, then letters, digits and -"),
    ),
    Setting(
        key="chat",
        label=_("Channel ID"),
        help_text=_("At the bottom of the channel's details in Slack; begins with C. Not the channel's name."),
        is_of_chat=True,
        pattern=r"[CDG][A-Z0-9]{4,30}",
        pattern_words=_("begins with C, D or G, then capitals and digits"),
    ),
    base_url_setting(BASE_URL),
)
