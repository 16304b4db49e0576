from datetime import date

from messaging.platforms.base import Capabilities, Limit

CAPABILITIES = Capabilities(
    text_limit_bytes=2_048,
    can_mention=True,
    limits=(Limit(count=20, seconds=60),),
    source="https://developer.work.weixin.qq.com/document/path/91770",
    checked_on=date(2026, 11, 1),
)
