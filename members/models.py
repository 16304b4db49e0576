"""Who is who: Person, Member, identities, phones, memberships, passes, facts; and import runs."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import pgettext_lazy

from community_ops.common.fields import EncryptedJSONField
from community_ops.common.tenancy import TenantModel
from members import phones


class Source(models.TextChoices):
    """Where a fact comes from; every number a person sees says it."""

    PLATFORM = "platform", pgettext_lazy("source of a number", "Platform")
    IMPORT = "import", pgettext_lazy("source of a number", "Import")
    MANUAL = "manual", pgettext_lazy("source of a number", "Entered by hand")


class Person(TenantModel):
    """A human being of a workspace; joins her members of several communities. Bans and erasure act here."""

    def __str__(self) -> str:
        return f"person {self.pk}"


class Member(TenantModel):
    """One person in one community. A merge sets `merged_into` and deletes nothing."""

    community = models.ForeignKey("groups.Community", on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="members")
    display_name = models.CharField(max_length=100)
    source = models.CharField(max_length=10, choices=Source)
    merged_into = models.ForeignKey("self", on_delete=models.PROTECT, related_name="merged_members", null=True)
    is_staff = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(source__in=Source.values), name="member_source_known"),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True) | ~Q(merged_into=F("id")), name="member_not_merged_into_self"
            ),
        ]
        indexes = [
            # REST list oldest first and the member list newest first
            models.Index(fields=["workspace", "id"], condition=Q(merged_into__isnull=True), name="member_list"),
            # members of one community, newest first
            models.Index(fields=["community", "id"], condition=Q(merged_into__isnull=True), name="member_of_community"),
        ]

    def __str__(self) -> str:
        return self.display_name


class MemberIdentity(TenantModel):
    """A name under which a source knows a member. `namespace` is `<kind>:<community id>` (policies.namespace)."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="identities")
    namespace = models.CharField(max_length=60)
    external_id = models.CharField(max_length=200)

    class Meta:
        verbose_name_plural = "member identities"
        constraints = [
            # also serves: which member is this external id?
            models.UniqueConstraint(fields=["workspace", "namespace", "external_id"], name="identity_once"),
        ]

    def __str__(self) -> str:
        return f"{self.namespace} {self.external_id}"


class MemberPhone(TenantModel):
    """A phone number: encrypted value, keyed digest for exact search, last four digits to search by."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="phones")
    value = EncryptedJSONField()
    digest = models.CharField(max_length=64)  # members.phones.digest
    last_four = models.CharField(max_length=4)
    source = models.CharField(max_length=10, choices=Source)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "member", "digest"], name="phone_once_per_member"),
            models.CheckConstraint(condition=Q(source__in=Source.values), name="phone_source_known"),
        ]
        indexes = [models.Index(fields=["workspace", "digest"], name="phone_by_digest")]  # whose number is this?

    def __str__(self) -> str:
        return self.masked

    @property
    def masked(self) -> str:
        """What people see of it."""
        return phones.masked(self.value)


class Membership(TenantModel):
    """A member in a group, once for ever; `left_at` None means she is in it now. The stays are the spells."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="memberships")
    group = models.ForeignKey("groups.ChatGroup", on_delete=models.PROTECT, related_name="+")
    joined_at = models.DateTimeField()  # of the latest spell
    left_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "member", "group"], name="membership_once"),
            models.CheckConstraint(
                condition=Q(left_at__isnull=True) | Q(left_at__gte=F("joined_at")), name="membership_left_after_join"
            ),
        ]
        indexes = [
            # current members of a group: counts, list filtered by group
            models.Index(fields=["group", "member"], condition=Q(left_at__isnull=True), name="membership_current"),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} in {self.group_id}"

    @property
    def is_current(self) -> bool:
        return self.left_at is None


class SpellSource(models.TextChoices):
    """How a stay became known; `seen` means inferred from a message, so its start is the first one known."""

    JOIN = "join", pgettext_lazy("how a stay began", "Join reported by the platform")
    SEEN = "seen", pgettext_lazy("how a stay began", "First message seen")
    IMPORT = "import", pgettext_lazy("how a stay began", "Import")
    API = "api", pgettext_lazy("how a stay began", "Another tool")
    MANUAL = "manual", pgettext_lazy("how a stay began", "Added by hand")
    SELF = "self", pgettext_lazy("how a stay began", "Registered herself")


