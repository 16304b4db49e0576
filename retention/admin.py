"""Activity in the admin: for looking and repairing."""

from datetime import date, datetime
from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from community_ops.accounts.repairing import RepairAdmin
from community_ops.common.actors import Actor
from retention import services
from retention.models import DailyActivity

if TYPE_CHECKING:
    from groups.models import ChatGroup


@admin.register(DailyActivity)
class DailyActivityAdmin(RepairAdmin):
    list_display = ("on", "group", "member", "message_count", "answered_count", "reaction_count", "last_at")
    list_filter = ("on",)
    list_select_related = ("group__community", "member")
    actions = ("recount",)
    rights = {"recount": "jobs.repair"}

    @admin.action(description=_("Count these days again from the stored events"))
    def recount(self, request: HttpRequest, queryset: QuerySet[DailyActivity]) -> None:
        days: dict[int, set[date]] = {}
        for group_id, on in queryset.values_list("group_id", "on").distinct():
            days.setdefault(group_id, set()).add(on)

        def change(group: "ChatGroup", actor: Actor, now: datetime) -> None:
            services.recount_by_hand(group=group, days=days[group.pk], actor=actor, now=now)

        groups = {row.group_id: row.group for row in queryset.select_related("group__community")}
        self.repair(request, list(groups.values()), "recount", change)
