"""Several messages in one pasted text, each with the name of who wrote it. No database, no clock.

Two spellings are read, the one the first line has. WeChat copies several messages as a line with name and time and the
words below it:

    张三 10:32
    大家好

and people write, or a forwarded chat says, name and words in one line:

    张三：大家好

A line that begins no message belongs to the one before it. A text that begins in neither way has none.
"""

import re
from dataclasses import dataclass

MOST = 50  # messages in one paste
_DATE = r"(?:\d{4}\s?[-/.年]\s?)?\d{1,2}\s?[-/.月]\s?\d{1,2}日?"
_DAY = rf"(?:{_DATE}|今天|昨天|前天|(?:星期|周)[一二三四五六日天])"
_TIME = r"(?:(?:凌晨|早上|上午|中午|下午|晚上)\s?)?\d{1,2}[:：]\d{2}(?:[:：]\d{2})?(?:\s?[AaPp][Mm])?"
_NAME_AND_TIME = re.compile(rf"(?P<name>\S.{{0,99}}?)[:：]?\s+(?:{_DAY}\s+)?{_TIME}\s*(?P<words>)")
_NAME_AND_WORDS = re.compile(r"(?P<name>(?!\d+[:：])[^\s:：][^:：]{0,29}?)\s*[:：](?!//)\s*(?P<words>.*)")


@dataclass(frozen=True, slots=True)
class Pasted:
    """One message: the name of who wrote it, and its words."""

    author: str
    words: str


def several(text: str) -> list[Pasted]:
    """The messages of the text in order; none where it does not begin with a name. One without words is left out."""
    lines = text.strip().splitlines()
    begins = next((one for one in (_NAME_AND_TIME, _NAME_AND_WORDS) if lines and one.fullmatch(lines[0].strip())), None)
    if begins is None:
        return []
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if begun := begins.fullmatch(line.strip()):
            found.append((begun["name"].strip(), [begun["words"]]))
        else:
            found[-1][1].append(line)
    return [Pasted(name, words) for name, written in found if (words := "\n".join(written).strip())]
