"""What an announcement says and how: checked before it is written, and looked at on each platform it goes to."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from campaigns import policies, selectors
from campaigns.models import Announcement
from community_ops.common import placeholders
from community_ops.common import text as texts
from community_ops.common.assets import IMAGE_TYPES
from community_ops.common.errors import InvalidInput
from groups.services import Warned
from messaging import selectors as messaging

if TYPE_CHECKING:
    from community_ops.common.models import Asset
    from groups.models import ChatGroup

BLOCKING = frozenset({"card_too_long", "no_file"})  # codes of `arrival_warnings` with which nothing can be written


def sendable(
    value: str, groups: Sequence["ChatGroup"], *, is_markdown: bool, may_split: bool, card: messaging.Card | None = None
) -> str:
    """The cleaned text; announcements have no placeholders to fill, so one in them is a mistake.

    Raises InvalidInput naming `text`: empty, nothing but marks, or too big for a platform of the groups (with the
    words of `card` where they stand below the text).
    """
    cleaned = texts.clean_text(value, field="text", max_length=policies.MAX_TEXT_LENGTH)
    placeholders.refuse_unknown(cleaned, known=())
    if not messaging.has_words(cleaned, is_markdown=is_markdown):
        raise InvalidInput(_("There are only marks in this text: nobody would read anything."), field="text")
    refuse_too_big(cleaned, groups, is_markdown=is_markdown, may_split=may_split, card=card)
    return cleaned


def refuse_too_big(
    text: str,
    groups: Sequence["ChatGroup"],
    *,
    is_markdown: bool = False,
    may_split: bool = False,
    card: messaging.Card | None = None,
) -> None:
    """Raise InvalidInput naming `text` when it is bigger than a target's platform takes, as it counts.

    `may_split`: when it would have to be cut into more messages than are sent.
    """
    for platform in selectors.platforms_of(groups):
        there = messaging.with_card(platform, text, card)
        if problem := messaging.size_problem(platform, there, is_markdown=is_markdown, may_split=may_split):
            raise InvalidInput(problem, field="text", platform=platform)


def known_image(image: "Asset | None", *, workspace_id: int) -> "Asset | None":
    """The image as it was given. Raises InvalidInput naming `image` for another file, or another workspace's."""
    if image is not None and (image.workspace_id != workspace_id or image.content_type not in IMAGE_TYPES):
        raise InvalidInput(_("There is no such object."), field="image")
    return image


def content_of(announcement: Announcement) -> messaging.Content:
    """What it says, as `messaging` looks at it."""
    return messaging.Content(
        text=announcement.text,
        is_markdown=announcement.is_markdown,
        has_image=announcement.image_id is not None,
        card=announcement.link_card,
        file_bytes=announcement.file.size_bytes if announcement.file is not None else None,
    )


def arrivals(
    groups: Sequence["ChatGroup"], content: messaging.Content, *, may_split: bool
) -> dict[str, messaging.Arrival]:
    """What becomes of a message on each platform of the groups, by the platform's name. One query."""
    return {
        platform: messaging.arrival(platform, content, may_split=may_split)
        for platform in selectors.platforms_of(groups)
    }


def arrival_warnings(arrived: Iterable[messaging.Arrival]) -> list[Warned]:
    """What will be otherwise there than it was written, a sentence each that names the platform.

    `text_cut`, `no_picture`, `picture_apart`, `picture_by_link`, `plain_words`, `no_mention`, `mention_apart`,
    `card_apart`, `card_in_words`, `file_apart`. What is refused (`card_too_long`, `no_file`, a text) is said here only
    where it was not written yet, or its group has gone to another platform.
    """
    return [{"code": note.code, "message": note.message} for one in arrived for note in one.notes]


def content_warnings(announcement: Announcement, groups: Sequence["ChatGroup"]) -> list[Warned]:
    """`arrival_warnings` of an announcement in these of its groups. One query."""
    found = arrivals(groups, content_of(announcement), may_split=announcement.may_split)
    return arrival_warnings(found.values())
