"""Announcements, playbooks and runs in the admin: for looking, and for calling off through the services."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.admin import TabularInline

from campaigns import origins, services
from campaigns.models import Announcement, Occurrence, Playbook, PlaybookRun, PlaybookStep, Touch
from community_ops.accounts.repairing import RepairAdmin
from community_ops.common.actors import Actor
from community_ops.common.admin import ReadOnlyAdmin


@admin.register(Announcement)
class AnnouncementAdmin(RepairAdmin):
    list_display = ("due_at", "text_start", "state", "workspace", "scheduled_at")
    list_filter = ("state",)
    list_select_related = ("workspace",)
    search_fields = ("text",)
    actions = ("cancel",)
    rights = {"cancel": "announcements.send"}

    @admin.display(description=pgettext_lazy("admin", "Text"))
    def text_start(self, announcement: Announcement) -> str:
        return str(announcement)

    @admin.action(description=_("Cancel what has not gone out"))
    def cancel(self, request: HttpRequest, queryset: QuerySet[Announcement]) -> None:
        def change(announcement: Announcement, actor: Actor, now: datetime) -> None:
            services.cancel_announcement(announcement=announcement, actor=actor, now=now)

        self.repair(request, queryset, "cancel", change)


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
class PlaybookRunAdmin(RepairAdmin):
    list_display = ("label", "playbook", "starts_at", "ends_at", "stopped_at", "stop_reason", "workspace")
    list_select_related = ("playbook", "workspace")
    search_fields = ("label",)
    actions = ("stop",)
    rights = {"stop": "announcements.send"}

    @admin.action(description=_("Call off what has not gone out"))
    def stop(self, request: HttpRequest, queryset: QuerySet[PlaybookRun]) -> None:
        def change(run: PlaybookRun, actor: Actor, now: datetime) -> None:
            services.stop_run(run=run, reason=origins.RUN_STOPPED, actor=actor, now=now)

        self.repair(request, queryset, "stop", change)


@admin.register(Touch)
class TouchAdmin(ReadOnlyAdmin):
    list_display = ("run", "step", "group", "due_at", "state", "reason")
    list_filter = ("state", "reason")
    list_select_related = ("run", "step", "group")
    search_fields = ("source_key",)
