"""Deliveries in words: why a row is in its state, and what happened, call by call. Formatting only."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.utils.dateformat import format as write_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from community_ops.common.actors import ActorKind
from community_ops.common.models import AuditEntry
from community_ops.common.templatetags.reason_words import IN_DOUBT, reason_words
from community_ops.common.templatetags.state_words import StateWords, words_of
from community_ops.common.templatetags.wording import MISSING, duration, in_zone
from messaging.answer_wording import answer_words, attempt_answer
from messaging.evidence_wording import accepted_words
from messaging.models import (
    Attempt,
    AttemptOutcome,
    Delivery,
    DeliveryState,
    FrequencyCap,
    Holiday,
    Platform,
    QuietHours,
)
from messaging.part_wording import out_of_words, part_words
from messaging.platforms.base import Capabilities, Outcome, Scope
from messaging.policies import MORE_PARTS, PARKED, PARTLY_SENT, READ_BY_REASON, UNSENT, reason_read
from messaging.showing import joined
from messaging.task_policies import LEFT_OUT, TAKEN_BACK

if TYPE_CHECKING:
    from messaging.services.limits import LimitUse

BY_PERSON = "cancelled_by_person"
NOT_SENT = "not_sent"  # reason of one that a person looked for in the group
IN_LINE = "limit"  # as `services.limits.IN_LINE`


def badge_state(delivery: Delivery, *, now: datetime) -> str:
    """The state whose words people read.

    `paused`, `due`, `retrying`, `parked`, `partly_sent`, `left_out` and a send rule's code are not stored.

    `messaging.selectors.read_as` says the same in SQL.
    """
    if delivery.state == DeliveryState.PLANNED and delivery.reason == "paused":
        return "paused"
    if delivery.state == DeliveryState.PLANNED and delivery.due_at <= now:
        return "retrying" if delivery.reason == "retrying" else "due"
    if delivery.parts_sent and delivery.state in UNSENT:
        return PARTLY_SENT
    return _end_read(delivery)


def _end_read(delivery: Delivery) -> str:
    """`badge_state` of one that ended, whatever of it is out."""
    if delivery.state == DeliveryState.FAILED and delivery.reason in PARKED:
        return "parked"
    if delivery.state == DeliveryState.CANCELLED and delivery.reason in READ_BY_REASON:
        return delivery.reason
    return delivery.state


def badge_words(delivery: Delivery, *, now: datetime) -> StateWords:
    """The badge of one delivery. One that ended midway says both, how it ended and how much of it is out; one that was
    accepted says what that rests on."""
    state = badge_state(delivery, now=now)
    words = words_of("delivery", state)
    if state == DeliveryState.ACCEPTED:
        return replace(words, help=accepted_words(delivery))
    if state != PARTLY_SENT:
        return words
    return replace(words, label=out_of_words(delivery, str(words_of("delivery", _end_read(delivery)).label)))


def state_sentence(
    delivery: Delivery,
    *,
    zone: str,
    tries_in_vain: int = 0,
    person: str = "",
    said: "SaidByHand | None" = None,
    parts: str = "",
) -> str:
    """What is known about this delivery, in a few sentences. Source of the wording: docs/glossary.md.

    `tries_in_vain`: of a cancelled one (`messaging.selectors.tries_in_vain`). `person`: who has one that waits to be
    sent by hand (`messaging.selectors.who_has`). `said`: of one that ended there (`messaging.selectors.said_by_hand`).
    `parts`: of one in several parts (`messaging.selectors.parts_said`).
    """
    if said is not None:
        return joined(said_words(said), parts)
    if delivery.state == DeliveryState.WAITING and person:
        return joined(by_hand_words(person), parts)
    if delivery.state == DeliveryState.ACCEPTED:
        return accepted_words(delivery, at=_to_the_second(delivery.accepted_at, zone))
    if delivery.state == DeliveryState.UNKNOWN:
        asked = _(
            "It may have been sent or not. Please look into the group: “Sent” if it is there; “Not sent” if it is not, "
            "then it stays unsent; “Send again” sends it once more."
        )
        if delivery.reason.startswith(IN_DOUBT):
            asked = joined(joined(reason_words(delivery.reason), _answer_in_doubt(delivery)), asked)
        return joined(asked, parts)
    why = joined(_why(delivery, zone) if delivery.reason != MORE_PARTS or not parts else "", parts)
    if tries_in_vain:
        why = joined(why, _tried_in_vain(tries_in_vain))
    return joined(why, last_answer(delivery))


def _answer_in_doubt(delivery: Delivery) -> str:
    """What the last try was answered, where it was that which ended it."""
    is_by_answer = delivery.reason.startswith(f"{IN_DOUBT}{DeliveryState.FAILED}:")
    return answer_words(delivery.platform_code, delivery.platform_text) if is_by_answer else ""


@dataclass(frozen=True, slots=True)
class SaidByHand:
    """A tick on the to-send list, or that it was left out there and why. `name`: whose word it is, where known."""

    is_sent: bool
    name: str = ""
    note: str = ""
    at: str = ""
    after_latest: str = ""  # the latest moment that was over when she ticked it
    called_off: str = ""  # code of why it had been called off when she said that it was posted


def said_words(said: SaidByHand) -> str:
    """What is known of a message that ended on the to-send list."""
    if said.is_sent and said.called_off:
        then = _("But %(name)s said at %(at)s that it had been posted already.") % {"name": said.name, "at": said.at}
        if not said.name:
            then = _("But it was said at %(at)s that it had been posted already.") % {"at": said.at}
        return joined(reason_words(said.called_off), then)
    if said.is_sent:
        words = _("%(name)s ticked it as sent.") % {"name": said.name} if said.name else _("It was ticked as sent.")
        after = _("That was after its latest moment, %(at)s.") % {"at": said.after_latest}
        return joined(words, after) if said.after_latest else words
    if said.name:
        return _("%(name)s did not send it: %(reason)s") % {"name": said.name, "reason": said.note}
    return _("It was not sent: %(reason)s") % {"reason": said.note}


def carrier_words(delivery: Delivery, *, person: str = "", said: SaidByHand | None = None) -> str:
    """Which channel carries it, or which colleague; nothing where there is neither. Arguments as `state_sentence`."""
    if delivery.endpoint is None:
        return ""
    is_by_hand = delivery.endpoint.connection.platform == Platform.ASSISTED
    name = (person or (said.name if said else "") if is_by_hand else "") or delivery.endpoint.name
    label = _("Sent by hand") if is_by_hand else _("Delivery channel")
    return _("%(field)s: %(problem)s") % {"field": label, "problem": name}


def doubt_in_short(delivery: Delivery) -> str:
    """Why nobody knows whether it arrived, where `state_sentence` does not say so: the answer, else our finding."""
    if delivery.state != DeliveryState.UNKNOWN or delivery.reason.startswith(IN_DOUBT):
        return ""
    return answer_words(delivery.platform_code, delivery.platform_text) or reason_words(delivery.reason)


def by_hand_words(person: str) -> str:
    """Where a delivery is that waits to be sent by hand."""
    return _("%(name)s has to send it by hand: it is on the to-send list.") % {"name": person}


def _tried_in_vain(count: int) -> str:
    words = ngettext(
        "It was tried %(count)d time before, without success.",
        "It was tried %(count)d times before, without success.",
        count,
    )
    return words % {"count": count}


def _why(delivery: Delivery, zone: str) -> str:
    if delivery.state == DeliveryState.EXPIRED and delivery.reason == "too_late" and delivery.latest_at:
        at = _to_the_second(delivery.latest_at, zone)
        return _("The latest moment, %(at)s, had passed, so it was not sent afterwards.") % {"at": at}
    if delivery.state == DeliveryState.PLANNED and delivery.reason == "retrying":
        return next_try_words(delivery.next_try_at, zone)
    if delivery.state == DeliveryState.PLANNED and delivery.reason == IN_LINE:
        return turn_words(delivery.next_try_at, zone)
    if delivery.reason == "paused" and delivery.latest_at:
        latest = _("After %(at)s it is not sent any more.") % {"at": in_zone(delivery.latest_at, zone)}
        return joined(reason_words(delivery.reason), latest)
    if not delivery.reason:
        return ""
    return reason_words(reason_read(delivery.state, delivery.reason, has_channel=delivery.endpoint_id is not None))


def next_try_words(at: datetime | None, zone: str) -> str:
    """What people read about a delivery that is being retried."""
    at_second = {"at": _to_the_second(at, zone)}
    return _("The last try did not work. The next one is at %(at)s.") % at_second


def turn_words(at: datetime | None, zone: str) -> str:
    """What people read about a delivery that waits in line, with the time of its turn where it is known."""
    if at is None:
        return reason_words(IN_LINE)
    return joined(reason_words(IN_LINE), _("About %(time)s.") % {"time": in_zone(at, zone)})


def last_answer(delivery: Delivery) -> str:
    """What the last try was answered, where that says why it has not gone out; else nothing.

    A person who looked into the group knows more than the try did.
    """
    told_states = (DeliveryState.PLANNED, DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.CANCELLED)
    if delivery.state not in told_states or delivery.reason == NOT_SENT:
        return ""
    return answer_words(delivery.platform_code, delivery.platform_text)


def _to_the_second(moment: datetime | None, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%H:%M:%S}" if moment else MISSING


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that happened, for `components/_timeline.html`."""

    at: datetime
    title: str
    text: str = ""
    tone: str = "neutral"
    actor: str = ""


