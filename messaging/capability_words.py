"""What a platform can do, in words for its channel's page. Formatting only."""

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from community_ops.common.templatetags.wording import MISSING, grouped
from messaging.platforms.base import Ability, Capabilities, Evidence, FileRule, ImageRule, ImageWay, Size, Unit, Welcome
from messaging.platforms.inbound import Inbound
from messaging.platforms.signed_events import SignedEvents


def facts(known: Capabilities, inbound: Inbound | None = None) -> list[dict[str, str]]:
    """Rows of {label, value} for a list of facts. `inbound`: the platform's way in, where it has one."""
    return [{"label": label, "value": value} for label, value in _facts(known, inbound)]


def _facts(known: Capabilities, inbound: Inbound | None) -> Iterator[tuple[str, str]]:
    yield _("One text"), size_words(known.text)
    if known.markdown is not None and known.markdown != known.text:
        yield _("One text with marks"), size_words(known.markdown)
    yield _("Bold, links, headings"), _yes(known.markdown is not None, otherwise=_("no, they arrive as plain words"))
    yield _("Picture"), _image(known.image)
    yield _("File"), _file(known.file)
    yield _("Link card"), _yes(known.can_card, otherwise=_("no, its words go out below the text"))
    yield _("Mention somebody"), _yes(known.can_mention)
    yield _("Mention everybody"), _yes(known.can_mention_all)
    yield _("Read what is written there"), _reading(known.read, inbound)
    yield _("Remove somebody"), _doing(known.kick)
    yield _("Mute somebody"), _doing(known.mute)
    yield _("Recall a message"), _doing(known.recall)
    yield _("Welcome newcomers"), _welcome(known.welcome)
    yield _("“Accepted” rests on"), evidence_words(known.evidence)
    yield _("Source"), _source(known)


def size_words(size: Size) -> str:
    """e.g. "up to 2,048 bytes"."""
    pattern = {
        Unit.BYTES: _("up to %(count)s bytes"),
        Unit.CHARACTERS: _("up to %(count)s characters"),
        Unit.UTF16: _("up to %(count)s characters (an emoji counts two)"),
    }[size.unit]
    return pattern % {"count": grouped(size.limit)}


def evidence_words(evidence: Evidence) -> str:
    return {
        Evidence.PLATFORM_CODE: _("the platform's own answer"),
        Evidence.HTTP_STATUS: _("the status of the receiver's answer, nothing more"),
        Evidence.MAIL_SERVER: _("the next mail server took it; whether it was read is not known"),
        Evidence.LIBRARY: _("what a library says; it does not say how it knows"),
        Evidence.PERSON: _("the word of the person who sent it"),
        Evidence.ROOM: _("it is shown in the room"),
    }[evidence]


def _yes(can: bool, *, otherwise: str = "") -> str:
    return pgettext("a platform can do it", "yes") if can else otherwise or pgettext("a platform can do it", "no")


def _doing(ability: Ability) -> str:
    """Whether it is done, could be done there, or is a person's."""
    return {
        Ability.DONE: pgettext("a platform can do it", "yes"),
        Ability.OFFERED: _("the platform can; this system does not do it yet, a person does it"),
        Ability.BY_APP: _("a group robot cannot; an app of the platform could, this system is none: a person does it"),
        Ability.BY_PERSON: _("no, a person does it"),
        Ability.NEVER: pgettext("a platform can do it", "no"),
    }[ability]


def _reading(ability: Ability, inbound: Inbound | None) -> str:
    """Where this system does not read, any tool can tell it what was written."""
    if ability is Ability.DONE:
        return pgettext("a platform can do it", "yes")
    if not isinstance(inbound, SignedEvents):
        return pgettext("a platform can do it", "no")
    if ability is Ability.OFFERED:
        return _("the platform can; this system does not do it yet, another tool has to tell us (Receive)")
    return _("another tool has to tell us (Receive)")


def _image(rule: ImageRule | None) -> str:
    if rule is None:
        return _("no, the text goes out without it")
    if rule.way is ImageWay.ADDRESS:
        return _("yes, fetched by its link: this site has to be reachable from outside")
    return _("yes, up to %(count)s MB; a larger one is made smaller") % {"count": grouped(rule.max_bytes / 2**20)}


def _file(rule: FileRule | None) -> str:
    if rule is None:
        return _("no, a message with a file is not sent")
    return _("yes, up to %(count)s MB") % {"count": grouped(rule.max_bytes / 2**20)}


def _welcome(welcome: Welcome) -> str:
    if welcome is Welcome.MESSAGE:
        return _("with a message, once the join was seen")
    return _("joins are not seen here: a person does it")


def _source(known: Capabilities) -> str:
    if known.checked_on:
        return f"{known.source} · {known.checked_on.isoformat()}"
    return _(known.source) if known.source else MISSING  # an address, or words of ours
