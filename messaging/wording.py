"""Deliveries in words: why a row is in its state, and what happened, call by call. Formatting only."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from community_ops.common.models import AuditEntry
from community_ops.common.templatetags.reason_words import reason_words
from community_ops.common.templatetags.wording import MISSING, duration, time_in_zone
from messaging.models import Attempt, AttemptOutcome, Delivery, DeliveryState

# Codes an adapter reports when the platform itself said nothing.
FINDINGS: dict[str, str | Promise] = {
    "not_sent": gettext_lazy("The other side could not be reached; nothing was sent."),
    "no_answer": gettext_lazy("The connection broke off before an answer came."),
    "address_refused": gettext_lazy("The address may not be called: it is not public."),
    "unreadable": gettext_lazy("The answer could not be read."),
    "check_failed": gettext_lazy("Our own check failed; nothing was sent."),
    "adapter_error": gettext_lazy("Our program failed while sending."),
}


def badge_state(delivery: Delivery, *, now: datetime) -> str:
    """The state whose words people read: `due` and `parked` are not stored."""
    if delivery.state == DeliveryState.PLANNED and delivery.due_at <= now:
        return "due"
    if delivery.state == DeliveryState.FAILED and delivery.reason == "gave_up":
        return "parked"
    return delivery.state


def state_sentence(delivery: Delivery, *, zone: str) -> str:
    """What is known about this delivery, in one or two sentences. Source of the wording: docs/glossary.md."""
    if delivery.state == DeliveryState.ACCEPTED:
        at = _to_the_second(delivery.accepted_at, zone)
        return _("The platform answered success (%(at)s). Whether the group shows it is up to the platform.") % {
            "at": at
        }
    if delivery.state == DeliveryState.UNKNOWN:
        return _("It may have been sent or not. Please look into the group, then tap “Sent” or “Not sent”.")
    if delivery.state == DeliveryState.EXPIRED and delivery.latest_at:
        at = time_in_zone(delivery.latest_at, zone)
        return _("The latest moment, %(at)s, had passed, so it was not sent afterwards.") % {"at": at}
    if delivery.state == DeliveryState.PLANNED and delivery.reason == "retrying":
        at = time_in_zone(delivery.next_try_at, zone)
        return _("The last try did not work. The next one is at %(at)s.") % {"at": at}
    return reason_words(delivery.reason) if delivery.reason else ""


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


def story(delivery: Delivery, attempts: Iterable[Attempt], decisions: Iterable[AuditEntry]) -> list[Told]:
    """Everything that happened to a delivery, newest first."""
    told = [Told(delivery.created_at, _("Planned"))]
    told += [_attempt(attempt) for attempt in attempts]
    told += [_decision(entry) for entry in decisions]
    if delivery.state in (DeliveryState.CANCELLED, DeliveryState.EXPIRED):
        title = _("Cancelled") if delivery.state == DeliveryState.CANCELLED else _("Too late, not sent")
        told.append(Told(delivery.updated_at, title, reason_words(delivery.reason), "bad"))
    return sorted(told, key=lambda item: item.at, reverse=True)


def _attempt(attempt: Attempt) -> Told:
    title, tone = {
        AttemptOutcome.ACCEPTED: (_("Try %(number)d: the platform accepted it"), "good"),
        AttemptOutcome.RETRY: (_("Try %(number)d: not possible at that moment"), "warn"),
        AttemptOutcome.REFUSED: (_("Try %(number)d: the platform refused it"), "bad"),
        AttemptOutcome.IN_DOUBT: (_("Try %(number)d: it went out, no clear answer came back"), "warn"),
        AttemptOutcome.LOST: (_("Try %(number)d: the program ended before the answer was written down"), "warn"),
        AttemptOutcome.NOT_CALLED: (_("Try %(number)d: our own check failed, nothing was sent"), "bad"),
    }[AttemptOutcome(attempt.outcome)]
    return Told(attempt.started_at, title % {"number": attempt.number}, _said(attempt), tone)


def answer_words(code: str, text: str) -> str:
    """What the platform answered, or, where there was no answer, our own finding in words."""
    if code in FINDINGS:
        return str(FINDINGS[code])
    answer = f"{code} {text}".strip() if text != f"HTTP {code}" else text
    return _("The platform said: %(answer)s") % {"answer": answer} if answer else ""


def _said(attempt: Attempt) -> str:
    parts = [words] if (words := answer_words(attempt.platform_code, attempt.platform_text)) else []
    if attempt.latency_ms >= 1000:
        parts.append(_("took %(time)s") % {"time": duration(attempt.latency_ms / 1000)})
    elif attempt.latency_ms:
        parts.append(_("took %(count)d ms") % {"count": attempt.latency_ms})
    return " · ".join(parts)


def _decision(entry: AuditEntry) -> Told:
    title = {
        "delivery.sent": _("Checked: it was sent"),
        "delivery.not_sent": _("Checked: it was not sent"),
        "delivery.again": _("Queued to be sent again"),
        "delivery.requeued": _("Queued to be sent again"),
    }.get(entry.verb, entry.verb)
    return Told(entry.at, title, entry.reason, "info", entry.actor_label)