def story(delivery: Delivery, attempts: Iterable[Attempt], decisions: Iterable[AuditEntry], *, zone: str) -> list[Told]:
    """Everything that happened to a delivery, newest first.

    `decisions`: about it, and about what it belongs to while it waited (`messaging.record_holds`).
    """
    gave_up = delivery.state == DeliveryState.FAILED  # cancelled or too late, the last try was not known to be it
    last = delivery.attempt_count if gave_up else 0
    told = [Told(delivery.created_at, _("Planned"))]
    of_part: Counter[int] = Counter()
    for attempt in attempts:
        of_part[attempt.part] += 1
        told.append(_attempt(attempt, of_part[attempt.part], is_last=attempt.number == last, zone=zone))
    told += [_decision(entry) for entry in decisions]
    is_told = delivery.reason in (BY_PERSON, LEFT_OUT, TAKEN_BACK)  # by the decision's own entry
    if delivery.state in (DeliveryState.CANCELLED, DeliveryState.EXPIRED) and not is_told:
        title = str(badge_words(delivery, now=delivery.updated_at).label)
        why = [_to_the_second(delivery.updated_at, zone), reason_words(delivery.reason)]
        told.append(Told(delivery.updated_at, title, " · ".join(filter(None, why)), "bad"))
    if delivery.state == DeliveryState.UNKNOWN and delivery.reason.startswith(IN_DOUBT):
        why = [_to_the_second(delivery.updated_at, zone), reason_words(delivery.reason)]
        told.append(Told(delivery.updated_at, str(words_of("delivery", delivery.state).label), " · ".join(why), "warn"))
    return sorted(told, key=lambda item: item.at, reverse=True)


