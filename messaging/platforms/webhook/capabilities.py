from django.utils.translation import gettext_noop

from messaging.platforms.base import Capabilities, Evidence, ImageRule, ImageWay, Size, Unit

CAPABILITIES = Capabilities(
    text=Size(32_768, Unit.BYTES),
    markdown=Size(32_768, Unit.BYTES),
    image=ImageRule(max_bytes=10 * 2**20, caption=Size(32_768, Unit.BYTES), way=ImageWay.ADDRESS),
    can_mention=True,
    can_mention_all=True,
    evidence=Evidence.HTTP_STATUS,
    limits_note=gettext_noop("The receiver's own: where it answers “too fast”, we wait as long as it says."),
    source=gettext_noop("our own description of signed webhooks"),
)
