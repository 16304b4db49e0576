"""What the group robots of WeCom, DingTalk and Feishu have in common."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from messaging import markup
from messaging.platforms.base import Outcome, Result

_PHONE = re.compile(r"1[3-9]\d{9}")  # of the mainland: robots are told people by these too
_BLOCKS = ("> ", "- ", "• ")


@dataclass(frozen=True, slots=True)
class Mentioned:
    """Whom a text mentions: people by the platform's id or by telephone, or everybody."""

    ids: list[str]
    phones: list[str]
    everybody: bool


def mentioned(text: str, *, is_markdown: bool) -> Mentioned:
    """An id of eleven digits that could be a mobile number is taken for one."""
    found = markup.mentions(text, is_markdown=is_markdown)
    people = [one for one in found if one != markup.EVERYBODY]
    return Mentioned(
        ids=[one for one in people if not _PHONE.fullmatch(one)],
        phones=[one for one in people if _PHONE.fullmatch(one)],
        everybody=markup.EVERYBODY in found,
    )


def set_apart(spelled: str) -> str:
    """An empty line after each quote and list: else markdown takes the line that follows into it."""
    lines = spelled.split("\n")
    made = lines[:1]
    for before, line in pairwise(lines):
        if before.startswith(_BLOCKS) and line and line[:2] != before[:2]:
            made.append("")
        made.append(line)
    return "\n".join(made)


def without(result: Result, secrets: Iterable[str]) -> Result:
    """The result, with the keys it may repeat from the address taken out of its words."""
    return replace(result, text=masked(result.text, secrets))


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text without these keys."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "…")
    return text


def nothing_sent(result: Result) -> Result:
    """What a failure before the message itself means: it can be tried again without doubt, or was refused."""
    return result if result.outcome in (Outcome.RETRY, Outcome.REFUSED) else replace(result, outcome=Outcome.RETRY)
