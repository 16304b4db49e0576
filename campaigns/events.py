"""What campaigns tells upward."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from community_ops.common.events import Event


@dataclass(frozen=True, kw_only=True)
class _AnnouncementEvent(Event):
    announcement_id: int

    @property
    def aggregate_id(self) -> str:
        return f"announcement:{self.announcement_id}"


@dataclass(frozen=True, kw_only=True)
class AnnouncementScheduled(_AnnouncementEvent):
    name: ClassVar[str] = "campaigns.AnnouncementScheduled"
    due_at: datetime
    group_ids: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class AnnouncementMoved(_AnnouncementEvent):
    name: ClassVar[str] = "campaigns.AnnouncementMoved"
    due_at: datetime


@dataclass(frozen=True, kw_only=True)
class AnnouncementCancelled(_AnnouncementEvent):
    """`cancelled_count`: deliveries that were still planned and now are not sent."""

    name: ClassVar[str] = "campaigns.AnnouncementCancelled"
    cancelled_count: int


@dataclass(frozen=True, kw_only=True)
class _RunEvent(Event):
    run_id: int
    subject_kind: str
    subject_id: int

    @property
    def aggregate_id(self) -> str:
        return f"run:{self.run_id}"


@dataclass(frozen=True, kw_only=True)
class RunStarted(_RunEvent):
    """`planned_count` touches are planned, the others wait for a condition or were skipped."""

    name: ClassVar[str] = "campaigns.RunStarted"
    starts_at: datetime
    ends_at: datetime
    planned_count: int


@dataclass(frozen=True, kw_only=True)
class RunMoved(_RunEvent):
    name: ClassVar[str] = "campaigns.RunMoved"
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, kw_only=True)
class RunStopped(_RunEvent):
    name: ClassVar[str] = "campaigns.RunStopped"
    reason: str
    cancelled_count: int


@dataclass(frozen=True, kw_only=True)
class ConditionMet(_RunEvent):
    name: ClassVar[str] = "campaigns.ConditionMet"
    condition: str
    planned_count: int
    cancelled_count: int
