"""Outgoing webhooks in words. Formatting only."""

import json
from collections.abc import Iterable
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from community_ops.common.templatetags.wording import grouped
from messaging.services.webhook_events import offered
from messaging.showing import joined
from messaging.webhook_models import CallState, OffReason, TryOutcome, WebhookCall, WebhookSubscription, WebhookTry
from messaging.webhook_policies import EVERYTHING, TEST_EVENT

WHY_OFF: dict[str, str | Promise] = {
    OffReason.BY_HAND: gettext_lazy("A person switched it off. Nothing is told until it is on again."),
    OffReason.GONE: gettext_lazy("The receiver answered 410, “gone for good”, so it was switched off."),
    OffReason.FAILING: gettext_lazy("Nothing got through for three days, so it was switched off."),
}

# What the numbers of a call are of, by the public name of their field.
_THINGS: dict[str, str | Promise] = {
    "deliveries": gettext_lazy("Message"),
    "announcement": gettext_lazy("Announcement"),
    "endpoint": gettext_lazy("Delivery channel"),
    "task": pgettext_lazy("told of by a webhook", "Card"),
    "run": gettext_lazy("Playbook run"),
    "member": gettext_lazy("Member"),
    "groups": gettext_lazy("Group"),
    "order": gettext_lazy("Order"),
    "sale": gettext_lazy("Flash sale"),
    "community": gettext_lazy("Community"),
}


def subscription_badge(subscription: WebhookSubscription) -> dict[str, str]:
    """Context of components/_badge.html."""
    if not subscription.is_on:
        tone = "neutral" if subscription.off_reason == OffReason.BY_HAND else "bad"
        return {"label": pgettext("webhook", "Off"), "tone": tone, "help": str(WHY_OFF[subscription.off_reason])}
    if subscription.failing_since is not None:
        words = _("The last calls did not get through; they are tried again for three days.")
        return {"label": pgettext("webhook", "Not getting through"), "tone": "warn", "help": words}
    return {"label": pgettext("webhook", "On"), "tone": "good", "help": ""}


def call_badge(call: WebhookCall) -> dict[str, str]:
    """Context of components/_badge.html: what has become of a call."""
    if call.state == CallState.DONE:
        return {"label": pgettext("webhook call", "Taken by the receiver"), "tone": "good"}
    if call.state == CallState.GIVEN_UP:
        return {"label": pgettext("webhook call", "Given up"), "tone": "bad"}
    if call.attempt_count > call.earlier_count and not call.lease_owner:
        return {"label": pgettext("webhook call", "Retrying"), "tone": "warn"}
    return {"label": pgettext("webhook call", "On its way"), "tone": "info"}


def try_words(outcome: str | None, http_status: int | None) -> str:
    """How a try ended, in one sentence; nothing before there was one."""
    if outcome is None:
        return ""
    if outcome == TryOutcome.REFUSED:
        return _("The receiver answered %(status)s instead of 2xx.") % {"status": http_status}
    if outcome == TryOutcome.DONE:
        return _("The receiver answered %(status)s.") % {"status": http_status}
    return str(TryOutcome(outcome).label)


def event_words(name: str) -> str:
    """When an event happens, as its app says it; an event that is offered no more is shown as it is called."""
    if name == TEST_EVENT:
        return _("Test")
    return next((str(one.label) for one in offered() if one.name == name), name)


def things_told(call: WebhookCall) -> tuple[str, list[int]]:
    """What a call tells of: the public name of its first field of numbers, e.g. "deliveries", and these; a test tells
    of nothing."""
    for name, value in json.loads(call.body).get("data", {}).items():
        ids = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, int)]
        if ids:
            return name, ids
    return "", []


def about_words(call: WebhookCall) -> str:
    """Which thing a call tells of, e.g. "Message #14 and 2 others"; nothing for what has no name here."""
    name, ids = things_told(call)
    if name not in _THINGS:
        return ""
    words = _("%(thing)s #%(id)d") % {"thing": _THINGS[name], "id": ids[0]}
    return joined(words, _("and %(count)s others") % {"count": grouped(len(ids) - 1)}) if len(ids) > 1 else words


def events_words(names: Iterable[str]) -> str:
    """What a subscription hears of, in a few words."""
    chosen = list(names)
    if EVERYTHING in chosen:
        return _("All events")
    if len(chosen) == 1:
        return event_words(chosen[0])
    return ngettext("%(count)d event", "%(count)d events", len(chosen)) % {"count": len(chosen)}


def story(tries: Iterable[WebhookTry]) -> list[dict[str, Any]]:
    """Items of components/_timeline.html, newest first."""
    return [
        {
            "at": one.at,
            "title": try_words(one.outcome, one.http_status),
            "text": _("Try %(number)d, %(ms)d ms") % {"number": one.number, "ms": one.latency_ms},
            "tone": "good" if one.outcome == TryOutcome.DONE else "bad",
        }
        for one in tries
    ]
