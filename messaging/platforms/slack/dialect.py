"""Slack's mrkdwn: `& < >` escaped, one sign on each side of a mark, addresses and mentions in angle brackets.

A mark only counts where it does not touch a letter, and Chinese is written without spaces: `clean` puts a space
where one is missing.
"""

import re

from messaging.markup import EVERYBODY, Dialect

_USER = re.compile(r"[UW][A-Z0-9]{2,30}")
_OPEN, _CLOSE = "\x1e", "\x1f"  # the outer sides of a mark, until `clean`
_LETTER = r"[^\s!-/:-@\[-`{-~]"
_TOUCHES_BEFORE = re.compile(f"(?<={_LETTER}){_OPEN}")
_TOUCHES_AFTER = re.compile(f"{_CLOSE}(?={_LETTER})")


class SlackPlain(Dialect):
    def text(self, text: str) -> str:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    def mention(self, name: str, target: str) -> str:
        if target == EVERYBODY:
            return "<!channel>"
        return f"<@{target}>" if _USER.fullmatch(target) else self.text(f"@{name}")


class SlackMrkdwn(SlackPlain):
    def bold(self, inner: str) -> str:
        return _marked("*", inner)

    def italic(self, inner: str) -> str:
        return _marked("_", inner)

    def code(self, text: str) -> str:
        return _marked("`", self.text(text))

    def link(self, label: str, url: str) -> str:
        address = self.text(url).replace("|", "%7C")
        return f"<{address}>" if label == url else f"<{address}|{self.text(label)}>"

    def heading(self, inner: str, level: int) -> str:
        """A bold line, as there are no headings; one that has bold in it already stays as it is."""
        return inner if not inner or "*" in inner else f"*{inner}*"


PLAIN = SlackPlain()
MRKDWN = SlackMrkdwn()


def clean(spelled: str) -> str:
    """The text with a space where a mark would touch a letter."""
    spaced = _TOUCHES_AFTER.sub(" ", _TOUCHES_BEFORE.sub(" ", spelled))
    return spaced.replace(_OPEN, "").replace(_CLOSE, "")


def _marked(sign: str, inner: str) -> str:
    return f"{_OPEN}{sign}{inner}{sign}{_CLOSE}"
