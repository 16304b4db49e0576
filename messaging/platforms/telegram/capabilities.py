from datetime import date

from django.utils.translation import gettext_noop

from messaging.platforms.base import Ability, Capabilities, ImageRule, Limit, Scope, Size, Unit, Welcome

# Counted after the marks are read, in the units entity offsets are counted in. A photo: 10 MB, width and height
# 10,000 pixels in all, at most 20 to 1; a document: 50 MB, of any proportions, with a caption of the same size.
CAPTION = Size(1_024, Unit.UTF16)
CAPABILITIES = Capabilities(
    text=Size(4_096, Unit.UTF16),
    markdown=Size(4_096, Unit.UTF16),
    image=ImageRule(max_bytes=10_000_000, max_side=5_000, max_ratio=20, caption=CAPTION),
    can_mention=True,
    read=Ability.DONE,
    # banChatMember and restrictChatMember, where the bot is an administrator; deleteMessage, within 48 hours
    kick=Ability.OFFERED,
    mute=Ability.OFFERED,
    recall=Ability.OFFERED,
    can_list_chats=True,
    has_many_chats=True,
    welcome=Welcome.MESSAGE,
    limits=(
        Limit(count=30, seconds=1),
        Limit(count=1, seconds=1, scope=Scope.ENDPOINT),
        Limit(count=20, seconds=60, scope=Scope.ENDPOINT),
    ),
    limits_note=gettext_noop("Guidance only: Telegram promises no figures. Long messages reach the limit sooner."),
    source="https://core.telegram.org/bots/api and https://core.telegram.org/bots/faq",
    checked_on=date(2026, 11, 22),
)