class MembershipSpell(TenantModel):
    """One stay in a group. Append-only: a stay ends once and a new one begins with the next join."""

    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="spells")
    joined_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)
    source = models.CharField(max_length=10, choices=SpellSource)
    inviter = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="+", null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "membership"], condition=Q(left_at__isnull=True), name="spell_one_open"
            ),
            models.CheckConstraint(condition=Q(source__in=SpellSource.values), name="spell_source_known"),
            models.CheckConstraint(
                condition=Q(left_at__isnull=True) | Q(left_at__gte=F("joined_at")), name="spell_left_after_join"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.membership_id} from {self.joined_at:%Y-%m-%d}"


class MemberPass(TenantModel):
    """A member's personal link /p/<code>. Only the digest of the code is kept; the code is shown once."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="passes")
    code_digest = models.CharField(max_length=64, unique=True)  # sha256; the code alone leads here
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "member passes"

    def __str__(self) -> str:
        return f"pass {self.pk}"


class MemberFacts(TenantModel):
    """What higher apps know of a member, written down here through members.services so that anybody can aim by it.

    `sources`: fact name -> Source value of its last write. Amounts in minor units of `currency`, the
    currency of most of her orders.
    """

    member = models.OneToOneField(Member, on_delete=models.CASCADE, related_name="facts")
    first_joined_at = models.DateTimeField(null=True)
    last_active_at = models.DateTimeField(null=True)
    message_count = models.PositiveIntegerField(default=0)
    order_count = models.PositiveIntegerField(default=0)
    spent_amount = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, blank=True)
    first_order_at = models.DateTimeField(null=True)
    last_order_at = models.DateTimeField(null=True)
    sources = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "member facts"
        indexes = [models.Index(fields=["workspace", "last_active_at"], name="facts_by_activity")]  # who fell silent

    def __str__(self) -> str:
        return f"facts of {self.member_id}"


class MilestoneKind(models.TextChoices):
    ORDER_PAID = "order_paid", pgettext_lazy("milestone", "Order paid")
    ORDER_REFUNDED = "order_refunded", pgettext_lazy("milestone", "Order refunded")


class MemberMilestone(TenantModel):
    """A step of a member's way that a higher app told; once per `source_key` however often it is told."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="milestones")
    kind = models.CharField(max_length=20, choices=MilestoneKind)
    source_key = models.CharField(max_length=160)
    occurred_at = models.DateTimeField()
    amount = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, blank=True)
    source = models.CharField(max_length=10, choices=Source)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "source_key"], name="milestone_once"),
            models.CheckConstraint(condition=Q(kind__in=MilestoneKind.values), name="milestone_kind_known"),
            models.CheckConstraint(condition=Q(source__in=Source.values), name="milestone_source_known"),
        ]
        indexes = [models.Index(fields=["member", "kind"], name="milestone_of_member")]  # sums for the facts

    def __str__(self) -> str:
        return f"{self.kind} {self.source_key}"


class ImportState(models.TextChoices):
    PREVIEW = "preview", pgettext_lazy("job", "Waiting for your confirmation")
    QUEUED = "queued", pgettext_lazy("job", "Waiting for its turn")
    RUNNING = "running", pgettext_lazy("job", "Running")
    DONE = "done", pgettext_lazy("job", "Finished")
    FAILED = "failed", pgettext_lazy("job", "Failed")
    CANCELLED = "cancelled", pgettext_lazy("job", "Cancelled")


class ImportRun(TenantModel):
    """One uploaded file on its way in. `counts`: the importer's figures so far; `problems`: the first 1,000 bad rows.

    `notices`: the first 1,000 rows that were there already in a way that may surprise. `options`: what
    the importer needs (community, group, timezone …). A running row proves its life by
    `lease_until`; a worker that died loses it and the run starts again (a second pass adds nothing twice).
    """

    kind = models.CharField(max_length=20)  # key of members.ports.importers
    file_name = models.CharField(max_length=200)
    asset = models.ForeignKey("common.Asset", on_delete=models.PROTECT, related_name="+", null=True)
    options = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=ImportState, default=ImportState.PREVIEW)
    row_count = models.PositiveIntegerField(default=0)  # rows of the file, for the progress bar
    counts = models.JSONField(default=dict)
    problems = models.JSONField(default=list)
    notices = models.JSONField(default=list)
    error = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+", null=True)
    language = models.CharField(max_length=10, default="zh-hans")  # its report is written in, once it was started
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    lease_owner = models.CharField(max_length=60, blank=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ImportState.values), name="import_state_known"),
        ]
        indexes = [
            # the worker: what waits or lost its worker
            models.Index(fields=["id"], condition=Q(state__in=["queued", "running"]), name="import_to_do"),
            models.Index(fields=["workspace", "-id"], name="import_list"),  # the import page, newest first
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.file_name}"
