"""What is known beforehand of a card made by hand: which send rules hold its text back, and until when."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from community_ops.common.templatetags.wording import in_zone
from community_ops.common.warned import Warned
from messaging.models import HumanTask, Purpose
from messaging.policies import CAP, HOLIDAY, QUIET_HOURS, SendRules
from messaging.services.card_posts import NewItem, posts_of
from messaging.services.send_rules import rules_of, would_be_held
from messaging.task_policies import HAS_TEXT, POSTS

SHOWN = 5
_HELD: Mapping[str, str | Promise] = {  # what goes to a group
    QUIET_HOURS: gettext_lazy("%(at)s is within the quiet hours: the text cannot be copied before they are over."),
    HOLIDAY: gettext_lazy("%(at)s is on a holiday: the text cannot be copied before it is over."),
    CAP: gettext_lazy("%(at)s: as many messages as the limit allows are there before it, the text cannot be copied."),
}
_NEVER: Mapping[str, str | Promise] = {  # the same where the rule lets go after the latest moment only, or never
    QUIET_HOURS: gettext_lazy(
        "%(at)s is within the quiet hours, which end after the latest moment: it cannot be sent at all."
    ),
    HOLIDAY: gettext_lazy("%(at)s is on a holiday, which ends after the latest moment: it cannot be sent at all."),
}
_HELD_PACKETS: Mapping[str, str | Promise] = {  # what has no text: red packets
    QUIET_HOURS: gettext_lazy("%(at)s is within the quiet hours: it cannot be sent before they are over."),
    HOLIDAY: gettext_lazy("%(at)s is on a holiday: it cannot be sent before it is over."),
}


def task_warnings(
    *,
    workspace_id: int,
    kind: str,
    due_at: datetime,
    items: Sequence[NewItem],
    zone: str,
    purpose: str = Purpose.NOTICE,
    task: HumanTask | None = None,
    latest_at: datetime | None = None,
) -> list[Warned]:
    """One warning (`quiet_hours`, `holiday`, `cap`) for each rule and wall time its places are due in.

    Only for kinds that post something. A text that goes to a group counts by the group's clock; any other place by
    `zone`, the card's, and no cap counts it. Places are named unless it is the same for all. `task`: the
    card, where it is made already, for it takes no place from itself. `latest_at`: what a rule holds until after it
    cannot be sent at all, and that is said. Five queries at most.
    """
    if kind not in POSTS:
        return []
    rules, places = rules_of(workspace_id), items or [NewItem("")]
    posts = posts_of(
        workspace_id=workspace_id,
        kind=kind,
        items=places,
        due_at=due_at,
        zone=zone,
        purpose=purpose,
        task=task,
    )
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    held = would_be_held(workspace_id=workspace_id, sends=list(posts.values()), rules=rules)
    reasons = {one.send.source_key: one.reason for one in held}
    for number, item in enumerate(places):
        if number in posts:
            code, own = reasons.get(posts[number].source_key, ""), posts[number].zone
        else:
            code, own = rules.held_at(due_at.astimezone(ZoneInfo(zone))), zone
        if code:
            held_words = _HELD if kind in HAS_TEXT else _HELD_PACKETS
            words = _NEVER if code in _NEVER and _is_never(rules, due_at, latest_at, own) else held_words
            found[code, str(words[code]) % {"at": in_zone(due_at, own)}].append(item.label)
    return [
        {"code": code, "message": _named(words, names if len(names) < len(places) else ())}
        for (code, words), names in found.items()
    ]


def _is_never(rules: SendRules, due_at: datetime, latest_at: datetime | None, zone: str) -> bool:
    """Whether what is held at its time is held until after its latest moment."""
    if latest_at is None:
        return False
    free = rules.free_from(due_at.astimezone(ZoneInfo(zone)))
    return free is None or free > latest_at


def _named(words: str, names: Sequence[str]) -> str:
    if not names:
        return words
    shown = pgettext("between names", ", ").join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
    return _("%(names)s: %(why)s") % {"names": shown, "why": words}
