"""The sandbox room: a simulated group one can watch in the browser."""

from typing import Any

from messaging.models import SandboxPost
from messaging.platforms.base import Account, Outcome, Outgoing, Result
from messaging.platforms.sandbox.capabilities import CAPABILITIES
from messaging.platforms.sandbox.config import read_config


class SandboxAdapter:
    capabilities = CAPABILITIES

    def read_config(self, config: dict[str, Any]) -> Account:
        return read_config(config)

    def send(self, message: Outgoing) -> Result:
        """Put the text into the room; the same delivery twice is one post."""
        post, _ = SandboxPost.objects.get_or_create(
            workspace_id=message.workspace_id,
            delivery_id=message.delivery_id,
            defaults={
                "endpoint_id": message.endpoint_id,
                "text": message.text,
                "at": message.sent_at,
            },
        )
        return Result(Outcome.ACCEPTED, code="0", message_id=str(post.pk))
