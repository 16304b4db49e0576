"""All platforms by name."""

from django.utils.translation import gettext as _

from community_ops.common.errors import InvalidInput
from messaging.models import Platform
from messaging.platforms.apprise_extra.adapter import AppriseAdapter
from messaging.platforms.assisted.adapter import AssistedAdapter
from messaging.platforms.base import Adapter
from messaging.platforms.dingtalk_robot.adapter import DingtalkRobotAdapter
from messaging.platforms.discord.adapter import DiscordAdapter
from messaging.platforms.email_smtp.adapter import EmailAdapter
from messaging.platforms.feishu_robot.adapter import FeishuRobotAdapter
from messaging.platforms.sandbox.adapter import SandboxAdapter
from messaging.platforms.slack.adapter import SlackAdapter
from messaging.platforms.telegram.adapter import TelegramAdapter
from messaging.platforms.webhook.adapter import WebhookAdapter
from messaging.platforms.wecom_robot.adapter import WecomRobotAdapter

_ADAPTERS: dict[str, Adapter] = {
    Platform.SANDBOX: SandboxAdapter(),
    Platform.WEBHOOK: WebhookAdapter(),
    Platform.WECOM_ROBOT: WecomRobotAdapter(),
    Platform.DINGTALK_ROBOT: DingtalkRobotAdapter(),
    Platform.FEISHU_ROBOT: FeishuRobotAdapter(),
    Platform.TELEGRAM: TelegramAdapter(),
    Platform.DISCORD: DiscordAdapter(),
    Platform.SLACK: SlackAdapter(),
    Platform.EMAIL: EmailAdapter(),
    Platform.APPRISE: AppriseAdapter(),  # last: it is for what has no adapter of its own
    Platform.ASSISTED: AssistedAdapter(),
}


def names() -> list[str]:
    """Every platform a channel can be made on here, in the order people are shown them.

    Not "assisted": such a channel is made with its person.
    """
    return [name for name, adapter in _ADAPTERS.items() if adapter.is_available and name != Platform.ASSISTED]


def offered(platform: str) -> Adapter:
    """The adapter of a platform on which a new account can be made; raises InvalidInput for any other name."""
    if platform not in names():
        raise InvalidInput(_("One of: %(names)s.") % {"names": ", ".join(names())}, field="platform")
    return _ADAPTERS[platform]


def get(platform: str) -> Adapter:
    """The adapter of a platform, also of one that cannot be used here; raises InvalidInput for an unknown name."""
    if platform not in _ADAPTERS:
        raise InvalidInput(_("One of: %(names)s.") % {"names": ", ".join(names())}, field="platform")
    return _ADAPTERS[platform]
