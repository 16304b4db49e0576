"""What people do with calls: try an address, ask for a call once more; and what is forgotten."""

import uuid
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from community_ops.common import audit
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidTransition
from community_ops.common.nudge import nudge
from messaging.services.webhook_events import body_of
from messaging.webhook_models import CallState, WebhookCall, WebhookSubscription
from messaging.webhook_policies import CALL_TASK, KEPT_FOR, TEST_EVENT

PRUNED_AT_ONCE = 2_000


@transaction.atomic
def send_test(*, subscription: WebhookSubscription, actor: Actor, now: datetime) -> WebhookCall:
    """Queue a call of the event `webhook.test`; the log tells what came of it. Every call makes another one.

    Raises InvalidTransition for a subscription that is off.
    """
    _refuse_off(subscription.pk)
    identity = f"test_{uuid.uuid4().hex}"
    data = {"webhook": subscription.pk}
    call = WebhookCall.objects.create(
        workspace_id=subscription.workspace_id,
        subscription=subscription,
        event=TEST_EVENT,
        webhook_id=identity,
        body=body_of(TEST_EVENT, identity, at=now, workspace_id=subscription.workspace_id, data=data),
        next_try_at=now,
    )
    audit.record(actor=actor, verb="webhook.tested", target=subscription, now=now)
    nudge(CALL_TASK)
    return call


@transaction.atomic
def redeliver(*, call: WebhookCall, actor: Actor, now: datetime) -> None:
    """Make a call once more, or its next try at once; `webhook-id` stays, three days are counted anew.

    Twice is once while it waits. Raises InvalidTransition for a subscription that is off.
    """
    _refuse_off(call.subscription_id)
    rows = WebhookCall.objects.filter(pk=call.pk)
    before, earlier = rows.values_list("state", "attempt_count").get()
    again = {"next_try_at": now, "updated_at": now}
    if before == CallState.PENDING:
        changed = rows.filter(state=before, lease_owner="", next_try_at__gt=now).update(**again)
    else:
        anew = {"state": CallState.PENDING, "first_try_at": None, "done_at": None, "lease_owner": ""}
        anew |= {"lease_until": None}
        changed = rows.filter(state=before, attempt_count=earlier).update(**again, **anew, earlier_count=earlier)
    if changed:
        audit.record(actor=actor, verb="webhook.call_repeated", target=call, now=now, before={"state": before})
    nudge(CALL_TASK)


def prune_calls(*, now: datetime) -> int:
    """Delete calls, with their tries, 30 days after they were written; returns how many calls went.

    What still waits to be made stays, but not where its subscription is off: nobody will ever make it.
    """
    is_over = ~Q(state=CallState.PENDING) | Q(subscription__is_on=False)
    old = WebhookCall.objects.filter(is_over, created_at__lt=now - KEPT_FOR)
    count = 0
    while pks := list(old.order_by("created_at").values_list("pk", flat=True)[:PRUNED_AT_ONCE]):
        count += WebhookCall.objects.filter(pk__in=pks).delete()[1].get("messaging.WebhookCall", 0)
    return count


def _refuse_off(subscription_id: int) -> None:
    live = WebhookSubscription.objects.filter(pk=subscription_id, is_on=True, archived_at__isnull=True)
    if not live.exists():
        raise InvalidTransition(_("This webhook is switched off. Switch it on first."))
