from messaging.platforms.base import Capabilities

CAPABILITIES = Capabilities(
    text_limit_bytes=32_768,
    limits_note="the receiver's own; HTTP 429 with Retry-After is respected",
    source="our own contract: docs/api.md",
)
