"""Users, roles and tokens in the admin."""

from datetime import datetime

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from community_ops.accounts import services
from community_ops.accounts.models import ApiToken, User, WorkspaceRole
from community_ops.accounts.repairing import RepairAdmin
from community_ops.common.actors import Actor
from community_ops.common.admin import ReadOnlyAdmin, workspace_ids

admin.site.unregister(Group)


@admin.register(User)
class PeopleAdmin(ReadOnlyAdmin):
    view_action = "workspace.manage"
    list_display = ("username", "display_name", "is_active", "last_login")
    search_fields = ("username", "display_name")
    exclude = ("password",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return User.objects.filter(roles__workspace_id__in=workspace_ids(request, self.view_action)).distinct()


@admin.register(WorkspaceRole)
class WorkspaceRoleAdmin(ReadOnlyAdmin):
    view_action = "workspace.manage"
    list_display = ("user", "workspace", "role")
    list_filter = ("role",)
    list_select_related = ("user", "workspace")


@admin.register(ApiToken)
class ApiTokenAdmin(RepairAdmin):
    view_action = "workspace.manage"
    list_display = ("name", "hint", "role", "expires_at", "revoked_at", "last_used_at")
    exclude = ("digest",)
    actions = ("revoke",)
    rights = {"revoke": "workspace.manage"}

    @admin.action(description=_("Revoke tokens"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        def change(token: ApiToken, actor: Actor, now: datetime) -> None:
            services.revoke_api_token(token=token, actor=actor, now=now)

        self.repair(request, queryset.select_related("workspace"), "revoke", change)
