"""Settings of a Feishu or Lark group robot: `hook`, `region`, the signing `secret` where it has one, `base_url`."""

from django.utils.translation import gettext_lazy as _

from messaging.platforms.settings_reading import Setting, SettingKind, base_url_setting

REGIONS = {"feishu": "https://open.feishu.cn", "lark": "https://open.larksuite.com"}
HOSTS = frozenset({"open.feishu.cn", "open.larksuite.com"})
SETTINGS = (
    Setting(
        key="hook",
        label=_("Robot key"),
        help_text=_("What follows /hook/ in the robot's address. It is not shown again."),
        is_secret=True,
        pattern=r"[A-Za-z0-9-]{1,200}",
        pattern_words=_("letters, digits and - only: what follows /hook/ in the robot's address"),
    ),
    Setting(
        key="region",
        label=_("Where the robot is"),
        help_text=_("As its address begins."),
        kind=SettingKind.CHOICE,
        is_required=False,
        choices=(("feishu", _("Feishu (open.feishu.cn)")), ("lark", _("Lark (open.larksuite.com)"))),
        default="feishu",
    ),
    Setting(
        key="secret",
        label=_("Signing secret"),
        help_text=_("Empty if the robot is protected by keywords or by our address instead."),
        is_secret=True,
        is_required=False,
        pattern=r"[A-Za-z0-9]{1,200}",
        pattern_words=_("letters and digits only"),
    ),
    base_url_setting(""),
)
