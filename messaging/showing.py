"""Texts as a page shows them: lines of spans, with addresses as links. Formatting only."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from community_ops.common import placeholders
from community_ops.common.assets import page_link
from community_ops.common.errors import NotAvailable
from community_ops.common.models import Asset
from messaging import markup
from messaging.markup import Mark, Span
from messaging.models import Platform
from messaging.platforms.base import Card
from messaging.ports import text_contexts
from messaging.splitting import shortened

# What can be an address in a text; Chinese follows one without a space.
_ADDRESS = re.compile(r"https?://[!#-;=?-~]+")
_AFTER_ADDRESS = ".,;:!?)]}'*"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text; `url` when it is an address."""

    text: str
    url: str = ""


def pieces(text: str) -> list[Piece]:
    """A text cut where addresses begin and end, so that a page can make them links."""
    found: list[Piece] = []
    end = 0
    for match in _ADDRESS.finditer(text):
        address = match.group().rstrip(_AFTER_ADDRESS)
        found += [Piece(text[end : match.start()]), Piece(address, address)]
        end = match.start() + len(address)
    return [piece for piece in [*found, Piece(text[end:])] if piece.text]


def card_of(stored: Mapping[str, str]) -> Card | None:
    """A link card as it is stored with a message, or nothing."""
    return Card(**stored) if stored else None


def file_of(asset: Asset | None) -> dict[str, Any] | None:
    """What `components/_bubble_extras.html` shows of a file: its name, its size and where it is fetched."""
    if asset is None:
        return None
    return {"name": asset.file_name, "size_bytes": asset.size_bytes, "url": page_link(asset)}


def sender_of(platform: str, names: Sequence[str]) -> dict[str, str]:
    """Who a bubble shows as its sender: the group's assistant, or the colleagues who post it by hand themselves."""
    if platform != Platform.ASSISTED or not names:
        return {"sender": _("Group assistant")}
    listed = pgettext("between names", ", ").join(names)
    return {"sender": _("Posted by %(names)s") % {"names": listed}, "avatar": names[0][:1]}


def first_words(text: str, *, is_markdown: bool, count: int = 40) -> str:
    """The beginning of a text for a line of a list, without marks and addresses; of one that is only an address, that.

    The marks go before it is cut: a cut would leave half of one.
    """
    text = markup.render(text, is_markdown=is_markdown)
    words = " ".join("".join(piece.text for piece in pieces(text) if not piece.url).split())
    shown = words or text
    return shown if len(shown) <= count else f"{shortened(shown, count - 1)}…"


def joined(first: str, second: str) -> str:
    """Two sentences one after the other, as the language separates them; either may be empty."""
    if not first or not second:
        return first or second
    return pgettext("two sentences", "%(first)s %(second)s") % {"first": first, "second": second}


def with_names(template: str, subject_kind: str) -> str:
    """A template with the names of what will be filled in, e.g. "［还剩］"; as it is where nobody knows them."""
    if not subject_kind:
        return template
    try:
        labels = text_contexts.get(subject_kind).labels()
    except NotAvailable:
        return template
    shown = {name: pgettext("placeholder", "[%(name)s]") % {"name": label} for name, label in labels.items()}
    return placeholders.fill(template, {name: f"{{{name}}}" for name in placeholders.names_in(template)} | shown)


def is_mentioned(name: str, text: str, *, is_markdown: bool) -> bool:
    """Whether a text of the sandbox room mentions this member, by name or with everybody."""
    found = markup.mention_spans(text, is_markdown=is_markdown)
    return any(span.target in (markup.EVERYBODY, name) or span.text == name for span in found)


def lines(text: str, *, is_markdown: bool) -> list[dict[str, Any]]:
    """A text for `components/_chat_text.html`: {kind, level, spans}, a span {mark, text, url, inner}."""
    return [
        {"kind": line.kind.value, "level": line.level, "spans": _spans(line.spans)}
        for line in markup.parse(text, is_markdown=is_markdown)
    ]


def _spans(spans: tuple[Span, ...]) -> list[dict[str, Any]]:
    return [shown for span in spans for shown in _shown(span)]


def _shown(span: Span) -> list[dict[str, Any]]:
    if span.mark is Mark.TEXT:
        found = pieces(span.text)
        return [{"mark": "link" if piece.url else "text", "text": piece.text, "url": piece.url} for piece in found]
    return [{"mark": span.mark.value, "text": span.text, "url": span.target, "inner": _spans(span.inner)}]
