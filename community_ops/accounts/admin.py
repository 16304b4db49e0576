"""Users, roles and tokens in the admin."""

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest

from community_ops.accounts import services
from community_ops.accounts.models import ApiToken, User, WorkspaceRole
from community_ops.accounts.pages import admin_actor
from community_ops.common import clock
from community_ops.common.admin import ReadOnlyAdmin, workspace_ids

admin.site.unregister(Group)


@admin.register(User)
class PeopleAdmin(ReadOnlyAdmin):
    list_display = ("username", "display_name", "is_active", "last_login")
    search_fields = ("username", "display_name")
    exclude = ("password",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return User.objects.filter(roles__workspace_id__in=workspace_ids(request)).distinct()


@admin.register(WorkspaceRole)
class WorkspaceRoleAdmin(ReadOnlyAdmin):
    list_display = ("user", "workspace", "role")
    list_filter = ("role",)
    list_select_related = ("user", "workspace")


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ("name", "hint", "role", "expires_at", "revoked_at", "last_used_at")
    exclude = ("digest",)
    actions = ("revoke",)

    @admin.action(description="Revoke tokens")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for token in queryset.select_related("workspace"):
            actor = admin_actor(request, workspace_id=token.workspace_id)
            services.revoke_api_token(token=token, actor=actor, now=clock.now())
        self.message_user(request, f"{len(queryset)} revoked")
