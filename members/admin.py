"""Members in the admin: for looking and repairing."""

from datetime import datetime

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from community_ops.accounts.repairing import RepairAdmin
from community_ops.common.actors import Actor
from community_ops.common.admin import ReadOnlyAdmin
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
class MembershipAdmin(RepairAdmin):
    list_display = ("member", "group", "joined_at", "left_at")
    list_select_related = ("member", "group")
    search_fields = ("member__display_name",)
    actions = ("end",)
    rights = {"end": "members.manage"}

    @admin.action(description=_("End memberships now"))
    def end(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        def change(membership: Membership, actor: Actor, now: datetime) -> None:
            services.leave(membership=membership, actor=actor, now=now, reason="admin")

        self.repair(request, queryset.filter(left_at__isnull=True), "end", change)


@admin.register(MembershipSpell)
class MembershipSpellAdmin(ReadOnlyAdmin):
    list_display = ("membership", "joined_at", "left_at", "source", "inviter")
    list_filter = ("source",)
    list_select_related = ("membership", "inviter")


@admin.register(MemberPass)
class MemberPassAdmin(RepairAdmin):
    list_display = ("member", "created_at", "last_used_at", "revoked_at")
    list_select_related = ("member",)
    search_fields = ("member__display_name",)
    exclude = ("code_digest",)
    actions = ("revoke",)
    rights = {"revoke": "members.manage"}

    @admin.action(description=_("Revoke passes"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[MemberPass]) -> None:
        def change(member_pass: MemberPass, actor: Actor, now: datetime) -> None:
            services.revoke_pass(member_pass=member_pass, actor=actor, now=now, reason="admin")

        self.repair(request, queryset, "revoke", change)


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
class ImportRunAdmin(RepairAdmin):
    list_display = ("file_name", "kind", "state", "counts", "created_by", "started_at", "finished_at")
    list_filter = ("state", "kind")
    list_select_related = ("created_by",)
    actions = ("retry",)
    rights = {"retry": "members.import"}

    @admin.action(description=_("Start failed imports again"))
    def retry(self, request: HttpRequest, queryset: QuerySet[ImportRun]) -> None:
        def change(run: ImportRun, actor: Actor, now: datetime) -> None:
            services.retry_import(run=run, actor=actor, now=now)

        self.repair(request, queryset, "retry", change)
