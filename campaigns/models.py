"""Announcements, playbooks and their runs. What goes out is a delivery of `messaging`; here is why it goes out."""

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from community_ops.common.tenancy import TenantModel
from messaging.selectors import Card, Purpose, plain_words


class AnnouncementState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SCHEDULED = "scheduled", _("Scheduled")
    CANCELLED = "cancelled", _("Cancelled")


class Announcement(TenantModel):
    """群消息: a text that goes to groups at a time. When it is repeated one day, each time is an Occurrence."""

    text = models.TextField()
    is_markdown = models.BooleanField(default=False)  # `messaging.markup`
    may_split = models.BooleanField(default=False)  # cut where it is longer than a platform takes, else refused
    image = models.ForeignKey("common.Asset", on_delete=models.PROTECT, related_name="+", null=True)
    card = models.JSONField(default=dict, blank=True)  # fields of `messaging.Card`, or nothing
    file = models.ForeignKey("common.Asset", on_delete=models.PROTECT, related_name="+", null=True)
    due_at = models.DateTimeField()
    latest_at = models.DateTimeField(null=True)  # what has not begun by then is not sent at all
    purpose = models.CharField(max_length=10, choices=Purpose, default=Purpose.NOTICE)
    state = models.CharField(max_length=10, choices=AnnouncementState, default=AnnouncementState.DRAFT)
    scheduled_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)  # what has not gone out waits until somebody lets it go on

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=AnnouncementState.values), name="announcement_state_known"),
            models.CheckConstraint(condition=Q(purpose__in=Purpose.values), name="announcement_purpose_known"),
            models.CheckConstraint(
                condition=Q(latest_at__isnull=True) | Q(latest_at__gt=models.F("due_at")),
                name="announcement_latest_after_due",
            ),
        ]
        indexes = [
            # list: newest first
            models.Index(fields=["workspace", "-due_at", "-id"], name="announcement_newest"),
        ]

    def __str__(self) -> str:
        return self.words[:40]

    @property
    def words(self) -> str:
        """The text without its marks, for lists and headings."""
        return plain_words(self.text, is_markdown=self.is_markdown)

    @property
    def link_card(self) -> Card | None:
        """The link card that goes with it."""
        return Card(**self.card) if self.card else None

    @property
    def may_be_late(self) -> timedelta | None:
        """How late it may go out; None: however late it is."""
        return None if self.latest_at is None else self.latest_at - self.due_at

    def move_to(self, due_at: datetime) -> None:
        """Another time; its latest moment stays as long after it. Saves nothing."""
        late = self.may_be_late
        self.due_at, self.latest_at = due_at, due_at + late if late is not None else None


class AnnouncementGroup(TenantModel):
    """One group an announcement goes to."""

    announcement = models.ForeignKey(Announcement, on_delete=models.CASCADE, related_name="targets")
    group = models.ForeignKey("groups.ChatGroup", on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "announcement", "group"], name="announcement_group_once"),
        ]

    def __str__(self) -> str:
        return f"{self.announcement_id} -> {self.group_id}"


class Occurrence(TenantModel):
    """One time an announcement goes out. Its deliveries exist once `planned_at` is set."""

    announcement = models.ForeignKey(Announcement, on_delete=models.CASCADE, related_name="occurrences")
    due_at = models.DateTimeField()
    planned_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "announcement", "due_at"], name="occurrence_once"),
        ]
        indexes = [
            # plan_due: occurrences whose deliveries are missing
            models.Index(fields=["id"], condition=Q(planned_at__isnull=True), name="occurrence_unplanned"),
            # calendar: what goes out between two moments
            models.Index(fields=["workspace", "due_at"], name="occurrence_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.announcement_id} @ {self.due_at:%Y-%m-%d %H:%M}"


class Playbook(TenantModel):
    """群SOP: a version of a plan of touches around an anchor. Versions are never changed, a change is a new one."""

    key = models.SlugField(max_length=50)
    version = models.PositiveIntegerField()
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)
    is_built_in = models.BooleanField(default=False)
    published_at = models.DateTimeField(null=True)
    archived_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "key", "version"], name="playbook_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.key} v{self.version}"


class Anchor(models.TextChoices):
    START = "start", _("start")
    END = "end", _("end")
    CONDITION = "condition", _("condition")


