"""The sandbox room: a simulated group one can watch in the browser. It keeps texts as they were written."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from messaging.models import SandboxPost
from messaging.platforms.base import Account, Adapter, Outcome, Outgoing, Result
from messaging.platforms.sandbox.capabilities import CAPABILITIES
from messaging.platforms.sandbox.config import SETTINGS
from messaging.platforms.signed_events import SignedEvents


class SandboxAdapter(Adapter):
    capabilities = CAPABILITIES
    settings = SETTINGS
    inbound = SignedEvents()

    def read_config(self, config: Mapping[str, Any]) -> Account:
        return replace(super().read_config(config), drops_repeats=CAPABILITIES.drops_repeats)

    def spelled(self, text: str, *, is_markdown: bool) -> str:
        """The room's page reads the marks itself."""
        return text

    def send(self, message: Outgoing) -> Result:
        """Put the text into the room; the same part of a delivery twice is one post."""
        post, _ = SandboxPost.objects.get_or_create(
            workspace_id=message.workspace_id,
            delivery_id=message.delivery_id,
            part=message.part,
            defaults={
                "endpoint_id": message.endpoint_id,
                "text": message.text,
                "is_markdown": message.is_markdown,
                "image_id": message.picture.asset_id if message.picture else None,
                "card": asdict(message.card) if message.card else {},
                "file_id": message.attachment.asset_id if message.attachment else None,
                "at": message.sent_at,
            },
        )
        return Result(Outcome.ACCEPTED, code="0", message_id=str(post.pk))
