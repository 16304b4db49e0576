"""What campaigns answers when a delivery of its own is about to go out: may it still?"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet

from campaigns import origins
from campaigns.models import AnnouncementGroup, AnnouncementState, RunGroup
from community_ops.common.questions import Make, rows
from messaging.ports import ALLOWED, PAUSED, Verdict, origin_guards

if TYPE_CHECKING:
    from messaging.models import Delivery


class AnnouncementGuard:
    """Refuses what was cancelled and what goes to an archived group; lets wait what is paused."""

    def check_all(self, deliveries: Sequence["Delivery"], now: datetime) -> list[Verdict]:
        found = _facts_of(_of_announcements, deliveries)
        return [_announced(found.get((one.origin_id, one.target_id))) for one in deliveries]


class TouchGuard:
    """Refuses touches of a stopped run and those to an archived group; lets wait those of a paused run."""

    def check_all(self, deliveries: Sequence["Delivery"], now: datetime) -> list[Verdict]:
        found = _facts_of(_of_runs, deliveries)
        return [_touched(found.get((one.origin_id, one.target_id))) for one in deliveries]


def _facts_of(make: Make, deliveries: Sequence["Delivery"]) -> dict[tuple[int, int], tuple[Any, ...]]:
    """What the database says of each origin and group. One query."""
    origins_and_groups = {one.origin_id for one in deliveries}, {one.target_id for one in deliveries}
    return {(row[0], row[1]): row[2:] for row in rows(make, *map(sorted, origins_and_groups))}


def _of_announcements(announcement_ids: Sequence[int], group_ids: Sequence[int]) -> "QuerySet[Any, Any]":
    found = AnnouncementGroup.objects.filter(announcement_id__in=announcement_ids).filter(group_id__in=group_ids)
    facts = "announcement__state", "group__archived_at", "announcement__paused_at"
    return found.values_list("announcement_id", "group_id", *facts)


def _of_runs(run_ids: Sequence[int], group_ids: Sequence[int]) -> "QuerySet[Any, Any]":
    found = RunGroup.objects.filter(run_id__in=run_ids).filter(group_id__in=group_ids)
    return found.values_list("run_id", "group_id", "run__stopped_at", "group__archived_at", "run__paused_at")


def _announced(facts: tuple[Any, ...] | None) -> Verdict:
    if facts is None or facts[0] != AnnouncementState.SCHEDULED:
        return Verdict(allowed=False, reason=origins.ANNOUNCEMENT_CANCELLED)
    return _going_on(archived_at=facts[1], paused_at=facts[2])


def _touched(facts: tuple[Any, ...] | None) -> Verdict:
    if facts is None or facts[0] is not None:
        return Verdict(allowed=False, reason=origins.RUN_STOPPED)
    return _going_on(archived_at=facts[1], paused_at=facts[2])


def _going_on(*, archived_at: Any, paused_at: Any) -> Verdict:
    if archived_at is not None:
        return Verdict(allowed=False, reason=origins.GROUP_CLOSED)
    return ALLOWED if paused_at is None else PAUSED


_announcement_guard, _touch_guard = AnnouncementGuard(), TouchGuard()


def register() -> None:
    """Called from `AppConfig.ready()`."""
    origin_guards.register(origins.ANNOUNCEMENT, _announcement_guard)
    origin_guards.register(origins.TOUCH, _touch_guard)