class PlaybookStep(TenantModel):
    """One touch of a plan: when, with which words, until when at the latest, and what calls it off.

    Start and end steps are due `offset_seconds` from their anchor; with `local_time` they are due at that wall
    time, `offset_days` from the anchor's day in the group's zone. Condition steps are due when a higher app says
    that `condition` has come true. `texts`: words by language code, in the placeholder language of `common`.
    """

    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="steps")
    key = models.SlugField(max_length=50)
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=100)
    anchor = models.CharField(max_length=10, choices=Anchor)
    offset_seconds = models.IntegerField(default=0)
    offset_days = models.SmallIntegerField(default=0)
    local_time = models.TimeField(null=True)
    condition = models.SlugField(max_length=50, blank=True)
    texts = models.JSONField(default=dict)
    latest_seconds = models.PositiveIntegerField()  # later than this after its time it is not sent at all
    stops_on = models.JSONField(default=list)  # conditions that call this step off
    needs = models.CharField(max_length=300, blank=True)  # what people must do so that the words are true

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "playbook", "key"], name="playbook_step_once"),
            models.CheckConstraint(condition=Q(anchor__in=Anchor.values), name="playbook_step_anchor_known"),
            models.CheckConstraint(
                condition=Q(anchor="condition", local_time__isnull=True) & ~Q(condition="")
                | ~Q(anchor="condition") & Q(condition=""),
                name="playbook_step_condition_named",
            ),
        ]
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.key


class RunState(models.TextChoices):
    """What is shown; stored is only whether a run was stopped, the rest follows from its times."""

    PLANNED = "planned", _("planned")
    RUNNING = "running", _("running")
    PAUSED = "paused", _("paused")
    FINISHED = "finished", _("finished")
    STOPPED = "stopped", _("stopped")


class PlaybookRun(TenantModel):
    """A playbook at work on one subject of a higher app (a flash sale …) between two anchors."""

    playbook = models.ForeignKey(Playbook, on_delete=models.PROTECT, related_name="runs")
    subject_kind = models.SlugField(max_length=50)
    subject_id = models.BigIntegerField()
    label = models.CharField(max_length=200)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True)
    stop_reason = models.CharField(max_length=100, blank=True)
    paused_at = models.DateTimeField(null=True)  # what has not gone out waits until somebody lets it go on

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "subject_kind", "subject_id"],
                condition=Q(stopped_at__isnull=True),
                name="one_live_run_per_subject",
            ),
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="run_ends_after_start"),
        ]
        indexes = [
            # list: newest first
            models.Index(fields=["workspace", "-starts_at", "-id"], name="run_newest"),
        ]

    def __str__(self) -> str:
        return self.label

    def state_at(self, now: datetime) -> RunState:
        """Where the run stands; computed from its times, never by a tick having run."""
        if self.stopped_at is not None:
            return RunState.STOPPED
        if now >= self.ends_at:
            return RunState.FINISHED
        if self.paused_at is not None:
            return RunState.PAUSED
        return RunState.PLANNED if now < self.starts_at else RunState.RUNNING


class RunGroup(TenantModel):
    """One group a run speaks to."""

    run = models.ForeignKey(PlaybookRun, on_delete=models.CASCADE, related_name="targets")
    group = models.ForeignKey("groups.ChatGroup", on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "run", "group"], name="run_group_once")]

    def __str__(self) -> str:
        return f"{self.run_id} -> {self.group_id}"


class RunCondition(TenantModel):
    """A condition that came true in a run; written once, so its steps fire once."""

    run = models.ForeignKey(PlaybookRun, on_delete=models.CASCADE, related_name="conditions")
    condition = models.SlugField(max_length=50)
    met_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "run", "condition"], name="run_condition_once")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.condition}"


class TouchState(models.TextChoices):
    WAITING = "waiting", _("waits for its condition")
    PLANNED = "planned", _("planned")  # a delivery exists: what became of it is the delivery's state
    SKIPPED = "skipped", _("skipped")  # by `reason`, before anything was planned
    STOPPED = "stopped", _("called off")  # by `reason`, after it had been planned or while it waited


class Touch(TenantModel):
    """One step of a run in one group. `source_key` names its delivery in `messaging`."""

    run = models.ForeignKey(PlaybookRun, on_delete=models.CASCADE, related_name="touches")
    step = models.ForeignKey(PlaybookStep, on_delete=models.PROTECT, related_name="+")
    group = models.ForeignKey("groups.ChatGroup", on_delete=models.PROTECT, related_name="+")
    due_at = models.DateTimeField(null=True)  # none while a condition has not come true
    latest_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=TouchState)
    reason = models.CharField(max_length=40, blank=True)
    revision = models.PositiveSmallIntegerField(default=1)  # how often it was planned: called off and again
    source_key = models.CharField(max_length=160)

    class Meta:
        verbose_name_plural = "touches"
        constraints = [
            models.UniqueConstraint(fields=["workspace", "run", "step", "group"], name="touch_once"),
            models.UniqueConstraint(fields=["workspace", "source_key"], name="touch_source_once"),
            models.CheckConstraint(condition=Q(state__in=TouchState.values), name="touch_state_known"),
            models.CheckConstraint(
                condition=~Q(state="planned") | Q(due_at__isnull=False), name="planned_touch_has_a_time"
            ),
        ]
        indexes = [
            # calendar: touches between two moments
            models.Index(fields=["workspace", "due_at"], name="touch_by_time"),
        ]

    def __str__(self) -> str:
        return self.source_key
