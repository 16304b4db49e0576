"""Members in the admin: for looking and repairing."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from community_ops.accounts.pages import admin_actor
from community_ops.common import clock
from community_ops.common.admin import ReadOnlyAdmin
from community_ops.common.errors import DomainError
from members import services
from members.models import (
    ImportRun,
    Member,
    MemberFacts,
    MemberIdentity,
    MemberMilestone,
    MemberPass,
    MemberPhone,
    Membership,
    MembershipSpell,
    Person,
)


@admin.register(Person)
class PersonAdmin(ReadOnlyAdmin):
    list_display = ("id", "created_at")


@admin.register(Member)
class MemberAdmin(ReadOnlyAdmin):
    list_display = ("display_name", "community", "source", "is_staff", "merged_into", "created_at")
    list_filter = ("source", "is_staff")
    list_select_related = ("community", "merged_into")
    search_fields = ("display_name",)


@admin.register(MemberIdentity)
class MemberIdentityAdmin(ReadOnlyAdmin):
    list_display = ("member", "namespace", "external_id")
    list_select_related = ("member",)
    search_fields = ("external_id",)


@admin.register(MemberPhone)
class MemberPhoneAdmin(ReadOnlyAdmin):
    list_display = ("member", "last_four", "source")
    list_select_related = ("member",)
    search_fields = ("last_four",)
    exclude = ("value", "digest")


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ("member", "group", "joined_at", "left_at")
    list_select_related = ("member", "group")
    search_fields = ("member__display_name",)
    actions = ("end",)

    @admin.action(description="End memberships now")
    def end(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        memberships = list(queryset.filter(left_at__isnull=True))
        for membership in memberships:
            actor = admin_actor(request, workspace_id=membership.workspace_id)
            services.leave(membership=membership, actor=actor, now=clock.now(), reason="admin")
        self.message_user(request, f"{len(memberships)} ended")


@admin.register(MembershipSpell)
class MembershipSpellAdmin(ReadOnlyAdmin):
    list_display = ("membership", "joined_at", "left_at", "source", "inviter")
    list_filter = ("source",)
    list_select_related = ("membership", "inviter")


@admin.register(MemberPass)
class MemberPassAdmin(ReadOnlyAdmin):
    list_display = ("member", "created_at", "last_used_at", "revoked_at")
    list_select_related = ("member",)
    search_fields = ("member__display_name",)
    exclude = ("code_digest",)
    actions = ("revoke",)

    @admin.action(description="Revoke passes")
    def revoke(self, request: HttpRequest, queryset: QuerySet[MemberPass]) -> None:
        count = 0
        for member_pass in queryset:
            actor = admin_actor(request, workspace_id=member_pass.workspace_id)
            count += services.revoke_pass(member_pass=member_pass, actor=actor, now=clock.now(), reason="admin")
        self.message_user(request, f"{count} revoked")


@admin.register(MemberFacts)
class MemberFactsAdmin(ReadOnlyAdmin):
    list_display = ("member", "last_active_at", "message_count", "order_count", "spent_amount", "currency")
    list_select_related = ("member",)
    search_fields = ("member__display_name",)


@admin.register(MemberMilestone)
class MemberMilestoneAdmin(ReadOnlyAdmin):
    list_display = ("member", "kind", "occurred_at", "amount", "currency", "source_key")
    list_filter = ("kind", "source")
    list_select_related = ("member",)
    search_fields = ("source_key",)


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnlyAdmin):
    list_display = ("file_name", "kind", "state", "counts", "created_by", "started_at", "finished_at")
    list_filter = ("state", "kind")
    list_select_related = ("created_by",)
    actions = ("retry",)

    @admin.action(description="Start failed imports again")
    def retry(self, request: HttpRequest, queryset: QuerySet[ImportRun]) -> None:
        count = 0
        for run in queryset:
            try:
                actor = admin_actor(request, workspace_id=run.workspace_id)
                services.retry_import(run=run, actor=actor, now=clock.now())
                count += 1
            except DomainError as refusal:
                self.message_user(request, f"{run}: {refusal.message}", level=messages.WARNING)
        self.message_user(request, f"{count} started again")
