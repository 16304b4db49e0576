"""What is known beforehand of a card made by hand: no delivery stands behind it, so no send rule holds it back."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from community_ops.common.actors import Actor
from community_ops.common.errors import NotAvailable
from community_ops.common.templatetags.wording import in_zone
from community_ops.common.warned import Warned
from messaging.policies import QUIET_HOURS
from messaging.ports import task_places
from messaging.services.send_rules import rules_of
from messaging.services.work import NewItem
from messaging.task_policies import POSTS

SHOWN = 5


def task_warnings(
    *, workspace_id: int, kind: str, due_at: datetime, items: Sequence[NewItem], zone: str, actor: Actor
) -> list[Warned]:
    """One warning (`quiet_hours`, `holiday`) for each rule and wall time its places are due in; the same for a card
    that is only thought of.

    Only for kinds that post something. A group counts by its own clock, any other place by `zone`, the card's. Places
    are named unless it is the same for all. Four queries at most.
    """
    if kind not in POSTS:
        return []
    rules, zones = rules_of(workspace_id), _zones(items, actor)
    places = items or [NewItem("")]
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for item in places:
        own = zones.get(item.target_id or 0, zone) if item.target_kind else zone
        if reason := rules.held_at(due_at.astimezone(ZoneInfo(own))):
            found[reason, in_zone(due_at, own)].append(item.label)
    return [
        {"code": reason, "message": _message(reason, at, names if len(names) < len(places) else ())}
        for (reason, at), names in found.items()
    ]


def _zones(items: Sequence[NewItem], actor: Actor) -> Mapping[int, str]:
    """The zones of the groups among the places; none where no app has any."""
    if not any(item.target_kind == "group" for item in items):
        return {}
    try:
        return task_places.get("group").zones(actor)
    except NotAvailable:
        return {}


def _message(reason: str, at: str, names: Sequence[str]) -> str:
    words = {
        True: _("%(at)s is within the quiet hours, and a card made by hand is not held back: choose another time."),
        False: _("%(at)s is on a holiday, and a card made by hand is not held back: choose another time."),
    }[reason == QUIET_HOURS] % {"at": at}
    if not names:
        return words
    shown = pgettext("between names", ", ").join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
    return _("%(names)s: %(why)s") % {"names": shown, "why": words}
