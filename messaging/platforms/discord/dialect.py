"""Discord's markdown. A plain text is escaped, so that it arrives as it was written; addresses stay as they are."""

import re

from messaging.markup import EVERYBODY, Dialect

USER = re.compile(r"[1-9][0-9]{14,19}")
_URL = re.compile(r"https?://[^\s<]*[^\s<.,:;\"')\]]")
_MARK = re.compile(r"[\\*_~`|\[\]<]|:(?=\w+:)")  # :name: would be an emoji
_LINE_START = re.compile(r"^(\s*\d*)([-#>.])")  # lists, headings, quotes, numbers


class DiscordPlain(Dialect):
    def text(self, text: str) -> str:
        pieces, end = [], 0
        for url in _URL.finditer(text):
            pieces += [_escaped(text[end : url.start()], is_start=end == 0), url[0]]
            end = url.end()
        return "".join([*pieces, _escaped(text[end:], is_start=end == 0)])

    def mention(self, name: str, target: str) -> str:
        if target == EVERYBODY:
            return "@everyone"
        return f"<@{target}>" if USER.fullmatch(target) else f"@{self.text(name)}"


class DiscordMarkdown(DiscordPlain):
    def bold(self, inner: str) -> str:
        return f"**{inner}**"

    def italic(self, inner: str) -> str:
        return f"*{inner}*"

    def code(self, text: str) -> str:
        return f"`{text}`"

    def link(self, label: str, url: str) -> str:
        return url if label == url else f"[{self.text(label)}]({url})"

    def heading(self, inner: str, level: int) -> str:
        return f"{'#' * level} {inner}"

    def item(self, inner: str) -> str:
        return f"- {inner}"


PLAIN = DiscordPlain()
MARKDOWN = DiscordMarkdown()


def _escaped(text: str, *, is_start: bool) -> str:
    marked = _MARK.sub(r"\\\g<0>", text)
    return _LINE_START.sub(r"\1\\\2", marked) if is_start else marked
