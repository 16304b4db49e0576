from django.utils.translation import gettext_noop

from messaging.platforms.base import (
    Ability,
    Capabilities,
    CardRule,
    Evidence,
    FileRule,
    ImageRule,
    ImageWay,
    Size,
    Unit,
    Welcome,
)

CAPABILITIES = Capabilities(
    text=Size(32_768, Unit.BYTES),
    markdown=Size(32_768, Unit.BYTES),
    image=ImageRule(max_bytes=10 * 2**20, caption=Size(32_768, Unit.BYTES), way=ImageWay.HERE),
    file=FileRule(max_bytes=20 * 2**20),
    card=CardRule(title=Size(200, Unit.CHARACTERS), text=Size(500, Unit.CHARACTERS)),
    can_mention=True,
    can_mention_all=True,
    read=Ability.DONE,
    kick=Ability.NEVER,
    mute=Ability.NEVER,
    recall=Ability.NEVER,
    welcome=Welcome.MESSAGE,
    drops_repeats=True,
    evidence=Evidence.ROOM,
    source=gettext_noop("built in"),
)
