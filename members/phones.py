"""Phone numbers: one written form, a keyed digest for exact search, and what people may see of them."""

import hashlib
import hmac
import re
import unicodedata

from django.conf import settings

from members.errors import PhoneNotValid

_NOISE = re.compile(r"[\s()\-.·]+")
_CHINESE_MOBILE = re.compile(r"1[3-9]\d{9}")  # source: MIIT numbering plan
FEWEST_DIGITS = 7  # of an E.164 number
_INTERNATIONAL = re.compile(r"\+[1-9]\d{6,14}")  # ITU-T E.164


def normalise(raw: str) -> str:
    """The number in E.164 form; eleven digits beginning 13–19 are Chinese. Raises PhoneNotValid.

    Takes full-width digits, spaces, dots, dashes, brackets and a leading 00 or 86.
    """
    number = _NOISE.sub("", unicodedata.normalize("NFKC", raw)) if len(raw) <= 60 else ""
    number = re.sub(r"^00", "+", number)
    number = re.sub(r"^86(?=1[3-9]\d{9}$)", "+86", number)
    if _CHINESE_MOBILE.fullmatch(number):
        number = f"+86{number}"
    if not number.isascii() or not _INTERNATIONAL.fullmatch(number):
        raise PhoneNotValid
    if number.startswith("+86") and not _CHINESE_MOBILE.fullmatch(number[3:]):
        raise PhoneNotValid
    return number


def digest(number: str) -> str:
    """Keyed digest of a normalised number: equal numbers meet, and nobody without the key can try them all."""
    return hmac.new(digest_key(), number.encode(), hashlib.sha256).hexdigest()


def digest_key() -> bytes:
    """Derived from the oldest field key, which stays when a newer one is put in front of it for rotation.

    When that oldest key is dropped at last, digests must be written anew from the encrypted values.
    """
    oldest: str = settings.FIELD_ENCRYPTION_KEYS[-1]
    return hmac.new(oldest.encode(), b"community-ops phone digest v1", hashlib.sha256).digest()


def for_the_record(last_four: str) -> str:
    """What audit rows keep of a number, also when it is forgotten: the last four digits."""
    return f"*******{last_four}"


def masked(raw: str) -> str:
    """A number as people see it, on every page: 138****1234. What has too few digits to be one stays readable."""
    digits = re.sub(r"\D", "", unicodedata.normalize("NFKC", raw))
    if len(digits) < FEWEST_DIGITS:
        return raw
    national = re.sub(r"^(?:00)?86(?=1[3-9]\d{9}$)", "", digits)
    head = national[:3] if len(national) >= len("13812341234") else ""
    return f"{head}****{national[-4:]}"
