from messaging.platforms.base import Capabilities

CAPABILITIES = Capabilities(text_limit_bytes=32_768, can_read=True, drops_repeats=True, source="built in")
