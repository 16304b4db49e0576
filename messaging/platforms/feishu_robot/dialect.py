"""How Feishu spells the text of a message and the markdown of a card."""

import re

from messaging.markup import Dialect

_SPACE = "\u200b"  # without width
_TAGS = re.compile(r"<(?=[/A-Za-z])|\](?=\()")  # <at …>, <b> and [words](address) mean something in a text
_AT = re.compile(r"<(?=/?at\b)")  # in code it may still be read as a mention
_MARKS = re.compile(r"[&<>*_~`\[\]\\$|#]|^[-+=]")  # in a card each can be written by its number


class FeishuText(Dialect):
    def text(self, text: str) -> str:
        return _TAGS.sub(rf"\g<0>{_SPACE}", text)

    def mention(self, name: str, target: str) -> str:
        return f'<at user_id="{target}">{self.text(name)}</at>'


class FeishuCard(Dialect):
    """The markdown of a card of the second kind, which knows headings and quotes."""

    def text(self, text: str) -> str:
        return _MARKS.sub(lambda found: f"&#{ord(found[0])};", text)

    def bold(self, inner: str) -> str:
        return f"**{inner}**"

    def italic(self, inner: str) -> str:
        return f"*{inner}*"

    def code(self, text: str) -> str:
        return f"`{_AT.sub(rf'<{_SPACE}', text)}`"

    def link(self, label: str, url: str) -> str:
        return f"[{self.text(label)}]({url})"

    def mention(self, name: str, target: str) -> str:
        return f"<at id={target}></at>"

    def heading(self, inner: str, level: int) -> str:
        return f"{'#' * level} {inner}"

    def item(self, inner: str) -> str:
        return f"- {inner}"
