"""What in a text is read as one piece though signs stand in it at which a sentence could end: an address, an e-mail
address, a number, a time, a date, an English word. A cut inside makes something else of it, or nothing.
"""

import re
from collections.abc import Iterator

_URL_SIGN = r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]"  # RFC 3986; Chinese and white space end an address
_URL_END = r"[A-Za-z0-9\-_~/#$&+=%]"  # what follows is the sentence's
_UNIT = r"(?:[%％‰℃折件元块角分秒点时日号月年天万亿千百个人位名单组楼款斤米倍]{1,2})?"
_LETTERS = r"(?:[A-Za-z0-9]{1,32}(?![A-Za-z0-9.+_-]{0,64}(?:://|@)))?"  # 5kg, 618A; not those of an address after it
_NUMBER = r"\d+(?:[.,:/~～：–\-]\d+)*"
_UNBROKEN = re.compile(
    rf"(?P<url>(?:(?<![A-Za-z0-9])www\.|[A-Za-z][A-Za-z0-9+.-]{{0,19}}://){_URL_SIGN}*{_URL_END})"
    r"|[A-Za-z0-9_.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+"
    rf"|[+\-¥￥$€£]?[A-Za-z]{{0,32}}{_NUMBER}{_LETTERS}{_UNIT}"
    r"|[A-Za-z]+(?:[.,:?&=/'_@%+\-]+[A-Za-z0-9]+(?!\w{0,20}://))*"
)
_BARE_NUMBER = re.compile(_NUMBER)


def unbroken_ranges(text: str) -> Iterator[tuple[int, int]]:
    """Where in the text these stand. A number also stands for itself, where what it is glued to is too long."""
    for match in _UNBROKEN.finditer(text):
        yield match.span()
        if match["url"] is None:
            yield from (number.span() for number in _BARE_NUMBER.finditer(text, *match.span()))
