"""Assignee, HumanTask, TaskItem: work that a person does because no program may. See docs/adr/0008-human-tasks.md."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import pgettext_lazy

from community_ops.common.tenancy import TenantModel


class Assignee(TenantModel):
    """Somebody who does work by hand, with a personal link for her phone; a user of the dashboard or not."""

    name = models.CharField(max_length=100)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    deputy = models.ForeignKey("self", on_delete=models.SET_NULL, related_name="+", null=True)
    # the channel groups are bound to when she sends their messages by hand; made and archived with her
    endpoint = models.OneToOneField("messaging.Endpoint", on_delete=models.PROTECT, related_name="assignee")
    # where she is told that something is to do: the team's own robot, or her mail
    notice_endpoint = models.ForeignKey("messaging.Endpoint", on_delete=models.PROTECT, related_name="+", null=True)
    mention = models.CharField(max_length=128, blank=True)  # her id there, for an @
    link_digest = models.CharField(max_length=64, blank=True)  # of her personal link's code; empty: there is no link
    link_made_at = models.DateTimeField(null=True)
    link_seen_at = models.DateTimeField(null=True)  # last use, to within ten minutes
    archived_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], condition=Q(archived_at__isnull=True), name="assignee_name_once"
            ),
            models.UniqueConstraint(
                fields=["workspace", "user"],
                condition=Q(archived_at__isnull=True, user__isnull=False),
                name="assignee_once_per_user",
            ),
            models.UniqueConstraint(
                fields=["workspace", "link_digest"], condition=~Q(link_digest=""), name="assignee_link_once"
            ),
        ]
        indexes = [
            # who comes by a link: only its digest is known then
            models.Index(fields=["link_digest"], condition=~Q(link_digest=""), name="assignee_by_link"),
        ]

    def __str__(self) -> str:
        return self.name


class TaskKind(models.TextChoices):
    MESSAGE = "message", pgettext_lazy("task kind", "Group message")
    NOTICE = "notice", pgettext_lazy("task kind", "Group notice")
    PRIVATE = "private", pgettext_lazy("task kind", "Private message")
    MOMENTS = "moments", pgettext_lazy("task kind", "Moments post")
    RED_PACKET = "red_packet", pgettext_lazy("task kind", "Red packets")
    NEW_GROUP = "new_group", pgettext_lazy("task kind", "Open a group")
    PULL_IN = "pull_in", pgettext_lazy("task kind", "Bring people in")
    NEW_QR = "new_qr", pgettext_lazy("task kind", "Renew a group's QR code")
    PAYMENT = "payment", pgettext_lazy("task kind", "Check a payment")
    GROUP_REPORT = "group_report", pgettext_lazy("task kind", "Today in the groups")


class TaskState(models.TextChoices):
    """Of a card and of each of its items. A card ends when none of its items is open."""

    OPEN = "open", pgettext_lazy("task", "To do")
    DONE = "done", pgettext_lazy("task", "Done")
    LEFT_OUT = "left_out", pgettext_lazy("task", "Left out")  # by the person, with a reason
    WITHDRAWN = "withdrawn", pgettext_lazy("task", "Withdrawn")  # not to be done any more; `reason` says why


class HumanTask(TenantModel):
    """A card: one thing to do for one person, at one time, in one or more places (its items)."""

    kind = models.CharField(max_length=20, choices=TaskKind)
    assignee = models.ForeignKey(Assignee, on_delete=models.PROTECT, related_name="tasks")
    source_key = models.CharField(max_length=160)  # of a handed-over touch: `task_policies.card_key`
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True)  # a template as in OutboundMessage: filled when she copies it
    subject_kind = models.CharField(max_length=20, blank=True)
    subject_id = models.BigIntegerField(null=True)
    is_markdown = models.BooleanField(default=False)
    image = models.ForeignKey("common.Asset", on_delete=models.PROTECT, related_name="+", null=True)
    file = models.ForeignKey("common.Asset", on_delete=models.PROTECT, related_name="+", null=True)  # to post as well
    facts = models.JSONField(default=dict, blank=True)  # what the kind says besides: `task_policies.FACTS`
    zone = models.CharField(max_length=64, default="UTC")  # by which its times are shown

    due_at = models.DateTimeField()
    latest_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=TaskState, default=TaskState.OPEN)
    reason = models.CharField(max_length=60, blank=True)  # why it was withdrawn
    done_at = models.DateTimeField(null=True)  # when its last item ended, done or not

    next_tell_at = models.DateTimeField(null=True)  # when she is told next; null: not again
    tell_step = models.PositiveSmallIntegerField(default=0)  # how far the rhythm has come: `task_policies.TELLINGS`
    told_at = models.DateTimeField(null=True)
    told_count = models.PositiveSmallIntegerField(default=0)  # nudges included
    telling = models.ForeignKey("messaging.Delivery", on_delete=models.SET_NULL, related_name="+", null=True)  # last
    opened_at = models.DateTimeField(null=True)  # she looked at the card, for the first time
    copied_at = models.DateTimeField(null=True)  # for the last time

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "source_key"], name="task_once_per_source"),
            models.CheckConstraint(condition=Q(kind__in=TaskKind.values), name="task_kind_known"),
            models.CheckConstraint(condition=Q(state__in=TaskState.values), name="task_state_known"),
        ]
        indexes = [
            # the phone's list and the board: open cards of a person by time
            models.Index(fields=["assignee", "due_at", "id"], condition=Q(state="open"), name="task_open"),
            # the tick: who has to be told
            models.Index(fields=["next_tell_at"], condition=Q(state="open"), name="task_to_tell"),
            # a person's cards that ended, newest first: done today, kept-to rate
            models.Index(fields=["assignee", "-due_at"], name="task_of_assignee"),
            # the workspace's cards by time: kept-to rate
            models.Index(fields=["workspace", "due_at"], name="task_of_workspace"),
        ]

    def __str__(self) -> str:
        return self.source_key


class TaskItem(TenantModel):
    """One place of a card: a group to tick, a person to bring in, or the one thing itself.

    With a delivery it is that delivery's way out: ticked is `confirmed`, withdrawn or left out is `cancelled`.
    """

    task = models.ForeignKey(HumanTask, on_delete=models.CASCADE, related_name="items")
    target_kind = models.CharField(max_length=10, blank=True)
    target_id = models.BigIntegerField(null=True)
    label = models.CharField(max_length=200)
    delivery = models.OneToOneField("messaging.Delivery", on_delete=models.PROTECT, related_name="task_item", null=True)
    state = models.CharField(max_length=10, choices=TaskState, default=TaskState.OPEN)
    reason = models.CharField(max_length=60, blank=True)  # why it was withdrawn: a code as of `Delivery.reason`
    note = models.CharField(max_length=200, blank=True)  # why it was left out, in the person's words
    copied_text = models.TextField(blank=True)  # what she was given to paste, the last time
    done_at = models.DateTimeField(null=True)  # when it ended, done or not
    done_by = models.ForeignKey(Assignee, on_delete=models.PROTECT, related_name="+", null=True)
    answers = models.JSONField(default=dict, blank=True)  # `task_policies.ANSWERS`
    evidence = models.ForeignKey("common.Asset", on_delete=models.PROTECT, related_name="+", null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=TaskState.values), name="task_item_state_known"),
        ]
        indexes = [
            # the tick that asks the guards again of what still waits
            models.Index(fields=["id"], condition=Q(state="open"), name="task_item_open"),
        ]

    def __str__(self) -> str:
        return self.label
