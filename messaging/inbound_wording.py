"""What comes in, in words. Formatting only."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from messaging.inbound_models import InboundRoute, InboundWay, RawEvent, RawState
from messaging.inbound_policies import REASONS, REFUSALS
from messaging.models import EventKind

_TONES = {RawState.PENDING: "info", RawState.READ: "good", RawState.IGNORED: "neutral", RawState.FAILED: "bad"}
_SENT_BY_OTHERS = frozenset(
    {InboundWay.HOOK, InboundWay.POLL}
)  # the ids of the other ways are our own: nobody seeks them


def route_badge(route: InboundRoute | None, *, failing_count: int) -> dict[str, str]:
    """Context of components/_badge.html."""
    if route is None or not route.is_on:
        return {"label": pgettext("receiving", "Off"), "tone": "neutral"}
    if failing_count:
        return {"label": pgettext("receiving", "Not getting through"), "tone": "warn"}
    return {"label": pgettext("receiving", "On"), "tone": "good"}


def way_words(*, is_polled: bool, is_registered: bool) -> str:
    """How it works on this platform, in one sentence."""
    if is_polled:
        return _("We ask the platform every 20 seconds for what was written in the channels of this account.")
    if is_registered:
        return _("The platform tells us. When you switch it on, we tell the platform our address and a key.")
    return _("Another tool sends what happens in the group to an address of ours and signs it with a key.")


def refusal_words(route: InboundRoute | None) -> str:
    """Why the last call was turned away; nothing when none was."""
    if route is None or route.refused_at is None:
        return ""
    return str(REFUSALS.get(route.refused_reason, route.refused_reason))


def raw_event_row(event: RawEvent) -> dict[str, Any]:
    """A row of the log, with what it was, its id at the sender, and whether reading it again is of use."""
    return {
        "event": event,
        "badge": {"label": event.get_state_display(), "tone": _TONES[RawState(event.state)]},
        "line": _line(event),
        "words": _what_became(event),
        "sender_id": event.external_id if event.way in _SENT_BY_OTHERS else "",
        "may_read_again": event.state in (RawState.IGNORED, RawState.FAILED) and event.reason != "not_meant",
    }


def _line(event: RawEvent) -> str:
    """“Message · Li → Runners 5”; without the name after a week, and nothing before it was read."""
    if not event.said_kind:
        return ""
    parts = [str(EventKind(event.said_kind).label), event.person_name]
    line = " · ".join(part for part in parts if part)
    return f"{line} → {event.endpoint.name}" if event.endpoint is not None else line


def _what_became(event: RawEvent) -> str:
    if event.state == RawState.READ and event.said_kind and event.event_count == 1:
        return ""  # the line says it all
    if event.state == RawState.READ:
        words = ngettext("%(count)d event told on", "%(count)d events told on", event.event_count)
        return words % {"count": event.event_count}
    if event.state == RawState.PENDING and event.attempt_count:
        return _("Reading it failed %(count)d times; it is tried again.") % {"count": event.attempt_count}
    return str(REASONS.get(event.reason, event.reason))


def move_words(event: RawEvent) -> str:
    """Said in a sandbox room of one who came in or left; without a name once it is forgotten."""
    is_joining = event.said_kind == EventKind.JOIN
    if not event.person_name:
        return _("Somebody came in") if is_joining else _("Somebody left")
    words = _("%(name)s came in") if is_joining else _("%(name)s left")
    return words % {"name": event.person_name}
