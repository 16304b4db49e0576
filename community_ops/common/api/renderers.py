"""Writing JSON."""

import json
from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import JSONRenderer


class CarefulJSONRenderer(JSONRenderer):
    """As DRF's, but half an emoji that a caller sent and a refusal repeats is written as an escape."""

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            return super().render(data, accepted_media_type, renderer_context)
        except UnicodeEncodeError:
            return json.dumps(data, cls=self.encoder_class, separators=(",", ":")).encode()
