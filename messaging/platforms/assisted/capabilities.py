from datetime import date

from messaging.platforms.base import Capabilities, Evidence, FileRule, ImageRule, ImageWay, Size, Unit

CAPABILITIES = Capabilities(
    text=Size(4_000, Unit.BYTES),  # of a message to a WeCom customer group, the smallest place people paste into
    image=ImageRule(max_bytes=10 * 2**20, way=ImageWay.HERE),  # she saves it from her card
    file=FileRule(max_bytes=20 * 2**20),  # likewise
    evidence=Evidence.PERSON,
    source="https://developer.work.weixin.qq.com/document/path/92135",
    checked_on=date(2026, 11, 22),
)
