"""Cleaning of text that people type: what is refused and what is quietly normalised."""

import unicodedata

from django.utils.translation import gettext as _

from community_ops.common.errors import InvalidInput

# Bidirectional overrides and isolates can make a text read differently from what it is.
# Signs that show nothing by themselves: formats (but joiners inside emoji are harmless), unassigned ones.
_INVISIBLE = frozenset({"Cf", "Cn", "Zl", "Zp", "Zs", "Cc"})
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
LONGEST_TIMES = 4  # normalising makes a text shorter; nothing is four times too long and becomes short enough
# Of the Stream-Safe Text Format (UAX 15, section 13): no letter of any language has more. Putting thousands into
# their order takes a normaliser minutes.
MOST_MARKS = 30


def without_piled_marks(value: str) -> str:
    """The text with at most 30 combining marks in a row; the same text where it has no more. Linear in its length."""
    if value.isascii():
        return value
    kept, run = [], 0
    for sign in value:
        run = run + 1 if unicodedata.combining(sign) else 0
        if run <= MOST_MARKS:
            kept.append(sign)
    return "".join(kept) if len(kept) != len(value) else value


def clean_line(value: str, *, field: str, max_length: int, required: bool = True) -> str:
    """One line: as `clean_text`, but line ends and tabs are refused and runs of spaces folded."""
    text = clean_text(value, field=field, max_length=max_length, required=required, lines=False)
    return " ".join(part for part in text.split(" ") if part)


def clean_text(value: str, *, field: str, max_length: int, required: bool = True, lines: bool = True) -> str:
    """Several lines: trimmed, NFC, line ends as \\n. Raises InvalidInput naming the field.

    Refused: control characters (but tab and line end), direction marks, lone surrogates, more than
    `max_length` characters, empty text where one is required.
    """
    if any(0xD800 <= ord(sign) <= 0xDFFF for sign in value):
        raise InvalidInput(_("The text has half an emoji in it."), field=field)
    if len(value) > LONGEST_TIMES * max_length:
        raise InvalidInput(_("At most %(count)d characters.") % {"count": max_length}, field=field)
    if without_piled_marks(value) != value:
        raise InvalidInput(_("A letter of the text has too many marks."), field=field)
    text = unicodedata.normalize("NFC", value.replace("\r\n", "\n").replace("\r", "\n")).strip()
    allowed = "\n\t\u2028\u2029" if lines else ""
    if any(unicodedata.category(sign) in {"Cc", "Cn", "Zl", "Zp"} and sign not in allowed for sign in text):
        raise InvalidInput(_("The text has control characters in it."), field=field)
    if _DIRECTION.intersection(text):
        raise InvalidInput(_("The text has invisible direction marks in it."), field=field)
    if len(text) > max_length:
        raise InvalidInput(_("At most %(count)d characters.") % {"count": max_length}, field=field)
    if required and all(unicodedata.category(sign) in _INVISIBLE for sign in text):
        raise InvalidInput(_("This must not be empty."), field=field)
    return text
