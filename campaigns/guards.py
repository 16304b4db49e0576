"""What campaigns answers when a delivery of its own is about to go out: may it still?"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet

from campaigns import origins
from campaigns.models import AnnouncementGroup, AnnouncementState, RunGroup
from community_ops.common.questions import first_row
from messaging.ports import ALLOWED, PAUSED, Verdict, origin_guards

if TYPE_CHECKING:
    from messaging.models import Delivery


class AnnouncementGuard:
    """Refuses what was cancelled and what goes to an archived group; lets wait what is paused."""

    def check(self, delivery: "Delivery", now: datetime) -> Verdict:
        found = first_row(_of_announcement, delivery.origin_id, delivery.target_id)
        if found is None or found[0] != AnnouncementState.SCHEDULED:
            return Verdict(allowed=False, reason=origins.ANNOUNCEMENT_CANCELLED)
        return _going_on(archived_at=found[1], paused_at=found[2])


class TouchGuard:
    """Refuses touches of a stopped run and those to an archived group; lets wait those of a paused run."""

    def check(self, delivery: "Delivery", now: datetime) -> Verdict:
        found = first_row(_of_run, delivery.origin_id, delivery.target_id)
        if found is None or found[0] is not None:
            return Verdict(allowed=False, reason=origins.RUN_STOPPED)
        return _going_on(archived_at=found[1], paused_at=found[2])


def _of_announcement(announcement_id: int, group_id: int) -> "QuerySet[Any, Any]":
    rows = AnnouncementGroup.objects.filter(announcement_id=announcement_id).filter(group_id=group_id)
    return rows.values_list("announcement__state", "group__archived_at", "announcement__paused_at")


def _of_run(run_id: int, group_id: int) -> "QuerySet[Any, Any]":
    rows = RunGroup.objects.filter(run_id=run_id).filter(group_id=group_id)
    return rows.values_list("run__stopped_at", "group__archived_at", "run__paused_at")


def _going_on(*, archived_at: Any, paused_at: Any) -> Verdict:
    if archived_at is not None:
        return Verdict(allowed=False, reason=origins.GROUP_CLOSED)
    return ALLOWED if paused_at is None else PAUSED


_announcement_guard, _touch_guard = AnnouncementGuard(), TouchGuard()


def register() -> None:
    """Called from `AppConfig.ready()`."""
    origin_guards.register(origins.ANNOUNCEMENT, _announcement_guard)
    origin_guards.register(origins.TOUCH, _touch_guard)
