"""Settings of a DingTalk group robot: `access_token`, the signing `secret` where the robot has one, `base_url`."""

from django.utils.translation import gettext_lazy as _

from messaging.platforms.settings_reading import Setting, base_url_setting

BASE_URL = "https://oapi.dingtalk.com"
HOSTS = frozenset({"oapi.dingtalk.com"})
SETTINGS = (
    Setting(
        key="access_token",
        label=_("Access token"),
        help_text=_("What follows access_token= in the robot's address. It is not shown again."),
        is_secret=True,
        pattern=r"[A-Za-z0-9]{1,200}",
        pattern_words=_("letters and digits only: what follows access_token= in the robot's address"),
    ),
    Setting(
        key="secret",
        label=_("Signing secret"),
        help_text=_("Begins with SEC. Empty if the robot is protected by keywords or by our address instead."),
        is_secret=True,
        is_required=False,
        pattern=r"SEC[A-Za-z0-9]{1,197}",
        pattern_words=_("it begins with SEC, letters and digits follow"),
    ),
    base_url_setting(BASE_URL),
)
