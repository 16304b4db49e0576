"""Telegram's HTML: few tags, and `& < >` escaped everywhere else."""

import html
import re

from messaging.markup import Dialect

_TAG = re.compile(r"<[^>]*>")
_USER = re.compile(r"[1-9][0-9]{0,19}")


class TelegramHtml(Dialect):
    def text(self, text: str) -> str:
        return html.escape(text, quote=False)

    def bold(self, inner: str) -> str:
        return f"<b>{inner}</b>"

    def italic(self, inner: str) -> str:
        return f"<i>{inner}</i>"

    def code(self, text: str) -> str:
        return f"<code>{self.text(text)}</code>"

    def link(self, label: str, url: str) -> str:
        return f'<a href="{html.escape(url)}">{self.text(label)}</a>'

    def mention(self, name: str, target: str) -> str:
        """Only people have numbers that can be pinged; there is no word for the whole group."""
        words = self.text(f"@{name}")
        return f'<a href="tg://user?id={target}">{words}</a>' if _USER.fullmatch(target) else words

    def heading(self, inner: str, level: int) -> str:
        return self.bold(inner)

    def quote(self, inner: str) -> str:
        return f"<blockquote>{inner}</blockquote>"


TELEGRAM_HTML = TelegramHtml()


def visible(spelled: str) -> str:
    """What people see of a text in this HTML; Telegram counts this."""
    return html.unescape(_TAG.sub("", spelled))
