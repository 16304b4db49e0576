"""How DingTalk spells markdown and mentions."""

import re

from messaging.markup import EVERYBODY, Dialect

_MARKS = re.compile(r"[\\`*_\[\]#<~|]|^[-+=]")


class DingtalkText(Dialect):
    """Only `@` and the very id that stands in the call's `at` becomes a mention; nothing else means anything."""

    def mention(self, name: str, target: str) -> str:
        return f"@{name}" if target == EVERYBODY else f"@{target}"


class DingtalkMarkdown(DingtalkText):
    def text(self, text: str) -> str:
        return _MARKS.sub(r"\\\g<0>", text)

    def bold(self, inner: str) -> str:
        return f"**{inner}**"

    def italic(self, inner: str) -> str:
        return f"*{inner}*"

    def code(self, text: str) -> str:
        return f"`{text}`"

    def link(self, label: str, url: str) -> str:
        return f"[{self.text(label)}]({url})"

    def mention(self, name: str, target: str) -> str:
        return super().mention(self.text(name), target)

    def heading(self, inner: str, level: int) -> str:
        return f"{'#' * level} {inner}"

    def item(self, inner: str) -> str:
        return f"- {inner}"
