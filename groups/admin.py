"""Communities and groups in the admin: for looking and repairing."""

from datetime import datetime

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from community_ops.accounts.repairing import RepairAdmin
from community_ops.common.actors import Actor
from community_ops.common.admin import ReadOnlyAdmin
from groups import services
from groups.models import ChatGroup, Community, GroupStaff


@admin.register(Community)
class CommunityAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "shared_task", "timezone", "currency", "archived_at")
    list_filter = ("kind",)
    search_fields = ("name",)


@admin.register(ChatGroup)
class ChatGroupAdmin(RepairAdmin):
    list_display = ("name", "community", "kind", "endpoint", "comfortable_size", "archived_at")
    list_filter = ("kind",)
    list_select_related = ("community", "endpoint")
    search_fields = ("name",)
    actions = ("unbind",)
    rights = {"unbind": "groups.manage"}

    @admin.action(description=_("Unbind the delivery channel"))
    def unbind(self, request: HttpRequest, queryset: QuerySet[ChatGroup]) -> None:
        def change(group: ChatGroup, actor: Actor, now: datetime) -> None:
            services.bind_endpoint(group=group, endpoint=None, actor=actor, now=now)

        self.repair(request, queryset, "unbind", change)


@admin.register(GroupStaff)
class GroupStaffAdmin(ReadOnlyAdmin):
    list_display = ("group", "user", "role")
    list_filter = ("role",)
    list_select_related = ("group", "user")
