from datetime import date

from django.utils.translation import gettext_noop

from community_ops.common.net import MAX_URL_LENGTH
from messaging.platforms.base import Capabilities, ImageRule, ImageWay, Limit, Size, Unit

# Of the whole body of the call, about 20 KB; what the adapter puts around a text counts too (`size_of`).
BODY = Size(20_000, Unit.BYTES)
# Likewise, where an image's address stands in it too: the longest one that may be called, and what is around it.
CAPTION = Size(BODY.limit - MAX_URL_LENGTH - len(r"![]()\n\n"), Unit.BYTES)

CAPABILITIES = Capabilities(
    text=BODY,
    markdown=BODY,
    image=ImageRule(max_bytes=10 * 2**20, caption=CAPTION, way=ImageWay.ADDRESS),
    can_mention=True,
    can_mention_all=True,
    limits=(Limit(count=20, seconds=60),),
    limits_note=gettext_noop("After more than 20 in a minute DingTalk blocks the robot for 10 minutes."),
    source="https://open.dingtalk.com/document/robots/custom-robot-access",
    checked_on=date(2026, 11, 22),
)
