"""Community, ChatGroup, GroupStaff."""

from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from community_ops.common.tenancy import TenantModel

DEFAULT_COMFORTABLE_SIZE = 200
DEFAULT_MEMBER_CAP = 500


class CommunityKind(models.TextChoices):
    """What a community is for; the eight kinds of the positioning canvas."""

    PRODUCT = "product", pgettext_lazy("community kind", "Product and brand")
    EDUCATION = "education", pgettext_lazy("community kind", "Education")
    SERVICE = "service", pgettext_lazy("community kind", "Service")
    CONNECTION = "connection", pgettext_lazy("community kind", "Connections")
    LEARNING = "learning", pgettext_lazy("community kind", "Learning together")
    VALUES = "values", pgettext_lazy("community kind", "Shared values")
    INTEREST = "interest", pgettext_lazy("community kind", "Shared interest")
    FRIENDS = "friends", pgettext_lazy("community kind", "Friends")


class Community(TenantModel):
    """People who do one thing together, in one or several chat groups. An `_on` date is a day in `timezone`."""

    name = models.CharField(max_length=100)
    shared_task = models.CharField(max_length=300)
    kind = models.CharField(max_length=12, choices=CommunityKind)
    timezone = models.CharField(max_length=64)
    locale = models.CharField(max_length=10, default="zh-hans")
    currency = models.CharField(max_length=3, default="CNY")
    holiday_region = models.CharField(max_length=10, default="CN", blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "communities"
        constraints = [models.CheckConstraint(condition=Q(kind__in=CommunityKind.values), name="community_kind_known")]
        indexes = [models.Index(fields=["workspace", "id"], name="community_list")]  # lists, oldest first

    def __str__(self) -> str:
        return self.name


class GroupKind(models.TextChoices):
    """How a group lives: for ever, for one occasion, on the way to another group, or for a few."""

    LONG_TERM = "long_term", pgettext_lazy("group kind", "Long-term group")
    SHORT_TERM = "short_term", pgettext_lazy("group kind", "Short-term group")
    TRANSIT = "transit", pgettext_lazy("group kind", "Transit group")
    VIP = "vip", pgettext_lazy("group kind", "VIP group")


class ChatGroup(TenantModel):
    """One chat of a community. `comfortable_size` only warns; `timezone` overrides the community's when set."""

    community = models.ForeignKey(Community, on_delete=models.PROTECT, related_name="groups")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=12, choices=GroupKind)
    purpose = models.CharField(max_length=300, blank=True)
    endpoint = models.ForeignKey(
        "messaging.Endpoint", on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    comfortable_size = models.PositiveIntegerField(default=DEFAULT_COMFORTABLE_SIZE)
    member_cap = models.PositiveIntegerField(default=DEFAULT_MEMBER_CAP)
    timezone = models.CharField(max_length=64, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=GroupKind.values), name="group_kind_known"),
            models.CheckConstraint(
                condition=Q(comfortable_size__gt=0, member_cap__gte=F("comfortable_size")),
                name="group_sizes_in_order",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "id"], name="group_list"),  # lists, oldest first
            models.Index(fields=["community", "id"], name="group_of_community"),  # the groups of one community
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        """The group's time zone, or its community's."""
        return ZoneInfo(self.timezone or self.community.timezone)


class StaffRole(models.TextChoices):
    OWNER = "owner", pgettext_lazy("group staff", "Group owner")
    ADMIN = "admin", pgettext_lazy("group staff", "Group admin")
    HELPER = "helper", _("helper")


class GroupStaff(TenantModel):
    """A person of the workspace who looks after a group. Helpers of the workspace see only such groups."""

    group = models.ForeignKey(ChatGroup, on_delete=models.CASCADE, related_name="staff")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=10, choices=StaffRole)

    class Meta:
        verbose_name_plural = "group staff"
        constraints = [
            models.UniqueConstraint(fields=["workspace", "group", "user"], name="staff_once_per_group"),
            models.CheckConstraint(condition=Q(role__in=StaffRole.values), name="staff_role_known"),
        ]
        indexes = [models.Index(fields=["user", "group"], name="staff_groups_of_user")]  # which groups a helper sees

    def __str__(self) -> str:
        return f"{self.user} {self.role}"
