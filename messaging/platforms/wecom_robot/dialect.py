"""How WeCom spells markdown, and what it would read into plain text.

It has no way to write a mark as itself, so a space without width is put where a mark would begin.
"""

import re

from messaging.markup import EVERYBODY, Dialect

_SPACE = "\u200b"  # without width
_CALLS = re.compile(r"<(?=@)")  # <@userid> mentions, in text too
_MARKS = re.compile(r"<(?=[@/A-Za-z])|\*(?=\*)|\](?=\()|^#(?=#{3,5} )")  # <font color=…> colours


class WecomText(Dialect):
    """Text without marks: whom it mentions stands beside it in the call, the name stays in its place."""

    def text(self, text: str) -> str:
        return _CALLS.sub(f"<{_SPACE}", text)


class WecomMarkdown(WecomText):
    """No italics and no lists there. Everybody cannot be mentioned in it: the adapter calls them afterwards."""

    def text(self, text: str) -> str:
        return _MARKS.sub(rf"\g<0>{_SPACE}", text)

    def bold(self, inner: str) -> str:
        return f"**{inner}**"

    def code(self, text: str) -> str:
        return f"`{super().text(text)}`"

    def link(self, label: str, url: str) -> str:
        return f"[{self.text(label)}]({url})"

    def mention(self, name: str, target: str) -> str:
        return f"@{self.text(name)}" if target == EVERYBODY else f"<@{target}>"

    def heading(self, inner: str, level: int) -> str:
        return f"{'#' * level} {inner}"
