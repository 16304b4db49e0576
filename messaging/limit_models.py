"""Identity, SendLimit, SendBudget: what the calls to platforms are counted under (ADR-0007, ADR-0016)."""

from django.db import models
from django.db.models import Q
from django.utils.translation import pgettext_lazy

from community_ops.common.tenancy import TenantModel


class Identity(TenantModel):
    """An account of a platform, or a chat there, as the platform knows it, however often it was entered here.

    It stays when its channels are archived: whoever enters the same account again finds the same windows.
    """

    # `common.fields.recognised_by` what says who it is; random where nothing does: then it is a row's own
    digest = models.CharField(max_length=64)
    is_held = models.BooleanField(default=False)  # an account with limits of its platform, and with a live channel

    class Meta:
        verbose_name_plural = "identities"
        constraints = [
            models.UniqueConstraint(fields=["workspace", "digest"], name="platform_identity_once"),
            # of two workspaces that send through one account each would keep its whole limit
            models.UniqueConstraint(fields=["digest"], condition=Q(is_held=True), name="identity_held_by_one"),
        ]

    def __str__(self) -> str:
        return f"identity {self.pk}"


class LimitScope(models.TextChoices):
    """What is counted together; the same values as `platforms.base.Scope`."""

    CONNECTION = "connection", pgettext_lazy("limit", "Platform account")
    ENDPOINT = "endpoint", pgettext_lazy("limit", "Delivery channel")
    WORKSPACE = "workspace", pgettext_lazy("limit", "Whole team")


LONGEST_WINDOW_SECONDS = 31 * 86_400  # of an own limit: a month


class SendLimit(TenantModel):
    """A limit that the operator chose: at most `count` calls in any `seconds`, besides the platform's own.

    For the same scope and window it stands in the platform's place (an account with an agreed other limit).
    """

    scope = models.CharField(max_length=10, choices=LimitScope)
    scope_id = models.BigIntegerField()  # of the account's or the chat's Identity, or of the workspace
    count = models.PositiveIntegerField()
    seconds = models.PositiveIntegerField()
    note = models.CharField(max_length=200, blank=True)  # where the figure comes from

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "scope", "scope_id", "seconds"], name="limit_once_per_window"),
            models.CheckConstraint(condition=Q(scope__in=LimitScope.values), name="limit_scope_known"),
            models.CheckConstraint(
                condition=Q(count__gt=0, seconds__gt=0, seconds__lte=LONGEST_WINDOW_SECONDS), name="limit_in_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} in {self.seconds} s for {self.scope} {self.scope_id}"


class SendBudget(TenantModel):
    """What is counted together: the calls of one account, chat or workspace. Its row is the lock.

    Times are the database's: they are compared with leases, and no clock shift moves them.
    """

    scope = models.CharField(max_length=10, choices=LimitScope)
    scope_id = models.BigIntegerField()  # as in SendLimit
    cooldown_until = models.DateTimeField(null=True)  # the platform said: too fast
    queue_until = models.DateTimeField(null=True)  # place of the last row that waits in line
    refused_count = models.PositiveSmallIntegerField(default=0)  # answers in a row that refused the account's key
    refused_at = models.DateTimeField(null=True)  # the last of them that was counted

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "scope", "scope_id"], name="budget_once_per_scope"),
            models.CheckConstraint(condition=Q(scope__in=LimitScope.values), name="budget_scope_known"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.scope_id}"
