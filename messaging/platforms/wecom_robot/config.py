"""Settings of a WeCom group robot: `key` (it is the secret), optional `base_url`."""

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from messaging.platforms.settings_reading import Setting, base_url_setting

BASE_URL = "https://qyapi.weixin.qq.com"
HOSTS = frozenset({"qyapi.weixin.qq.com", *settings.WECOM_HOSTS})
SETTINGS = (
    Setting(
        key="key",
        label=_("Robot key"),
        help_text=_("What follows key= in the robot's address. It is not shown again."),
        is_secret=True,
        pattern=r"[A-Za-z0-9_-]{1,200}",
        pattern_words=_("letters, digits, - and _ only: what follows key= in the robot's address"),
    ),
    base_url_setting(BASE_URL),
)
