from datetime import date

from django.utils.translation import gettext_noop

from messaging.platforms.base import Ability, Capabilities, Limit, Size, Unit

# Of the whole body of the call, 20 KB; what the adapter puts around a text counts too (`size_of`).
BODY = Size(20_000, Unit.BYTES)

CAPABILITIES = Capabilities(
    text=BODY,
    markdown=BODY,
    image=None,  # a custom bot cannot upload, and an image needs a key that only an upload gives
    can_mention=True,
    can_mention_all=True,
    # A custom bot has no access to anything, its page says, and points to apps: im.message.receive_v1, DELETE of
    # im/v1/chats/:chat_id/members and of im/v1/messages/:message_id (open.feishu.cn/document). Who may speak in a
    # chat is set for all of it there.
    read=Ability.BY_APP,
    kick=Ability.BY_APP,
    recall=Ability.BY_APP,
    limits=(Limit(count=5, seconds=1), Limit(count=100, seconds=60)),
    busy_minutes=(0, 30),
    limits_note=gettext_noop(
        "Avoid full and half hours: Feishu is busy then and may refuse. A few minutes beside them are better."
    ),
    source="https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot",
    checked_on=date(2026, 11, 22),
)
