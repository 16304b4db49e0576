"""Activity in the admin: for looking and repairing."""

from datetime import date

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from community_ops.accounts.pages import admin_actor
from community_ops.common import clock
from community_ops.common.admin import ReadOnlyAdmin
from retention import services
from retention.models import DailyActivity


@admin.register(DailyActivity)
class DailyActivityAdmin(ReadOnlyAdmin):
    list_display = ("on", "group", "member", "message_count", "answered_count", "reaction_count", "last_at")
    list_filter = ("on",)
    list_select_related = ("group__community", "member")
    actions = ("recount",)

    @admin.action(description="Count these days again from the stored events")
    def recount(self, request: HttpRequest, queryset: QuerySet[DailyActivity]) -> None:
        days: dict[int, set[date]] = {}
        groups = {row.group_id: row.group for row in queryset.select_related("group__community")}
        for group_id, on in queryset.values_list("group_id", "on").distinct():
            days.setdefault(group_id, set()).add(on)
        for group_id, group in groups.items():
            actor = admin_actor(request, workspace_id=group.workspace_id)
            services.recount_by_hand(group=group, days=days[group_id], actor=actor, now=clock.now())
        self.message_user(request, f"{sum(map(len, days.values()))} days counted again")
