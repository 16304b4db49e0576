"""Messaging in the admin: for looking, and for repair by the same services as every other face."""

from datetime import datetime
from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from community_ops.accounts.repairing import RepairAdmin
from community_ops.common import clock
from community_ops.common.actors import Actor
from community_ops.common.admin import ReadOnlyAdmin
from messaging import inbound_admin, services, webhook_admin  # noqa: F401 - register their tables
from messaging.models import (
    Assignee,
    Attempt,
    Connection,
    Delivery,
    Endpoint,
    FoundChat,
    FrequencyCap,
    Holiday,
    HumanTask,
    InboundEvent,
    QuietHours,
    SandboxPost,
    SendBudget,
    SendLimit,
    TaskItem,
)
from messaging.wording import badge_words


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    view_action = "endpoints.view"
    list_display = ("name", "platform", "workspace", "created_at")
    list_filter = ("platform",)
    list_select_related = ("workspace",)
    search_fields = ("name",)
    exclude = ("secret",)


@admin.register(Endpoint)
class EndpointAdmin(ReadOnlyAdmin):
    view_action = "endpoints.view"
    list_display = ("name", "connection", "kind", "drops_repeats", "archived_at")
    list_filter = ("kind", "connection__platform")
    list_select_related = ("connection",)
    search_fields = ("name",)


@admin.register(FoundChat)
class FoundChatAdmin(ReadOnlyAdmin):
    view_action = "endpoints.view"
    list_display = ("title", "chat", "connection", "kind", "seen_at", "endpoint")
    list_filter = ("kind", "connection__platform")
    list_select_related = ("connection", "endpoint")
    search_fields = ("title", "chat")


@admin.register(SendLimit)
class SendLimitAdmin(ReadOnlyAdmin):
    view_action = "endpoints.view"
    list_display = ("scope", "scope_id", "count", "seconds", "note", "workspace")
    list_filter = ("scope",)
    list_select_related = ("workspace",)


@admin.register(SendBudget)
class SendBudgetAdmin(ReadOnlyAdmin):
    view_action = "endpoints.view"
    list_display = ("scope", "scope_id", "cooldown_until", "queue_until", "workspace")
    list_filter = ("scope",)
    list_select_related = ("workspace",)


@admin.register(QuietHours, Holiday, FrequencyCap)
class SendRuleAdmin(ReadOnlyAdmin):
    view_action = "endpoints.view"
    list_display = ("__str__", "from_on", "until_on", "archived_at", "workspace")
    list_select_related = ("workspace",)


@admin.register(Delivery)
class DeliveryAdmin(RepairAdmin):
    list_display = (
        "id",
        "target_label",
        "endpoint",
        "read_state",
        "reason",
        "due_at",
        "attempt_count",
        "platform_code",
    )
    list_filter = ("state", "reason", "origin")
    list_select_related = ("endpoint__connection",)
    search_fields = ("source_key", "target_label", "platform_code")
    actions = ("requeue", "mark_sent", "mark_not_sent", "send_again", "undo_decision")
    rights: ClassVar[dict[str, str]] = {
        "requeue": "deliveries.decide",
        "mark_sent": "deliveries.decide",
        "mark_not_sent": "deliveries.decide",
        "send_again": "deliveries.decide",
        "undo_decision": "deliveries.decide",
    }

    @admin.display(description=pgettext_lazy("admin", "State"), ordering="state")
    def read_state(self, delivery: Delivery) -> str:
        """As the record's page says it: of one that ended midway also how much of it is out."""
        return str(badge_words(delivery, now=clock.now()).label)

    @admin.action(description=_("Queue failed deliveries again"))
    def requeue(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        def change(delivery: Delivery, actor: Actor, now: datetime) -> None:
            services.requeue_failed(delivery=delivery, actor=actor, now=now)

        self.repair(request, queryset, "requeue", change)

    @admin.action(description=_("In doubt: it was sent"))
    def mark_sent(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self._decide(request, queryset, "mark_sent", "sent")

    @admin.action(description=_("In doubt: it was not sent"))
    def mark_not_sent(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self._decide(request, queryset, "mark_not_sent", "not_sent")

    @admin.action(description=_("In doubt: send it again"))
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self._decide(request, queryset, "send_again", "again")

    @admin.action(description=_("Undo the last decision about a doubt, within ten minutes"))
    def undo_decision(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        def change(delivery: Delivery, actor: Actor, now: datetime) -> None:
            services.undo_decision(delivery=delivery, actor=actor, now=now)

        self.repair(request, queryset, "undo_decision", change)

    def _decide(self, request: HttpRequest, rows: QuerySet[Delivery], name: str, verdict: services.Verdict) -> None:
        def change(delivery: Delivery, actor: Actor, now: datetime) -> None:
            services.decide_unknown(delivery=delivery, verdict=verdict, actor=actor, now=now)

        self.repair(request, rows, name, change)


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


@admin.register(Assignee)
class AssigneeAdmin(ReadOnlyAdmin):
    view_action = "tasks.manage"
    list_display = ("name", "user", "deputy", "notice_endpoint", "link_made_at", "link_seen_at", "archived_at")
    list_select_related = ("user", "deputy", "notice_endpoint")
    search_fields = ("name",)
    exclude = ("link_digest",)


@admin.register(HumanTask)
class HumanTaskAdmin(RepairAdmin):
    view_action = "tasks.manage"
    list_display = ("title", "kind", "assignee", "state", "due_at", "told_count", "opened_at", "copied_at", "done_at")
    list_filter = ("state", "kind")
    list_select_related = ("assignee",)
    search_fields = ("source_key", "title")
    actions = ("take_back",)
    rights: ClassVar[dict[str, str]] = {"take_back": "tasks.manage"}

    @admin.action(description=_("Withdraw cards: nobody has to do them any more"))
    def take_back(self, request: HttpRequest, queryset: QuerySet[HumanTask]) -> None:
        def change(task: HumanTask, actor: Actor, now: datetime) -> None:
            services.withdraw_task(task=task, actor=actor, now=now)

        self.repair(request, queryset, "take_back", change)


@admin.register(TaskItem)
class TaskItemAdmin(ReadOnlyAdmin):
    view_action = "tasks.manage"
    list_display = ("label", "task", "state", "done_by", "done_at", "reason", "note")
    list_filter = ("state",)
    list_select_related = ("task", "done_by")
    search_fields = ("label",)
