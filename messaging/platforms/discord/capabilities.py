from datetime import date

from django.utils.translation import gettext_noop

from messaging.platforms.base import Ability, Capabilities, ImageRule, Limit, Size, Unit

# Discord's staff on the unit: code points (github.com/discord/discord-api-docs/issues/1315). `drops_repeats` stays
# false: a nonce is only looked for "in the past few minutes".
CAPABILITIES = Capabilities(
    text=Size(2_000, Unit.CHARACTERS),
    markdown=Size(2_000, Unit.CHARACTERS),
    image=ImageRule(max_bytes=10 * 2**20, caption=Size(2_000, Unit.CHARACTERS)),
    can_mention=True,
    can_mention_all=True,
    read=Ability.DONE,
    # Remove Guild Member, Modify Guild Member (`communication_disabled_until`, up to 28 days), each with its
    # permission; Delete Message. See also docs.discord.com/developers/resources/guild
    kick=Ability.OFFERED,
    mute=Ability.OFFERED,
    recall=Ability.OFFERED,
    can_list_chats=True,
    has_many_chats=True,
    limits=(Limit(count=50, seconds=1),),
    limits_note=gettext_noop("Each channel has a limit of its own that Discord does not publish: its answers say it."),
    source="https://docs.discord.com/developers/resources/message and https://docs.discord.com/developers/topics/rate-limits",
    checked_on=date(2026, 11, 22),
)
