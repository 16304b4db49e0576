"""Daily roll-ups of what members did."""

from django.db import models

from community_ops.common.tenancy import TenantModel


class DailyActivity(TenantModel):
    """What one member did in one group on one day of the group's time zone.

    Recomputed whole from messaging's inbound events whenever a batch touches the day, so it can be
    rebuilt at any time and never counts twice.
    """

    group = models.ForeignKey("groups.ChatGroup", on_delete=models.CASCADE, related_name="+")
    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="+")
    on = models.DateField()
    message_count = models.PositiveIntegerField(default=0)
    reaction_count = models.PositiveIntegerField(default=0)
    answered_count = models.PositiveIntegerField(default=0)  # of the messages: answered by somebody else within 24 h
    last_at = models.DateTimeField()  # her latest act of that day

    class Meta:
        verbose_name_plural = "daily activities"
        constraints = [
            # also serves: one member's days
            models.UniqueConstraint(fields=["workspace", "member", "group", "on"], name="activity_once_per_day"),
        ]
        indexes = [
            # messages and speakers per day of a group
            models.Index(fields=["workspace", "group", "on", "member"], name="activity_by_day"),
            models.Index(fields=["workspace", "on"], name="activity_of_workspace"),  # speakers of all groups
        ]

    def __str__(self) -> str:
        return f"{self.member_id} in {self.group_id} on {self.on}"
