from datetime import date

from django.utils.translation import gettext_noop

from messaging.platforms.base import Ability, Capabilities, Evidence, ImageRule, Size, Unit

# A mail has no size of its own kind: servers say how much they take, seldom less than 10 MB. These are ours.
_TEXT = Size(65_536, Unit.BYTES)

CAPABILITIES = Capabilities(
    text=_TEXT,
    markdown=_TEXT,
    image=ImageRule(max_bytes=5 * 2**20, content_types=("image/jpeg", "image/png", "image/gif"), caption=_TEXT),
    read=Ability.NEVER,  # answers go to the address it is sent from, which is not read here
    kick=Ability.NEVER,
    mute=Ability.NEVER,
    recall=Ability.NEVER,
    has_many_chats=True,
    evidence=Evidence.MAIL_SERVER,
    limits_note=gettext_noop("The mail server's own; set your own limit for the figure your provider names."),
    source="https://www.rfc-editor.org/rfc/rfc5321 and 5322, 3834",
    checked_on=date(2026, 11, 22),
)
