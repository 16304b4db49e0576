"""A link card and a file that go with an announcement: checked as they are given, and for each platform."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from campaigns import selectors
from community_ops.common import placeholders
from community_ops.common import text as texts
from community_ops.common.assets import SENDABLE_TYPES
from community_ops.common.errors import InvalidInput
from messaging import selectors as messaging
from messaging.selectors import Card

if TYPE_CHECKING:
    from community_ops.common.models import Asset
    from groups.models import ChatGroup

MAX_TITLE = 200  # characters; a platform that shows cards takes less and says so
MAX_WORDS = 500
MAX_ADDRESS = 2_000


def known_card(card: Card | None) -> Card | None:
    """The card with cleaned words. Raises InvalidInput naming `card`, and in `extra.key` which field of it.

    Both addresses begin with https:// and are open to everybody; words have no placeholders to fill.
    """
    if card is None:
        return None
    title = _words(card.title, part="title", max_length=MAX_TITLE, is_required=True)
    text = _words(card.text, part="text", max_length=MAX_WORDS)
    url = _address(card.url, part="url", is_required=True)
    return Card(title=title, url=url, text=text, picture_url=_address(card.picture_url, part="picture_url"))


def known_file(file: "Asset | None", *, workspace_id: int) -> "Asset | None":
    """The file as it was given. Raises InvalidInput naming `file` for another workspace's, or a table of an import."""
    if file is not None and (file.workspace_id != workspace_id or file.content_type not in SENDABLE_TYPES):
        raise InvalidInput(_("There is no such object."), field="file")
    return file


def refuse_untaken(groups: Sequence["ChatGroup"], *, card: Card | None, file: "Asset | None") -> None:
    """Raise InvalidInput where a platform of the groups cannot take the card (`card`) or the file (`file`)."""
    if card is None and file is None:
        return
    for platform in selectors.platforms_of(groups):
        if card is not None and (found := messaging.card_problem(platform, card)):
            raise InvalidInput(found[1], field="card", key=f"card_{found[0]}", platform=platform)
        if file is not None and (problem := messaging.file_problem(platform, file.size_bytes)):
            raise InvalidInput(problem, field="file", platform=platform)


def _words(value: str, *, part: str, max_length: int, is_required: bool = False) -> str:
    try:
        cleaned = texts.clean_line(value, field="card", max_length=max_length, required=is_required)
        placeholders.refuse_unknown(cleaned, known=())
    except InvalidInput as refusal:
        raise _about(part, str(refusal.message)) from None
    return cleaned


def _address(value: str, *, part: str, is_required: bool = False) -> str:
    if not value.strip() and not is_required:
        return ""
    cleaned = _words(value, part=part, max_length=MAX_ADDRESS, is_required=True)
    if " " in cleaned or not messaging.is_open_to_everybody(cleaned.partition("#")[0]):
        raise _about(part, _("Give an address that begins with https:// and is open to everybody."))
    return cleaned


def _about(part: str, words: str) -> InvalidInput:
    """Says which field of the card it is, also where only `card` is named."""
    labels = {"title": _("Title"), "text": _("Description"), "url": _("Link"), "picture_url": _("Picture address")}
    message = _("%(field)s: %(problem)s") % {"field": labels[part], "problem": words}
    return InvalidInput(message, field="card", key=f"card_{part}", reason=words)
