"""Admin bases: a moderator sees her workspaces' rows only, and nothing a service owns is editable."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Field, ForeignKey, Model, QuerySet
from django.http import HttpRequest, HttpResponseBadRequest
from unfold.admin import ModelAdmin

from community_ops.common.models import AuditEntry, EventReceipt, JobPulse
from community_ops.common.tenancy import MAX_ID, TenantModel


def workspace_ids(request: HttpRequest, action: str = "admin.view") -> frozenset[int]:
    """Workspaces in which the signed-in person's role includes `action`; read once per request."""
    known: dict[str, frozenset[int]] = getattr(request, "_workspace_ids", {})
    if action not in known:
        user: Any = request.user  # the kernel knows the user model by its setting only
        known[action] = user.workspace_ids_where(action) if user.is_authenticated else frozenset()
        request._workspace_ids = known  # type: ignore[attr-defined]  # a per-request cache
    return known[action]


class TenantAdmin(ModelAdmin):  # type: ignore[misc]  # unfold is untyped
    """Scopes list, detail, menus, autocomplete, actions and history to the person's workspaces."""

    workspace_path = "workspace_id"
    view_action = "admin.view"  # the row of the role table that opens this table
    list_per_page = 50
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.filter(**{f"{self.workspace_path}__in": workspace_ids(request, self.view_action)})

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        related = db_field.related_model
        if isinstance(related, type) and issubclass(related, TenantModel):
            kwargs["queryset"] = related._base_manager.filter(workspace_id__in=workspace_ids(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Numbers that no row can have are nobody's: Django would hand them to the database."""
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(pk.isascii() and pk.isdecimal() and int(pk[:20]) <= MAX_ID for pk in chosen):
            return HttpResponseBadRequest()
        return super().response_action(request, queryset)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyAdmin(TenantAdmin):
    """For looking and repairing: repairs are actions that call the same services as every other face."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(workspace_ids(request, self.view_action))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(workspace_ids(request, self.view_action))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        hidden = set(self.exclude or ())  # Django shows read-only fields although they are excluded
        fields = self.model._meta.get_fields()
        return [field.name for field in fields if isinstance(field, Field) and field.name not in hidden]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    view_action = "audit.view"
    list_display = ("at", "actor_label", "verb", "target_kind", "target_id", "reason")
    list_filter = ("verb", "actor_kind")
    search_fields = ("target_id", "actor_label", "request_id")


@admin.register(EventReceipt)
class EventReceiptAdmin(ReadOnlyAdmin):
    view_action = "jobs.repair"
    workspace_path = "event__workspace_id"
    list_display = ("event", "handler", "state", "attempt_count", "next_try_at", "last_error")
    list_filter = ("state", "handler")
    list_select_related = ("event",)


@admin.register(JobPulse)
class JobPulseAdmin(ReadOnlyAdmin):
    list_display = ("name", "last_ok_at", "last_error_at", "last_error", "grace_seconds")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return JobPulse.objects.all()
