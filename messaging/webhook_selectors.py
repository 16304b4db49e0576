"""Reads of outgoing webhooks. Each takes who asks."""

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.translation import gettext_noop as _

from community_ops.common.actors import Actor
from community_ops.common.tenancy import get_row
from messaging.webhook_models import OffReason, WebhookCall, WebhookSubscription, WebhookTry


def webhooks_visible_to(actor: Actor) -> QuerySet[WebhookSubscription]:
    """Live subscriptions of the actor's workspace without their secrets, oldest first."""
    rows = WebhookSubscription.objects.filter(workspace_id=actor.workspace_id or 0, archived_at__isnull=True)
    return rows.defer("secret").order_by("id")


def get_webhook(actor: Actor, webhook_id: int) -> WebhookSubscription:
    """Raises NotFound, also for another workspace's."""
    return get_row(webhooks_visible_to(actor), webhook_id, _("There is no such webhook."))


def calls_visible_to(actor: Actor) -> QuerySet[WebhookCall]:
    """Calls of live subscriptions with these, oldest first; `last_outcome` and `last_status` of the last try."""
    last = WebhookTry.objects.filter(call=OuterRef("pk")).order_by("-number")
    rows = WebhookCall.objects.filter(workspace_id=actor.workspace_id or 0, subscription__archived_at__isnull=True)
    rows = rows.select_related("subscription").defer("subscription__secret").order_by("id")
    return rows.annotate(
        last_outcome=Subquery(last.values("outcome")[:1]), last_status=Subquery(last.values("http_status")[:1])
    )


def calls_of(actor: Actor, subscription: WebhookSubscription) -> QuerySet[WebhookCall]:
    """The log of one subscription."""
    return calls_visible_to(actor).filter(subscription=subscription)


def get_call(actor: Actor, call_id: int) -> WebhookCall:
    """Raises NotFound, also for another workspace's."""
    return get_row(calls_visible_to(actor), call_id, _("There is no such call."))


def webhooks_switched_off(actor: Actor) -> QuerySet[WebhookSubscription]:
    """Those that were switched off by themselves: nobody may have noticed."""
    return webhooks_visible_to(actor).filter(is_on=False).exclude(off_reason=OffReason.BY_HAND)
