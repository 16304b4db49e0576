"""Announcements, playbooks and runs in the admin: for looking, and for calling off through the services."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline

from campaigns import services
from campaigns.models import Announcement, Occurrence, Playbook, PlaybookRun, PlaybookStep, Touch
from community_ops.accounts.pages import admin_actor
from community_ops.accounts.policies import ensure_may
from community_ops.common import clock
from community_ops.common.admin import ReadOnlyAdmin
from community_ops.common.errors import DomainError


def _each(request: HttpRequest, rows: QuerySet[Any], right: str, repair: Callable[..., int]) -> int:
    """Call `repair` for each row as the signed-in person; refusals are told, the others go on."""
    count = 0
    for row in rows:
        try:
            actor = admin_actor(request, workspace_id=row.workspace_id)
            ensure_may(actor, right)
            count += repair(row, actor=actor, now=clock.now())
        except DomainError as refusal:
            messages.error(request, f"{row}: {refusal.message}")
    return count


@admin.register(Announcement)
class AnnouncementAdmin(ReadOnlyAdmin):
    list_display = ("due_at", "text_start", "state", "workspace", "scheduled_at")
    list_filter = ("state",)
    list_select_related = ("workspace",)
    search_fields = ("text",)
    actions = ("cancel",)

    @admin.display(description="text")
    def text_start(self, announcement: Announcement) -> str:
        return str(announcement)

    @admin.action(description="Cancel what has not gone out")
    def cancel(self, request: HttpRequest, queryset: QuerySet[Announcement]) -> None:
        def repair(announcement: Announcement, **how: Any) -> int:
            return services.cancel_announcement(announcement=announcement, **how)

        count = _each(request, queryset, "announcements.send", repair)
        self.message_user(request, f"{count} deliveries cancelled")


@admin.register(Occurrence)
class OccurrenceAdmin(ReadOnlyAdmin):
    list_display = ("announcement", "due_at", "planned_at")
    list_select_related = ("announcement",)


class StepInline(TabularInline):  # type: ignore[misc]  # unfold is untyped
    model = PlaybookStep
    fields = readonly_fields = ("position", "key", "name", "anchor", "offset_days", "offset_seconds", "local_time")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Playbook)
class PlaybookAdmin(ReadOnlyAdmin):
    list_display = ("name", "key", "version", "is_built_in", "published_at", "workspace")
    list_select_related = ("workspace",)
    inlines = (StepInline,)


@admin.register(PlaybookRun)
class PlaybookRunAdmin(ReadOnlyAdmin):
    list_display = ("label", "playbook", "starts_at", "ends_at", "stopped_at", "stop_reason", "workspace")
    list_select_related = ("playbook", "workspace")
    search_fields = ("label",)
    actions = ("stop",)

    @admin.action(description="Call off what has not gone out")
    def stop(self, request: HttpRequest, queryset: QuerySet[PlaybookRun]) -> None:
        def repair(run: PlaybookRun, **how: Any) -> int:
            return services.stop_run(run=run, reason="run_stopped", **how)

        count = _each(request, queryset, "announcements.send", repair)
        self.message_user(request, f"{count} deliveries cancelled")


@admin.register(Touch)
class TouchAdmin(ReadOnlyAdmin):
    list_display = ("run", "step", "group", "due_at", "state", "reason")
    list_filter = ("state", "reason")
    list_select_related = ("run", "step", "group")
    search_fields = ("source_key",)
