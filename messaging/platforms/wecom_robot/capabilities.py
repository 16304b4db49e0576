from datetime import date

from messaging.platforms.base import Capabilities, CardRule, FileRule, ImageRule, Limit, Size, Unit

CARD = CardRule(  # the platform cuts what is longer without a word, so it is refused here
    title=Size(128, Unit.BYTES), text=Size(512, Unit.BYTES)
)
CAPABILITIES = Capabilities(
    text=Size(2_048, Unit.BYTES),
    markdown=Size(4_096, Unit.BYTES),
    image=ImageRule(max_bytes=2 * 2**20),
    file=FileRule(max_bytes=20 * 2**20, min_bytes=6),
    card=CARD,
    can_mention=True,
    can_mention_all=True,
    limits=(Limit(count=20, seconds=60),),
    source="https://developer.work.weixin.qq.com/document/path/91770",
    checked_on=date(2026, 11, 22),
)
