"""Outgoing webhooks in the admin: for looking, and for making a call once more."""

from datetime import datetime
from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from community_ops.accounts.repairing import RepairAdmin
from community_ops.common.actors import Actor
from community_ops.common.admin import ReadOnlyAdmin
from messaging.services import webhooks
from messaging.webhook_models import WebhookCall, WebhookSubscription, WebhookTry


@admin.register(WebhookSubscription)
class WebhookSubscriptionAdmin(ReadOnlyAdmin):
    view_action = "webhooks.view"
    list_display = ("name", "host", "is_on", "off_reason", "failing_since", "archived_at", "workspace")
    list_filter = ("is_on", "off_reason")
    list_select_related = ("workspace",)
    search_fields = ("name", "host")
    exclude = ("secret",)


@admin.register(WebhookCall)
class WebhookCallAdmin(RepairAdmin):
    view_action = "webhooks.view"
    list_display = ("id", "event", "subscription", "state", "attempt_count", "next_try_at", "done_at")
    list_filter = ("state", "event")
    list_select_related = ("subscription",)
    search_fields = ("webhook_id",)
    actions = ("redeliver",)
    rights: ClassVar[dict[str, str]] = {"redeliver": "webhooks.manage"}

    @admin.action(description=_("Make the call once more"))
    def redeliver(self, request: HttpRequest, queryset: QuerySet[WebhookCall]) -> None:
        def change(call: WebhookCall, actor: Actor, now: datetime) -> None:
            webhooks.redeliver(call=call, actor=actor, now=now)

        self.repair(request, queryset, "redeliver", change)


@admin.register(WebhookTry)
class WebhookTryAdmin(ReadOnlyAdmin):
    view_action = "webhooks.view"
    list_display = ("call", "number", "at", "latency_ms", "outcome", "http_status")
    list_filter = ("outcome",)
    list_select_related = ("call",)
