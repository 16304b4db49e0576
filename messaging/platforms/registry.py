"""All platforms by name."""

from django.utils.translation import gettext as _

from community_ops.common.errors import InvalidInput
from messaging.models import Platform
from messaging.platforms.base import Adapter
from messaging.platforms.sandbox.adapter import SandboxAdapter
from messaging.platforms.webhook.adapter import WebhookAdapter
from messaging.platforms.wecom_robot.adapter import WecomRobotAdapter

_ADAPTERS: dict[str, Adapter] = {
    Platform.SANDBOX: SandboxAdapter(),
    Platform.WEBHOOK: WebhookAdapter(),
    Platform.WECOM_ROBOT: WecomRobotAdapter(),
}


def names() -> list[str]:
    return list(Platform.values)


def get(platform: str) -> Adapter:
    """The adapter of a platform; raises InvalidInput for an unknown name."""
    if platform not in _ADAPTERS:
        raise InvalidInput(_("One of: %(names)s.") % {"names": ", ".join(names())}, field="platform")
    return _ADAPTERS[platform]
