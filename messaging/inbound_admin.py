"""What comes in, in the admin: for looking, and for reading again. Bodies, codes and keys are not shown."""

from datetime import datetime
from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from community_ops.accounts.repairing import RepairAdmin
from community_ops.common.actors import Actor
from community_ops.common.admin import ReadOnlyAdmin
from messaging.inbound_models import ChatCursor, InboundRoute, RawEvent
from messaging.services import receiving


@admin.register(InboundRoute)
class InboundRouteAdmin(ReadOnlyAdmin):
    view_action = "endpoints.view"
    list_display = ("connection", "way", "is_on", "last_event_at", "refused_at", "refused_reason")
    list_filter = ("way", "is_on")
    list_select_related = ("connection",)
    exclude = ("code", "secret")


@admin.register(ChatCursor)
class ChatCursorAdmin(ReadOnlyAdmin):
    view_action = "endpoints.view"
    list_display = ("endpoint", "last_id", "next_poll_at", "failing_since", "failure")
    list_select_related = ("endpoint",)


@admin.register(RawEvent)
class RawEventAdmin(RepairAdmin):
    list_display = ("id", "connection", "way", "received_at", "state", "reason", "event_count", "attempt_count")
    list_filter = ("state", "way", "reason")
    list_select_related = ("connection",)
    search_fields = ("external_id",)
    exclude = ("body", "body_digest", "person_name")
    actions = ("read_again",)
    rights: ClassVar[dict[str, str]] = {"read_again": "jobs.repair"}

    @admin.action(description=_("Read again"))
    def read_again(self, request: HttpRequest, queryset: QuerySet[RawEvent]) -> None:
        def change(event: RawEvent, actor: Actor, now: datetime) -> None:
            receiving.read_again(raw_event=event, actor=actor, now=now)

        self.repair(request, queryset, "read_again", change)
