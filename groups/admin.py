"""Communities and groups in the admin: for looking and repairing."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from community_ops.accounts.pages import admin_actor
from community_ops.common import clock
from community_ops.common.admin import ReadOnlyAdmin
from groups import services
from groups.models import ChatGroup, Community, GroupStaff


@admin.register(Community)
class CommunityAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "shared_task", "timezone", "currency", "archived_at")
    list_filter = ("kind",)
    search_fields = ("name",)


@admin.register(ChatGroup)
class ChatGroupAdmin(ReadOnlyAdmin):
    list_display = ("name", "community", "kind", "endpoint", "comfortable_size", "archived_at")
    list_filter = ("kind",)
    list_select_related = ("community", "endpoint")
    search_fields = ("name",)
    actions = ("unbind",)

    @admin.action(description="Unbind the delivery channel")
    def unbind(self, request: HttpRequest, queryset: QuerySet[ChatGroup]) -> None:
        groups = list(queryset.filter(archived_at__isnull=True))
        for group in groups:
            actor = admin_actor(request, workspace_id=group.workspace_id)
            services.bind_endpoint(group=group, endpoint=None, actor=actor, now=clock.now())
        self.message_user(request, f"{len(groups)} unbound")


@admin.register(GroupStaff)
class GroupStaffAdmin(ReadOnlyAdmin):
    list_display = ("group", "user", "role")
    list_filter = ("role",)
    list_select_related = ("group", "user")