def tries_words(delivery: Delivery, attempts: Iterable[Attempt]) -> str:
    """How often it was tried; of one in several parts, how often each that was tried more than once."""
    labels: dict[int, str] = {}
    counts: Counter[int] = Counter()
    for attempt in attempts:
        counts[attempt.part] += 1
        labels[attempt.part] = part_words(attempt.part, max(attempt.part_count, delivery.part_count))
    if delivery.part_count < 2:
        return str(delivery.attempt_count or "")
    pattern = _("%(field)s: %(problem)s")
    again = [pattern % {"field": labels[part], "problem": count} for part, count in sorted(counts.items()) if count > 1]
    return " · ".join(again)


def _attempt(attempt: Attempt, number: int, *, is_last: bool, zone: str) -> Told:
    """`number`: which try of its part it was."""
    title, tone = {
        AttemptOutcome.ACCEPTED: (_("Try %(number)d: the platform accepted it"), "good"),
        AttemptOutcome.RETRY: (_("Try %(number)d: not possible at that moment"), "warn"),
        AttemptOutcome.REFUSED: (_("Try %(number)d: the platform refused it"), "bad"),
        AttemptOutcome.IN_DOUBT: (_("Try %(number)d: whether it arrived is not known"), "warn"),
        AttemptOutcome.LOST: (_("Try %(number)d: the program ended before the answer was written down"), "warn"),
        AttemptOutcome.NOT_CALLED: (_("Try %(number)d: our own check failed, nothing was sent"), "bad"),
    }[AttemptOutcome(attempt.outcome)]
    if is_last and attempt.outcome == AttemptOutcome.RETRY:
        title, tone = _("Try %(number)d: not possible at that moment; it was the last one, nothing follows"), "bad"
    which = part_words(attempt.part, attempt.part_count)
    title = " · ".join(filter(None, (which, title % {"number": number})))
    return Told(attempt.started_at, title, _said(attempt, zone), tone)


