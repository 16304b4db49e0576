"""Settings of a signed webhook: `url`, `secret`, optional `drops_repeats`.

The whole address is kept secret: addresses of hooks often hold a key in their path.
"""

from django.utils.translation import gettext_lazy

from messaging.platforms.settings_reading import Setting, SettingKind

SETTINGS = (
    Setting(
        key="url",
        label=gettext_lazy("Address"),
        help_text=gettext_lazy("Begins with https://. It is kept secret and not shown again."),
        kind=SettingKind.URL,
        is_secret=True,
        max_length=2000,
    ),
    Setting(
        key="secret",
        label=gettext_lazy("Signing secret"),
        help_text=gettext_lazy("The receiver checks the signature with it. It is not shown again."),
        is_secret=True,
        max_length=300,
    ),
    Setting(
        key="drops_repeats",
        label=gettext_lazy("The receiver ignores a message it has already got"),
        help_text=gettext_lazy("Only then is a message in doubt sent again by itself."),
        kind=SettingKind.FLAG,
    ),
)
