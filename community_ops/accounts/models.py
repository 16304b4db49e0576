"""User, Workspace, WorkspaceRole, ApiToken."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from community_ops.accounts.policies import ACTIONS
from community_ops.common.tenancy import TenantModel, TimeStamped


class User(AbstractUser):
    """A person who signs in. What she may do is decided by her roles, never by Django's own groups."""

    display_name = models.CharField(max_length=100, blank=True)
    language = models.CharField(max_length=10, blank=True)

    @property
    def label(self) -> str:
        return self.display_name or self.username

    def workspace_ids_where(self, action: str) -> frozenset[int]:
        """Workspaces in which a role of hers includes `action`. One query."""
        rows = self.roles.filter(role__in=ACTIONS[action])
        return frozenset(rows.values_list("workspace_id", flat=True))


class Workspace(TimeStamped):
    """A tenant: everything an organisation has, apart from everybody else's."""

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    archived_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "owner", _("owner")
    OPERATOR = "operator", _("operator")
    MODERATOR = "moderator", _("moderator")
    HELPER = "helper", _("helper")
    VIEWER = "viewer", _("viewer")


class WorkspaceRole(TenantModel):
    """One person's role in one workspace."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="roles")
    role = models.CharField(max_length=10, choices=Role)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="role_once_per_user"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.role}"


class ApiToken(TenantModel):
    """Lets a tool in with a role. Only the digest is stored; the token itself is shown once."""

    name = models.CharField(max_length=100)
    role = models.CharField(max_length=10, choices=Role)
    digest = models.CharField(max_length=64, unique=True)  # sha256 of the token
    hint = models.CharField(max_length=12)  # its first signs, to tell tokens apart
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(role__in=Role.values), name="token_role_known")]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"
