"""Cutting a text that is longer than a platform takes: at the end of a paragraph, line or sentence, in order.

Never inside a mark or a mention, an address or a number, and never through a sign people see as one: an emoji with its
skin tone or its family, a letter with its accent, a flag.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable

from messaging.unbroken import unbroken_ranges

Fits = Callable[[str], bool]
_ZERO_WIDTH_JOINER = "\u200d"
# Ends in the order they are liked: paragraph, line, sentence, clause, word.
_ENDS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\n\s*\n",
        r"\n",
        r"[。！？!?…；;]+[”’」』）)\"']*|\.(?=\s)",
        r"[，、：,:]",
        r"\s",
    )
)
_GOOD_SHARE = 0.5  # an end is good when the piece before it fills this much of what would fit


def split(text: str, fits: Fits, *, kept_whole: Iterable[tuple[int, int]] = ()) -> list[str]:
    """Pieces of `text` in order, each of which fits, without the spaces at their edges.

    `fits` must be monotone: a beginning of what fits, fits. `kept_whole`: ranges not to cut unless one of them
    alone is too long, besides addresses and numbers. A single sign that does not fit is a piece of its own all the
    same: nothing is left out.
    """
    if fits(text.strip()):
        return [text.strip()] if text.strip() else []
    whole = [*kept_whole, *unbroken_ranges(text)]
    pieces, start = [], 0
    while start < len(text):
        end = _end_of_piece(text, start, fits, whole)
        pieces.append(text[start:end].strip())
        start = end
    return [piece for piece in pieces if piece]


def shortened(text: str, length: int) -> str:
    """The beginning of a text, at most `length` characters, without half a sign at its end."""
    if len(text) <= length:
        return text
    cut = next((position for position in range(length, 0, -1) if _is_between_signs(text, position)), length)
    return text[:cut]


def _end_of_piece(text: str, start: int, fits: Fits, whole: list[tuple[int, int]]) -> int:
    if fits(text[start:].strip()):
        return len(text)
    cuts = _cuts(text, start)
    possible = cuts[: max(_last_that_fits(text, start, cuts, fits), 0) + 1]
    inside = _insides(text, whole, start, possible[-1], fits)
    return _liked(text, start, [cut for cut in possible if cut not in inside] or possible)


def _insides(text: str, whole: list[tuple[int, int]], start: int, last: int, fits: Fits) -> set[int]:
    """The positions up to `last` that would cut one of the ranges, but for those that fit into no piece anyway."""
    found: set[int] = set()
    for begin, end in whole:
        if end <= start or begin >= last:
            continue
        if end <= last or (begin >= start and fits(text[begin:end].strip())):
            found.update(range(max(begin, start) + 1, min(end, last + 1)))
    return found


def _cuts(text: str, start: int) -> list[int]:
    """Positions after `start` between two signs."""
    return [position for position in range(start + 1, len(text) + 1) if _is_between_signs(text, position)]


def _last_that_fits(text: str, start: int, cuts: list[int], fits: Fits) -> int:
    return bisect_right(cuts, False, key=lambda cut: not fits(text[start:cut].strip())) - 1


def _liked(text: str, start: int, allowed: list[int]) -> int:
    """The last cut at the best kind of end that leaves a good piece; else the very last one."""
    least = start + (allowed[-1] - start) * _GOOD_SHARE
    possible = set(allowed)
    for ends in _ENDS:
        found = [match.end() for match in ends.finditer(text, start, allowed[-1])]
        good = [cut for cut in found if cut in possible and cut >= least]
        if good:
            return good[-1]
    return allowed[-1]


def _is_between_signs(text: str, position: int) -> bool:
    if position >= len(text):
        return True
    before, after = text[position - 1], text[position]
    if _ZERO_WIDTH_JOINER in (before, after) or _is_attached(after):
        return False
    return not (_is_flag_letter(after) and _flag_letters_before(text, position) % 2)


def _is_attached(sign: str) -> bool:
    """Accents, variation selectors, skin tones, tags: they belong to the sign before them."""
    code = ord(sign)
    return unicodedata.category(sign).startswith("M") or 0x1F3FB <= code <= 0x1F3FF or 0xE0020 <= code <= 0xE007F


def _is_flag_letter(sign: str) -> bool:
    return 0x1F1E6 <= ord(sign) <= 0x1F1FF


def _flag_letters_before(text: str, position: int) -> int:
    count = 0
    while count < position and _is_flag_letter(text[position - 1 - count]):
        count += 1
    return count
