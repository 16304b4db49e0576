from messaging.platforms.base import Capabilities

CAPABILITIES = Capabilities(
    text_limit_bytes=32_768, can_read=True, drops_repeats=True, limits="none", source="built in"
)
