"""Messaging in the admin: for looking, and for repair by the same services as every other face."""

from collections.abc import Iterable

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from community_ops.accounts.pages import admin_actor
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.admin import ReadOnlyAdmin, workspace_ids
from community_ops.common.errors import DomainError
from messaging import services
from messaging.models import Attempt, Connection, Delivery, Endpoint, InboundEvent, SandboxPost


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    list_display = ("name", "platform", "workspace", "created_at")
    list_filter = ("platform",)
    list_select_related = ("workspace",)
    search_fields = ("name",)
    exclude = ("secret",)


@admin.register(Endpoint)
class EndpointAdmin(ReadOnlyAdmin):
    list_display = ("name", "connection", "kind", "drops_repeats", "archived_at")
    list_filter = ("kind", "connection__platform")
    list_select_related = ("connection",)
    search_fields = ("name",)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("id", "target_label", "endpoint", "state", "reason", "due_at", "attempt_count", "platform_code")
    list_filter = ("state", "reason", "origin")
    list_select_related = ("endpoint",)
    search_fields = ("source_key", "target_label", "platform_code")
    actions = ("requeue", "mark_sent", "mark_not_sent", "send_again")

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "deliveries.decide")

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "jobs.repair")

    def _may(self, request: HttpRequest, action: str) -> bool:
        actors = (admin_actor(request, workspace_id=workspace_id) for workspace_id in workspace_ids(request))
        return any(may(actor, action) for actor in actors)

    @admin.action(description="Queue failed deliveries again", permissions=["requeue"])
    def requeue(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        count = 0
        for delivery in queryset:
            actor = admin_actor(request, workspace_id=delivery.workspace_id)
            if may(actor, "jobs.repair"):
                count += services.requeue_all_failed(deliveries=[delivery], actor=actor, now=clock.now())
        self.message_user(request, f"{count} queued again")

    @admin.action(description="In doubt: it was sent", permissions=["decide"])
    def mark_sent(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self._decide(request, queryset, "sent")

    @admin.action(description="In doubt: it was not sent", permissions=["decide"])
    def mark_not_sent(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self._decide(request, queryset, "not_sent")

    @admin.action(description="In doubt: send it again", permissions=["decide"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self._decide(request, queryset, "again")

    def _decide(self, request: HttpRequest, deliveries: Iterable[Delivery], verdict: services.Verdict) -> None:
        count = 0
        for delivery in deliveries:
            actor = admin_actor(request, workspace_id=delivery.workspace_id)
            try:
                if may(actor, "deliveries.decide"):
                    services.decide_unknown(delivery=delivery, verdict=verdict, actor=actor, now=clock.now())
                    count += 1
            except DomainError as refusal:
                self.message_user(request, f"{delivery.pk}: {refusal.message}", level="warning")
        self.message_user(request, f"{count} settled")


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ("delivery", "number", "started_at", "latency_ms", "outcome", "http_status", "platform_code")
    list_filter = ("outcome", "platform_code")
    list_select_related = ("delivery",)


@admin.register(SandboxPost)
class SandboxPostAdmin(ReadOnlyAdmin):
    list_display = ("at", "endpoint", "text")
    list_select_related = ("endpoint",)


@admin.register(InboundEvent)
class InboundEventAdmin(ReadOnlyAdmin):
    list_display = ("occurred_at", "kind", "source", "target_kind", "target_id", "author_external_id")
    list_filter = ("kind", "source")
    search_fields = ("external_id", "author_external_id")
