"""Settings of a service behind the apprise library: `url`, its address in apprise's spelling, which is the secret.

Only services whose calls go to one host of the vendor: the library resolves names by itself and follows what it is
told, so an address with a host in it, or with options after a question mark, would lead past the rules of `common.net`.
"""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from messaging.errors import ConfigRefused
from messaging.models import Platform
from messaging.platforms.settings_reading import Setting

SETTINGS = (
    Setting(
        key="url",
        label=gettext_lazy("Address in apprise's spelling"),
        help_text=gettext_lazy("e.g. pover://… or line://…, as apprise's documentation says. It is not shown again."),
        is_secret=True,
        max_length=500,
        pattern=r"[a-z0-9]+://[!-~]+",
        pattern_words=gettext_lazy("an address like service://key/target, without spaces"),
    ),
)
# Scheme to the service's name and the only host its calls go to. A test sends through each of them and looks.
SERVICES: dict[str, tuple[str, str]] = {
    scheme: (name, host)
    for scheme, name, host in (
        ("chanify", "Chanify", "api.chanify.net"),
        ("flock", "Flock", "api.flock.com"),
        ("gchat", "Google Chat", "chat.googleapis.com"),
        ("groupme", "GroupMe", "api.groupme.com"),
        ("ifttt", "IFTTT", "maker.ifttt.com"),
        ("join", "Join", "joinjoaomgcd.appspot.com"),
        ("kook", "KOOK", "www.kookapp.cn"),
        ("line", "LINE", "api.line.me"),
        ("onesignal", "OneSignal", "api.onesignal.com"),
        ("pbul", "Pushbullet", "api.pushbullet.com"),
        ("pover", "Pushover", "api.pushover.net"),
        ("prowl", "Prowl", "api.prowlapp.com"),
        ("pushme", "PushMe", "push.i-i.me"),
        ("pushplus", "pushplus", "www.pushplus.plus"),
        ("qq", "Qmsg", "qmsg.zendee.cn"),
        ("revolt", "Revolt", "api.revolt.chat"),
        ("schan", "ServerChan", "sctapi.ftqq.com"),
        ("spugpush", "Spug", "push.spug.dev"),
        ("threema", "Threema Gateway", "msgapi.threema.ch"),
        ("viber", "Viber", "chatapi.viber.com"),
        ("whatsapp", "WhatsApp Business", "graph.facebook.com"),
        ("wxpusher", "WxPusher", "wxpusher.zjiecode.com"),
        ("zalo", "Zalo", "bot-api.zaloplatforms.com"),
        ("zoom", "Zoom", "inbots.zoom.us"),
    )
}
# What has an adapter of its own here, which knows more than the library tells.
OWN_ADAPTERS: dict[str, Platform] = {
    "wecombot": Platform.WECOM_ROBOT,
    "dingtalk": Platform.DINGTALK_ROBOT,
    "feishu": Platform.FEISHU_ROBOT,
    "lark": Platform.FEISHU_ROBOT,
    "tgram": Platform.TELEGRAM,
    "discord": Platform.DISCORD,
    "slack": Platform.SLACK,
    "mailto": Platform.EMAIL,
    "mailtos": Platform.EMAIL,
    "json": Platform.WEBHOOK,
    "jsons": Platform.WEBHOOK,
    "xml": Platform.WEBHOOK,
    "xmls": Platform.WEBHOOK,
    "form": Platform.WEBHOOK,
    "forms": Platform.WEBHOOK,
}


def checked_service(url: str) -> str:
    """The name of the service an address is of. Raises ConfigRefused for one that is not reached this way."""
    scheme = url.partition("://")[0]
    if (own := OWN_ADAPTERS.get(scheme)) is not None:
        raise ConfigRefused("url", _("make a channel of the kind “%(kind)s” for this") % {"kind": own.label})
    if scheme not in SERVICES:
        raise ConfigRefused("url", _("not this service; one of: %(names)s") % {"names": ", ".join(SERVICES)})
    if "?" in url or "#" in url:
        raise ConfigRefused("url", _("without options: nothing after a question mark"))
    return SERVICES[scheme][0]
