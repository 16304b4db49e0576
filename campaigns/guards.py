"""What campaigns answers when a delivery of its own is about to go out: may it still?"""

from datetime import datetime
from typing import TYPE_CHECKING

from campaigns import origins
from campaigns.models import AnnouncementGroup, AnnouncementState, RunGroup
from messaging.ports import ALLOWED, Verdict, origin_guards

if TYPE_CHECKING:
    from messaging.models import Delivery


class AnnouncementGuard:
    """Refuses what was cancelled and what goes to an archived group."""

    def check(self, delivery: "Delivery", now: datetime) -> Verdict:
        rows = AnnouncementGroup.objects.filter(announcement_id=delivery.origin_id, group_id=delivery.target_id)
        found = rows.values_list("announcement__state", "group__archived_at").first()
        if found is None or found[0] != AnnouncementState.SCHEDULED:
            return Verdict(allowed=False, reason=origins.ANNOUNCEMENT_CANCELLED)
        return ALLOWED if found[1] is None else Verdict(allowed=False, reason=origins.GROUP_CLOSED)


class TouchGuard:
    """Refuses touches of a stopped run and those to an archived group."""

    def check(self, delivery: "Delivery", now: datetime) -> Verdict:
        rows = RunGroup.objects.filter(run_id=delivery.origin_id, group_id=delivery.target_id)
        found = rows.values_list("run__stopped_at", "group__archived_at").first()
        if found is None or found[0] is not None:
            return Verdict(allowed=False, reason=origins.RUN_STOPPED)
        return ALLOWED if found[1] is None else Verdict(allowed=False, reason=origins.GROUP_CLOSED)


_announcement_guard, _touch_guard = AnnouncementGuard(), TouchGuard()


def register() -> None:
    """Called from `AppConfig.ready()`."""
    origin_guards.register(origins.ANNOUNCEMENT, _announcement_guard)
    origin_guards.register(origins.TOUCH, _touch_guard)
