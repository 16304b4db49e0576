"""The small markdown that chat messages are written in, and how a platform's own spelling is made of it.

A mention, `@[name](id)`, works in every text; the rest only in a text that is markdown: `# heading`, `> quote`,
`- item`, `**bold**`, `*italic*`, `` `code` ``, `[words](https://…)`, and lines of code between two lines of three
backticks. What is not closed, or is no address, is plain text; in code nothing means anything, mentions neither.
Unlike CommonMark, `**` beside Chinese punctuation closes: 「**注意：**今晚八点」 is bold. No nesting but inside bold
and italic; no images, no HTML.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

EVERYBODY = "all"  # the id of a mention that means the whole group

_MENTION = r"@\[(?P<who>[^\[\]\n]{1,64})\]\((?P<id>[\w.@+-]{1,128})\)"
_MARKS = (
    r"`(?P<code>[^`\n]+)`"
    r"|\*\*(?P<bold>[^\s*](?:[^*\n]*[^\s*])?)\*\*"
    r"|(?<![\w*])\*(?P<italic>[^\s*](?:[^*\n]*[^\s*])?)\*(?![\w*])"
    r"|\[(?P<label>[^\[\]\n]+)\]\((?P<url>https?://[^\s()<>]+)\)"
)
_PLAIN_TOKEN = re.compile(_MENTION)
_TOKEN = re.compile(f"{_MENTION}|{_MARKS}")
_LINE = re.compile(r"(?P<level>#{1,3}) +|(?P<quote>>) ?|(?P<item>[-*]) +")
_FENCE = "```"
_FENCE_OPENS = re.compile(r"```[^`]*")  # a language may be named


class Mark(StrEnum):
    TEXT = "text"
    BOLD = "bold"
    ITALIC = "italic"
    CODE = "code"
    LINK = "link"
    MENTION = "mention"


class LineKind(StrEnum):
    PLAIN = "plain"
    HEADING = "heading"
    QUOTE = "quote"
    ITEM = "item"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line. `target`: of a link the address, of a mention the id. `inner`: of bold and italic."""

    mark: Mark
    text: str
    target: str = ""
    inner: tuple["Span", ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    kind: LineKind
    spans: tuple[Span, ...]
    level: int = 0  # of a heading, 1 to 3


class Dialect:
    """How a platform spells what a text is made of. This one knows no marks: what it makes reads well anywhere."""

    def text(self, text: str) -> str:
        return text

    def bold(self, inner: str) -> str:
        return inner

    def italic(self, inner: str) -> str:
        return inner

    def code(self, text: str) -> str:
        return text

    def link(self, label: str, url: str) -> str:
        return url if label == url else f"{label} {url}"

    def mention(self, name: str, target: str) -> str:
        return f"@{name}"

    def heading(self, inner: str, level: int) -> str:
        return inner

    def quote(self, inner: str) -> str:
        return f"> {inner}"

    def item(self, inner: str) -> str:
        return f"• {inner}"


PLAIN = Dialect()


def parse(text: str, *, is_markdown: bool) -> list[Line]:
    """The text as lines of spans. Nothing is refused: what means nothing is text.

    Of a block of code each line is a line of code, on every platform; the lines that open and close it are not there.
    """
    lines = text.split("\n")
    blocks = code_blocks(lines) if is_markdown else []
    fences = {number for block in blocks for number in block}
    inside = {number for first, last in blocks for number in range(first + 1, last)}
    return [
        Line(LineKind.PLAIN, _code(line)) if number in inside else _line(line, is_markdown)
        for number, line in enumerate(lines)
        if number not in fences
    ]


def code_blocks(lines: Sequence[str]) -> list[tuple[int, int]]:
    """The numbers of the lines that open and close each block of code."""
    found: list[tuple[int, int]] = []
    opened: int | None = None
    for number, line in enumerate(lines):
        if opened is None and _FENCE_OPENS.fullmatch(line.rstrip()):
            opened = number
        elif opened is not None and line.rstrip() == _FENCE:
            found.append((opened, number))
            opened = None
    return found


def render(text: str, *, is_markdown: bool, dialect: Dialect = PLAIN) -> str:
    """The text in a platform's spelling."""
    return "\n".join(_spelled(line, dialect) for line in parse(text, is_markdown=is_markdown))


def mentions(text: str, *, is_markdown: bool) -> list[str]:
    """The ids of everybody a text mentions, in order, each once; `EVERYBODY` for the whole group."""
    return list(dict.fromkeys(span.target for span in mention_spans(text, is_markdown=is_markdown)))


def mention_spans(text: str, *, is_markdown: bool) -> Iterator[Span]:
    """Every mention of a text, as it is parsed: what stands in code mentions nobody."""
    for line in parse(text, is_markdown=is_markdown):
        for span in line.spans:
            yield from (one for one in (span, *span.inner) if one.mark is Mark.MENTION)


def marked_ranges(text: str, *, is_markdown: bool) -> Iterator[tuple[int, int]]:
    """Where in the text a mark or mention stands: a cut inside would break it."""
    return (match.span() for match in (_TOKEN if is_markdown else _PLAIN_TOKEN).finditer(text))


def _line(line: str, is_markdown: bool) -> Line:
    start = _LINE.match(line) if is_markdown else None
    if start is None:
        return Line(LineKind.PLAIN, _spans(line, is_markdown))
    rest = _spans(line[start.end() :], is_markdown)
    if start["level"]:
        return Line(LineKind.HEADING, rest, len(start["level"]))
    return Line(LineKind.QUOTE if start["quote"] else LineKind.ITEM, rest)


def _code(line: str) -> tuple[Span, ...]:
    """A line of a block; one with a backtick in it cannot be spelled as code."""
    return (Span(Mark.TEXT if "`" in line else Mark.CODE, line),) if line.strip() else ()


def _spans(text: str, is_markdown: bool) -> tuple[Span, ...]:
    found: list[Span] = []
    end = 0
    for match in (_TOKEN if is_markdown else _PLAIN_TOKEN).finditer(text):
        found += [Span(Mark.TEXT, text[end : match.start()]), _span(match)]
        end = match.end()
    return tuple(span for span in [*found, Span(Mark.TEXT, text[end:])] if span.text)


def _span(match: re.Match[str]) -> Span:
    groups = match.groupdict()
    if groups["who"]:
        return Span(Mark.MENTION, groups["who"], groups["id"])
    if groups["code"]:
        return Span(Mark.CODE, groups["code"])
    if groups["label"]:
        return Span(Mark.LINK, groups["label"], groups["url"])
    mark = Mark.BOLD if groups["bold"] else Mark.ITALIC
    inner = groups["bold"] or groups["italic"]
    return Span(mark, inner, inner=_spans(inner, is_markdown=True))


def _spelled(line: Line, dialect: Dialect) -> str:
    inner = _joined(line.spans, dialect)
    if line.kind is LineKind.HEADING:
        return dialect.heading(inner, line.level)
    if line.kind is LineKind.QUOTE:
        return dialect.quote(inner)
    return dialect.item(inner) if line.kind is LineKind.ITEM else inner


def _joined(spans: Sequence[Span], dialect: Dialect) -> str:
    return "".join(_piece(span, dialect) for span in spans)


def _piece(span: Span, dialect: Dialect) -> str:
    match span.mark:
        case Mark.BOLD:
            return dialect.bold(_joined(span.inner, dialect))
        case Mark.ITALIC:
            return dialect.italic(_joined(span.inner, dialect))
        case Mark.CODE:
            return dialect.code(span.text)
        case Mark.LINK:
            return dialect.link(span.text, span.target)
        case Mark.MENTION:
            return dialect.mention(span.text, span.target)
        case _:
            return dialect.text(span.text)