def _said(attempt: Attempt, zone: str) -> str:
    parts = [*filter(None, (_to_the_second(attempt.started_at, zone), *attempt_answer(attempt)))]
    return " · ".join(parts)


def _decision(entry: AuditEntry) -> Told:
    who = "" if entry.actor_kind == ActorKind.SYSTEM else entry.actor_label
    title = {
        "delivery.sent": _("Checked: it was sent"),
        "delivery.not_sent": _("Checked: it was not sent"),
        "delivery.again": _("Queued to be sent again"),
        "delivery.decision_undone": _("Undone: it is to be checked again"),
        "delivery.requeued": _("Queued to be sent again"),
        "delivery.tried_now": _("Tried at once instead of later"),
        "delivery.cancelled": _("Cancelled"),
        "announcement.paused": _("Sending was paused"),
        "announcement.resumed": _("Sending went on"),
        "run.paused": _("Sending was paused"),
        "run.resumed": _("Sending went on"),
        "delivery.handed_over": _("Handed to %(name)s"),
        "delivery.handed_on": _("Handed on from %(giver)s to %(name)s"),
        "delivery.done_by_hand": _("%(name)s confirmed: sent"),
        "delivery.done_after_by_hand": _("%(name)s says: it had been posted already when it was called off"),
        "delivery.undone_by_hand": _("Undone: not sent yet"),
        "delivery.left_out": pgettext("task", "Left out"),
        "delivery.left_out_undone": _("Undone: it is to be sent after all"),
        "delivery.taken_back": _("Withdrawn from the to-send list"),
    }.get(entry.verb, entry.verb)
    after = entry.after if isinstance(entry.after, dict) else {}
    names = {"name": after.get("name", MISSING), "giver": after.get("giver", MISSING)}
    part = part_words(after.get("part", 1), after.get("part_count", 1))
    text = " · ".join(filter(None, (part, entry.reason)))
    return Told(entry.at, title % names if "%(name)s" in title else title, text, "info", who)


def limit_words(use: "LimitUse", source: Capabilities) -> dict[str, Any]:
    """One limit, how much of it is used now, e.g. "14 of 20 used in this minute", and where the figure comes from."""
    facts = {"count": use.limit.count, "time": duration(use.limit.seconds)}
    pattern = {
        Scope.CONNECTION: _("At most %(count)d within %(time)s, for this account"),
        Scope.ENDPOINT: _("At most %(count)d within %(time)s, for this channel"),
        Scope.WORKSPACE: _("At most %(count)d within %(time)s, for the whole team"),
    }[use.limit.scope]
    return {
        "rule": pattern % facts,
        "used": used_words(use),
        "scope": use.limit.scope.value,
        "seconds": use.limit.seconds,
        "is_own": use.is_own,
        "warning": _above_platform(use) if use.is_above_platform else "",
        "why": (use.note or _("Chosen by the team")) if use.is_own else _the_platforms_own(source),
    }


