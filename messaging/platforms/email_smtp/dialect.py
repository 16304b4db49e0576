"""Markdown as the few tags every mail program shows. Every word is escaped; there are no images and no styles."""

from html import escape

from messaging.markup import Dialect


class MailDialect(Dialect):
    """Lines are blocks of their own or end in `<br>`: `document` sees to that."""

    def text(self, text: str) -> str:
        return escape(text)

    def bold(self, inner: str) -> str:
        return f"<strong>{inner}</strong>"

    def italic(self, inner: str) -> str:
        return f"<em>{inner}</em>"

    def code(self, text: str) -> str:
        return f"<code>{escape(text)}</code>"

    def link(self, label: str, url: str) -> str:
        return f'<a href="{escape(url)}">{escape(label)}</a>'

    def mention(self, name: str, target: str) -> str:
        return f"@{escape(name)}"

    def heading(self, inner: str, level: int) -> str:
        return f"<h{level}>{inner}</h{level}>"

    def quote(self, inner: str) -> str:
        return f"<blockquote>{inner}</blockquote>"


_BLOCKS = ("<h", "<blockquote>")  # words cannot begin like this: they are escaped


def document(spelled: str) -> str:
    """A whole HTML text of what the dialect spelled."""
    lines = [line if line.startswith(_BLOCKS) else f"{line}<br>" for line in spelled.split("\n")]
    return "<!DOCTYPE html>\n<html><body>\n" + "\n".join(lines) + "\n</body></html>\n"
