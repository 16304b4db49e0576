"""What platforms make of a link card and a file, known before anything is sent. No database."""

from django.utils.translation import gettext as _

from community_ops.common.templatetags.wording import grouped
from messaging.models import Platform
from messaging.platforms import registry
from messaging.platforms.base import Card, Content, Size, Unit

A_MEGABYTE = 2**20


def file_problem(platform: str, size_bytes: int) -> str | None:
    """Say why the platform does not take a file of this size, or None."""
    rule = registry.get(platform).capabilities.file
    facts = {"platform": Platform(platform).label}
    if rule is None:
        return _("%(platform)s takes no files: a message with one is not sent there.") % facts
    if size_bytes > rule.max_bytes:
        words = _("%(platform)s takes files of up to %(count)s MB; this one is larger.")
        return words % (facts | {"count": grouped(rule.max_bytes / A_MEGABYTE)})
    if size_bytes < rule.min_bytes:
        words = _("%(platform)s takes files from %(count)s bytes on; this one is smaller.")
        return words % (facts | {"count": grouped(rule.min_bytes)})
    return None


def card_problem(platform: str, card: Card) -> tuple[str, str] | None:
    """Say which of a card's fields is too long for a platform that shows cards, and why; or None."""
    rule = registry.get(platform).capabilities.card
    if rule is None:
        return None
    for name, words, size in (("title", card.title, rule.title), ("text", card.text, rule.text)):
        if size.measure(words) > size.limit:
            return name, _too_long(name, size) % _facts(platform, size, words)
    return None


def with_card(platform: str, text: str, card: Card | None) -> str:
    """The text as it goes out there: with the card's words below it where the platform shows no cards."""
    return registry.get(platform).in_words(Content(text=text, card=card)).text


def _too_long(name: str, size: Size) -> str:
    if size.unit is Unit.BYTES:
        if name == "title":
            return _("The card's title has %(size)d bytes; %(platform)s takes %(limit)d.")
        return _("The card's description has %(size)d bytes; %(platform)s takes %(limit)d.")
    if name == "title":
        return _("The card's title has %(size)d characters; %(platform)s takes %(limit)d.")
    return _("The card's description has %(size)d characters; %(platform)s takes %(limit)d.")


def _facts(platform: str, size: Size, words: str) -> dict[str, object]:
    return {"platform": Platform(platform).label, "size": size.measure(words), "limit": size.limit}
