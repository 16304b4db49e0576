"""How a message will arrive on a platform, said beforehand: in which pieces, and what does not come along.

No database. What a platform can do is its `Capabilities`, what it makes of a text its adapter's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from community_ops.common.net import AddressRefused, checked_url, is_this_machine
from messaging import markup, showing
from messaging.extras import card_problem, file_problem
from messaging.markup import LineKind, Mark
from messaging.models import Platform
from messaging.platforms import registry
from messaging.platforms.base import MAX_PARTS, Adapter, Card, Content, ImageWay, Part, Size

_NAME = "："  # that can be no part of an id
_MARK_SIGNS = "*`#>-[]() "


@dataclass(frozen=True, slots=True)
class ShownPart:
    """One message as people there will see it. `lines`: for `components/_chat_text.html`; none where it has no text."""

    lines: list[dict[str, Any]]
    has_image: bool = False
    card: Card | None = None
    has_file: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Something that will be otherwise than it was written. `code`: for machines; `message`: names the platform."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """`size` of the whole text as the platform counts it; `is_refused` when it is too large to be sent as chosen."""

    platform: str
    parts: tuple[ShownPart, ...]
    notes: tuple[Note, ...]
    size: int
    limit: Size
    is_refused: bool


def arrival(platform: str, content: Content, *, may_split: bool) -> Arrival:
    """What becomes of a message on a platform. One that is refused is shown in one piece, as it cannot be cut."""
    adapter = registry.get(platform)
    given, content = content, adapter.in_words(content)
    size = adapter.size_of(content.text, is_markdown=content.is_markdown)
    limit = adapter.capabilities.size(is_markdown=content.is_markdown)
    parts = adapter.parts(content) if may_split or size <= limit.limit else ()
    text_count = sum(1 for part in parts if part.text)
    is_refused = bool(content.text.strip()) and not 0 < text_count <= MAX_PARTS
    if is_refused or not parts:
        parts = (Part(content.text, has_image=content.has_image and adapter.capabilities.image is not None),)
    shown = tuple(shown_part(adapter, part, content) for part in (*parts, *_extras(adapter, content)))
    notes = (*_notes(adapter, str(Platform(platform).label), content, parts), *_of_extras(platform, given))
    return Arrival(platform, shown, notes, size, limit, is_refused)


def is_open_to_everybody(address: str) -> bool:
    """Whether other people's servers may fetch from this address, as far as the address itself says: https, and neither
    this machine nor a private network."""
    try:
        return checked_url(address).startswith("https://") and not is_this_machine(urlsplit(address).hostname or "")
    except (AddressRefused, ValueError):
        return False


def has_words(text: str, *, is_markdown: bool) -> bool:
    """Whether anything is left to read of a text that is not empty when its marks are taken away."""
    if not is_markdown:
        return True
    spans = (span for line in markup.parse(text, is_markdown=True) for span in line.spans)
    return any(sign.isprintable() and sign not in _MARK_SIGNS for span in spans for sign in span.text)


def plain_words(text: str, *, is_markdown: bool) -> str:
    """The text without its marks, for lists and headings."""
    return markup.render(text, is_markdown=is_markdown)


# --- the pieces --------------------------------------------------------------------------------------


def _extras(adapter: Adapter, content: Content) -> Iterator[Part]:
    """The card and the file, each a message of its own; a file where none is taken is not shown."""
    return (part for part in adapter.extras(content) if part.has_card or adapter.capabilities.file is not None)


def shown_part(adapter: Adapter, part: Part, content: Content) -> ShownPart:
    """One call as people there will see it; `content` is the whole message."""
    if part.has_card or part.has_file:
        return ShownPart([], card=content.card if part.has_card else None, has_file=part.has_file)
    if _is_call(part, content):
        return ShownPart(_call_to_everybody())
    if not part.text:
        return ShownPart([], has_image=part.has_image)
    speaks = content.is_markdown and adapter.capabilities.markdown is not None
    mentions = adapter.capabilities.can_mention or adapter.capabilities.can_mention_all
    dialect = _MENTIONS if mentions else markup.Dialect()  # where none can be made, the name is a word like any other
    text = part.text if speaks else markup.render(part.text, is_markdown=content.is_markdown, dialect=dialect)
    return ShownPart(showing.lines(text, is_markdown=speaks), has_image=part.has_image)


class _KeepsMentions(markup.Dialect):
    """Plain words, with mentions as they are written: they are shown as such in any text. One in code is none."""

    def code(self, text: str) -> str:
        return text.replace("@[", "@\u200b[")

    def mention(self, name: str, target: str) -> str:
        return f"@[{name}]({target})"


_MENTIONS = _KeepsMentions()


def _is_call(part: Part, content: Content) -> bool:
    """Whether it calls the whole group: with nothing in it, after a text that cannot (`Adapter.parts`)."""
    return part == Part() and bool(content.text.strip())


def _call_to_everybody() -> list[dict[str, Any]]:
    everybody = {"mark": Mark.MENTION.value, "text": pgettext("mention", "everybody"), "url": "", "inner": []}
    return [{"kind": LineKind.PLAIN.value, "level": 0, "spans": [everybody]}]


# --- what will be otherwise --------------------------------------------------------------------------


def _notes(adapter: Adapter, name: str, content: Content, parts: tuple[Part, ...]) -> Iterator[Note]:
    facts: dict[str, Any] = {"platform": name, "address": settings.PUBLIC_URL}
    facts["count"] = count = sum(1 for part in parts if part.text)
    if count > 1:
        words = ngettext(
            "%(platform)s: the text is cut into %(count)d message.",
            "%(platform)s: the text is cut into %(count)d messages.",
            count,
        )
        yield Note("text_cut", words % facts)
    if content.has_image:
        yield from (Note(code, words % facts) for code, words in _of_picture(adapter, content, parts))
    if content.is_markdown and adapter.capabilities.markdown is None and _has_marks(content.text):
        yield Note("plain_words", _("%(platform)s: bold, links and headings arrive as plain words.") % facts)
    if missed := _missed(adapter, content):
        facts["names"] = pgettext("between names", ", ").join(missed)
        words = _("%(platform)s: %(names)s cannot be mentioned there; the name stands there as a word.")
        yield Note("no_mention", words % facts)
    if any(_is_call(part, content) for part in parts):
        words = _("%(platform)s: everybody is mentioned in a message of its own, after the text.")
        yield Note("mention_apart", words % facts)


def _of_picture(adapter: Adapter, content: Content, parts: tuple[Part, ...]) -> Iterator[tuple[str, str]]:
    rule = adapter.capabilities.image
    if rule is None:
        yield "no_picture", _("%(platform)s: the picture does not go along, only the text.")
        return
    if content.text and any(part.has_image and not part.text for part in parts):
        yield "picture_apart", _("%(platform)s: the picture goes out as a message of its own, before the text.")
    if rule.way is ImageWay.ADDRESS and not is_open_to_everybody(settings.PUBLIC_URL):
        yield (
            "picture_by_link",
            _(
                "%(platform)s fetches the picture from this site, and %(address)s is not an https address open to "
                "everybody: it may not be seen there."
            ),
        )


def _of_extras(platform: str, content: Content) -> Iterator[Note]:
    """What becomes of the link card and of the file."""
    facts = {"platform": Platform(platform).label}
    if content.card is not None:
        if problem := card_problem(platform, content.card):
            yield Note("card_too_long", problem[1])
        elif registry.get(platform).capabilities.can_card:
            yield Note("card_apart", _("%(platform)s: the link card is a message of its own, after the text.") % facts)
        else:
            words = _("%(platform)s shows no link cards: its title, description and link stand below the text.")
            yield Note("card_in_words", words % facts)
    if content.file_bytes is not None:
        if refusal := file_problem(platform, content.file_bytes):
            yield Note("no_file", refusal)
        else:
            yield Note("file_apart", _("%(platform)s: the file is a message of its own, the last one.") % facts)


def _has_marks(text: str) -> bool:
    lines = markup.parse(text, is_markdown=True)
    is_marked = any(span.mark not in (Mark.TEXT, Mark.MENTION) for line in lines for span in line.spans)
    return is_marked or any(line.kind is not LineKind.PLAIN for line in lines)


def _missed(adapter: Adapter, content: Content) -> list[str]:
    """Names of those whose mention the platform cannot make, each once."""
    found = markup.mention_spans(content.text, is_markdown=content.is_markdown)
    return list(dict.fromkeys(f"@{span.text}" for span in found if not _is_made(adapter, span.target)))


def _is_made(adapter: Adapter, target: str) -> bool:
    """An id that stands in none of a platform's spellings is none there: only the name is left of it."""
    if target == markup.EVERYBODY:
        return adapter.capabilities.can_mention_all
    written = f"@[{_NAME}]({target})"
    spelled = (adapter.spelled(written, is_markdown=is_markdown) for is_markdown in (False, True))
    return adapter.capabilities.can_mention and any(target in text for text in spelled)
