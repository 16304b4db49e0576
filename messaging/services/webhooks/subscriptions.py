"""Subscriptions: made, changed, switched on and off, taken away. Their secrets are shown once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx2
from django.db import transaction
from django.utils.translation import gettext as _

from community_ops.common import audit, net, text
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput, InvalidTransition
from messaging.services.webhook_events import forget_wanted, offered
from messaging.services.webhooks.keys import first_secret, make_key, with_new_key
from messaging.webhook_models import CallState, OffReason, WebhookCall, WebhookSubscription
from messaging.webhook_policies import EVERYTHING, MOST_SUBSCRIPTIONS


@transaction.atomic
def create_subscription(
    *, workspace_id: int, name: str, url: str, events: Sequence[str], actor: Actor, now: datetime
) -> tuple[WebhookSubscription, str]:
    """Make a subscription; returns it and its signing secret, which nobody is told again.

    Raises InvalidInput naming `name`, `url` or `events`, InvalidTransition where there are twenty already.
    """
    name = text.clean_line(name, field="name", max_length=100)
    url, key = _checked(url), make_key()
    if _live().filter(workspace_id=workspace_id).count() >= MOST_SUBSCRIPTIONS:
        raise InvalidTransition(_("There are %(most)d webhooks already.") % {"most": MOST_SUBSCRIPTIONS})
    secret: Any = first_secret(url, key)  # the field encrypts JSON; its type says text
    subscription = WebhookSubscription.objects.create(
        workspace_id=workspace_id,
        name=name,
        host=_host(url),
        secret=secret,
        events=_known(events),
        created_by=actor.label[:150],
    )
    forget_wanted()
    audit.record(actor=actor, verb="webhook.created", target=subscription, now=now, after=_facts(subscription))
    return subscription, key


@transaction.atomic
def update_subscription(
    *,
    subscription: WebhookSubscription,
    name: str | None = None,
    url: str | None = None,
    events: Sequence[str] | None = None,
    actor: Actor,
    now: datetime,
) -> WebhookSubscription:
    """Change what is given, and return it fresh; what is left out stays. The same again changes nothing.

    Calls that have not arrived yet go to the new address. Raises InvalidInput, InvalidTransition when archived.
    The audit row says whether the address changed, never to which one.
    """
    locked = _locked(subscription)
    before, secret = _facts(locked), _secret(locked)
    locked.name = locked.name if name is None else text.clean_line(name, field="name", max_length=100)
    locked.events = locked.events if events is None else _known(events)
    address = secret["url"] if url is None else _checked(url)
    locked.host = _host(address)
    is_moved = address != secret["url"]
    if _facts(locked) == before and not is_moved:
        return locked
    locked.secret = _stored(secret | {"url": address})
    locked.save(update_fields=["name", "events", "host", "secret", "updated_at"])
    forget_wanted()
    after = _facts(locked) | {"has_new_address": is_moved}
    audit.record(actor=actor, verb="webhook.changed", target=locked, now=now, before=before, after=after)
    return locked


@transaction.atomic
def rotate_secret(*, subscription: WebhookSubscription, actor: Actor, now: datetime) -> str:
    """Give it a new signing secret and return it, this once. The former one signs too for 24 hours.

    Every call makes another one. Raises InvalidTransition when archived.
    """
    locked, key = _locked(subscription), make_key()
    locked.secret = _stored(with_new_key(_secret(locked), key, now=now))
    locked.save(update_fields=["secret", "updated_at"])
    audit.record(actor=actor, verb="webhook.secret_rotated", target=locked, now=now)
    return key


@transaction.atomic
def switch_on(*, subscription: WebhookSubscription, actor: Actor, now: datetime) -> None:
    """Tell it of what happens from now on. Twice is once. Raises InvalidTransition when archived."""
    locked = _locked(subscription)
    if locked.is_on:
        return
    give_up_all(locked.pk, now=now)  # an event that was being written down in the moment it was switched off
    WebhookSubscription.objects.filter(pk=locked.pk).update(
        is_on=True, switched_off_at=None, off_reason="", failing_since=None, updated_at=now
    )
    forget_wanted()
    before = {"reason": locked.off_reason}
    audit.record(actor=actor, verb="webhook.switched_on", target=locked, now=now, before=before)


@transaction.atomic
def switch_off(
    *, subscription: WebhookSubscription, reason: OffReason = OffReason.BY_HAND, actor: Actor, now: datetime
) -> bool:
    """Tell it of nothing any more and give up what has not arrived; False when it was off already."""
    rows = WebhookSubscription.objects.filter(pk=subscription.pk, is_on=True, archived_at__isnull=True)
    if not rows.update(is_on=False, switched_off_at=now, off_reason=reason, updated_at=now):
        return False
    forget_wanted()
    given_up = give_up_all(subscription.pk, now=now)
    after = {"reason": reason.value, "given_up": given_up}
    audit.record(actor=actor, verb="webhook.switched_off", target=subscription, now=now, after=after)
    return True


@transaction.atomic
def archive_subscription(*, subscription: WebhookSubscription, actor: Actor, now: datetime) -> None:
    """Take it away: nothing is called, its log is hidden and ends with its 30 days. Twice is once."""
    switch_off(subscription=subscription, actor=actor, now=now)
    rows = WebhookSubscription.objects.filter(pk=subscription.pk, archived_at__isnull=True)
    if rows.update(archived_at=now, updated_at=now):
        audit.record(actor=actor, verb="webhook.archived", target=subscription, now=now)


def give_up_all(subscription_id: int, *, now: datetime) -> int:
    """Give up everything that has not arrived; a call that runs at this moment may still."""
    waiting = WebhookCall.objects.filter(subscription_id=subscription_id, state=CallState.PENDING)
    return waiting.update(state=CallState.GIVEN_UP, updated_at=now)


def _live() -> Any:
    return WebhookSubscription.objects.filter(archived_at__isnull=True)


def _locked(subscription: WebhookSubscription) -> WebhookSubscription:
    locked: WebhookSubscription | None = _live().select_for_update(no_key=True).filter(pk=subscription.pk).first()
    if locked is None:
        raise InvalidTransition(_("This webhook is archived."))
    return locked


def _secret(subscription: WebhookSubscription) -> dict[str, Any]:
    secret: Any = subscription.secret  # the field decrypts JSON; its type says text
    return dict(secret)


def _stored(secret: dict[str, Any]) -> Any:
    return secret


def _facts(subscription: WebhookSubscription) -> dict[str, Any]:
    return {"name": subscription.name, "host": subscription.host, "events": subscription.events}


def _checked(url: str) -> str:
    """The address in its normal form; names are resolved, and looked at again, before each call."""
    try:
        return net.checked_url(url)
    except net.AddressRefused as refusal:
        raise InvalidInput(str(refusal), field="url") from None


def _host(url: str) -> str:
    return httpx2.URL(url).host[:255]


def _known(events: Sequence[str]) -> list[str]:
    """Each once and in the order of the list; "*" alone says all of them."""
    names = [EVERYTHING, *(one.name for one in offered())]
    if unknown := [one for one in events if one not in names]:
        raise InvalidInput(_("There is no event %(name)s.") % {"name": str(unknown[0])[:80]}, field="events")
    if not events:
        raise InvalidInput(_("Choose at least one event."), field="events")
    return [EVERYTHING] if EVERYTHING in events else [one for one in names if one in events]
