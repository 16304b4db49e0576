"""What a send rule does to messages that are planned or wait on cards: said to whoever made it, and before it is taken
away. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from community_ops.common.templatetags.wording import grouped
from community_ops.common.warned import Warned
from messaging.models import Delivery, DeliveryState, FrequencyCap, Holiday, QuietHours
from messaging.policies import SendRules
from messaging.services.planning import PlannedSend
from messaging.services.send_rules import TO_COME, rules_of, would_be_held

AHEAD = timedelta(days=7)
MOST_ROWS = 5_000
HOLDS_PLANNED, HOLDS_CARDS = "holds_planned", "holds_cards"
_IN_LINE = ("limit", "key_refused", "retrying")  # reasons of rows whose next try says when they go out


@dataclass(frozen=True, slots=True)
class NewlyHeld:
    """How many messages of the next days a rule holds back that no other rule does.

    `card_count`: besides, how many that wait for a person on a card, made by hand or handed over, cannot be copied at
    their time, or now where that is past; nothing is cancelled then. `is_cut`: there is more than was looked at.
    """

    count: int
    card_count: int
    is_cut: bool


def newly_held(*, rule: QuietHours | Holiday | FrequencyCap, now: datetime) -> NewlyHeld:
    """Judge what is due within `AHEAD` with and without a live rule. At most seven queries."""
    rules = rules_of(rule.workspace_id)
    rows, is_cut = _to_come(rule.workspace_id, now)
    sends = [_send_of(row, now) for row in rows]
    keys = [
        {held.send.source_key for held in would_be_held(workspace_id=rule.workspace_id, sends=sends, rules=some)}
        for some in (rules, _without(rules, rule))
    ]
    held = [row.state for row in rows if row.source_key in keys[0] - keys[1]]
    return NewlyHeld(held.count(DeliveryState.PLANNED), held.count(DeliveryState.WAITING), is_cut)


def rule_warnings(*, rule: QuietHours | Holiday | FrequencyCap, now: datetime) -> list[Warned]:
    """Warnings of a rule: `holds_planned` where it holds back what is planned already, `holds_cards` where it lets
    nobody copy what waits on a card."""
    found = newly_held(rule=rule, now=now)
    planned = [_planned_warning(found)] if found.count else []
    return [*planned, _cards_warning(found)] if found.card_count else planned


def rule_words_now(*, rule: QuietHours | Holiday | FrequencyCap, now: datetime) -> str:
    """What a rule holds back at present, of what is planned and on cards, also where that is nothing."""
    words = " ".join(warning["message"] for warning in rule_warnings(rule=rule, now=now))
    return words or _("It holds back nothing of what is planned for the next %(days)d days.") % {"days": AHEAD.days}


def _planned_warning(found: NewlyHeld) -> Warned:
    words = ngettext(
        "This rule holds back %(count)s message that is planned already for the next %(days)d days.",
        "This rule holds back %(count)s messages that are planned already for the next %(days)d days.",
        found.count,
    )
    if found.is_cut:
        words = _(
            "This rule holds back at least %(count)s messages that are planned already for the next %(days)d days:"
            " so much is planned that not all of it was counted."
        )
    return {"code": HOLDS_PLANNED, "message": words % {"count": grouped(found.count), "days": AHEAD.days}}


def _cards_warning(found: NewlyHeld) -> Warned:
    words = ngettext(
        "On cards of the next %(days)d days this rule lets nobody copy the text for %(count)s group at its time.",
        "On cards of the next %(days)d days this rule lets nobody copy the text for %(count)s groups at their time.",
        found.card_count,
    )
    return {"code": HOLDS_CARDS, "message": words % {"count": grouped(found.card_count), "days": AHEAD.days}}


def _to_come(workspace_id: int, now: datetime) -> tuple[Sequence[Delivery], bool]:
    """The first of what is due within `AHEAD`, what waits in line or on a card included; what has begun goes out in any
    case."""
    rows = Delivery.objects.of(workspace_id).filter(state__in=TO_COME, parts_sent=0, due_at__lt=now + AHEAD)
    found = list(rows.defer("sent_text").order_by("due_at", "pk")[: MOST_ROWS + 1])
    return found[:MOST_ROWS], len(found) > MOST_ROWS


def _send_of(row: Delivery, now: datetime) -> PlannedSend:
    """What the rules look at, at the moment it is to go out."""
    at = max(row.due_at, now)
    return PlannedSend(
        source_key=row.source_key,
        endpoint_id=None,
        text="",
        due_at=max(at, row.next_try_at) if row.reason in _IN_LINE else at,
        origin=row.origin,
        origin_id=row.origin_id,
        target_kind=row.target_kind,
        target_id=row.target_id,
        purpose=row.purpose,
        zone=row.zone,
        exemption=row.exemption,
    )


def _without(rules: SendRules, rule: QuietHours | Holiday | FrequencyCap) -> SendRules:
    """The rules but this one: they stand in the order of their ids (`rules_of`)."""
    name = {QuietHours: "quiet", Holiday: "holidays", FrequencyCap: "caps"}[type(rule)]
    live = type(rule)._default_manager.filter(workspace_id=rule.workspace_id, archived_at__isnull=True)
    place, known = live.filter(pk__lt=rule.pk).count(), getattr(rules, name)
    return replace(rules, **{name: (*known[:place], *known[place + 1 :])})