def used_words(use: "LimitUse") -> str:
    """How much of a limit is used now: "14 of 20 used in this minute"."""
    pattern = {
        1: _("%(used)d of %(count)d used in this second"),
        60: _("%(used)d of %(count)d used in this minute"),
        3600: _("%(used)d of %(count)d used in this hour"),
        86_400: _("%(used)d of %(count)d used in the last 24 hours"),
    }.get(use.limit.seconds, _("%(used)d of %(count)d used in the last %(time)s"))
    return pattern % {"used": use.used_count, "count": use.limit.count, "time": duration(use.limit.seconds)}


def cooldown_words(until: datetime | None, *, zone: str) -> str:
    """That a platform said "too fast"; nothing while none did."""
    if until is None:
        return ""
    return _("The platform asked to wait: nothing goes out here before %(at)s.") % {"at": _to_the_second(until, zone)}


def rest_words(until: datetime | None = None, *, zone: str = "UTC") -> str:
    """That an account is left alone because of its key, and until when where that is known."""
    words = _("The platform refused the key of this account several times in a row. Enter a new one: then it goes on.")
    if until is None:
        return words
    return joined(words, _("Else it is tried again at %(at)s.") % {"at": _to_the_second(until, zone)})


def _above_platform(use: "LimitUse") -> str:
    facts = {"count": use.platform_count, "time": duration(use.limit.seconds)}
    return (
        _("Higher than the platform's own limit of %(count)d within %(time)s: it may refuse what goes beyond that.")
        % facts
    )


def _the_platforms_own(source: Capabilities) -> str:
    day = source.checked_on.isoformat() if source.checked_on else MISSING
    return _("The platform's own limit, checked on %(day)s") % {"day": day}


def outcome_of_test(outcome: str, code: str, text: str) -> tuple[str, str]:
    """What came of a test message, with its tone."""
    said = {
        Outcome.ACCEPTED: (_("The platform accepted the test message."), "good"),
        Outcome.REFUSED: (_("The platform refused the test message."), "bad"),
        Outcome.RETRY: (_("The test message could not be sent at this moment."), "bad"),
        Outcome.IN_DOUBT: (_("Tried; whether it arrived is not known."), "warn"),
    }[Outcome(outcome)]
    return joined(said[0], answer_words(code, text)), said[1]


def rule_words(rule: QuietHours | Holiday | FrequencyCap) -> dict[str, str]:
    """What a send rule says, and on which days."""
    return {"what": _rule_says(rule), "when": _rule_span(rule)}


def _rule_says(rule: QuietHours | Holiday | FrequencyCap) -> str:
    if isinstance(rule, QuietHours):
        return f"{rule.begins:%H:%M} – {rule.ends:%H:%M}"
    if isinstance(rule, Holiday):
        return rule.name
    what = rule.get_purpose_display() if rule.purpose else _("All together")
    pattern = ngettext("%(what)s: at most %(count)d a day", "%(what)s: at most %(count)d in %(days)d days", rule.days)
    return pattern % {"what": what, "count": rule.count, "days": rule.days}


def _rule_span(rule: QuietHours | Holiday | FrequencyCap) -> str:
    first = _day(rule.from_on)
    if rule.until_on is None:
        return _("from %(first)s on") % {"first": first}
    return first if rule.until_on == rule.from_on else f"{first} – {_day(rule.until_on)}"


def _day(day: date) -> str:
    return write_date(day, pgettext("date format", "j M Y"))
