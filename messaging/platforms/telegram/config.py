"""Settings of a Telegram bot: `token` (secret); of a chat: `chat`, optional `thread`; optional `base_url`."""

from django.utils.translation import gettext_lazy as _

from messaging.platforms.settings_reading import Setting, base_url_setting

BASE_URL = "https://api.telegram.org"
HOSTS = frozenset({"api.telegram.org"})
SETTINGS = (
    Setting(
        key="token",
        label=_("Bot token"),
        help_text=_("What @BotFather gave when the bot was made. It is not shown again."),
        is_secret=True,
        pattern=r"[0-9]{3,20}:[A-Za-z0-9_-]{20,100}",
        pattern_words=_("digits, a colon, letters and digits: as @BotFather gave it"),
    ),
    Setting(
        key="chat",
        label=_("Chat ID"),
        help_text=_("A number, for groups with a minus in front; or @name of a public group or channel."),
        is_of_chat=True,
        max_length=100,
        pattern=r"-?[1-9][0-9]{0,19}|@[A-Za-z][A-Za-z0-9_]{3,63}",
        pattern_words=_("a number, or @ and the public name"),
    ),
    Setting(
        key="thread",
        label=_("Topic ID"),
        help_text=_("Only in a group with topics: the number of the topic. Empty: the general topic."),
        is_required=False,
        is_of_chat=True,
        pattern=r"[1-9][0-9]{0,9}",
        pattern_words=_("digits only"),
    ),
    base_url_setting(BASE_URL),
)
