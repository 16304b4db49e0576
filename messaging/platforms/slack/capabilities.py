from datetime import date

from django.utils.translation import gettext_noop

from messaging.platforms.base import Ability, Capabilities, ImageRule, Limit, Scope, Size, Unit

# Slack advises at most 4,000 characters and cuts a text after 40,000. It takes larger images; 5 MB is our own choice:
# three calls have to be over before the row's lease is.
CAPABILITIES = Capabilities(
    text=Size(4_000, Unit.CHARACTERS),
    markdown=Size(4_000, Unit.CHARACTERS),
    image=ImageRule(max_bytes=5 * 2**20, caption=Size(4_000, Unit.CHARACTERS)),
    can_mention=True,
    can_mention_all=True,
    # conversations.history, conversations.kick, chat.delete, each with its scope (docs.slack.dev/reference/methods).
    # Nobody can be muted in a Slack channel.
    read=Ability.OFFERED,
    kick=Ability.OFFERED,
    mute=Ability.NEVER,
    recall=Ability.OFFERED,
    can_list_chats=True,
    has_many_chats=True,
    limits=(Limit(count=1, seconds=1, scope=Scope.ENDPOINT),),
    limits_note=gettext_noop("Slack also limits the whole workspace and does not publish how: its answers say it."),
    source="https://docs.slack.dev/reference/methods/chat.postMessage and https://docs.slack.dev/apis/web-api/rate-limits",
    checked_on=date(2026, 11, 22),
)
