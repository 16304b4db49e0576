"""Names by which campaigns' deliveries are known in `messaging`."""

ANNOUNCEMENT = "announcement"  # origin_id: the announcement
TOUCH = "touch"  # origin_id: the run; the touch is found by its source key
GROUP = "group"  # target_kind
ANNOUNCEMENT_CANCELLED = "announcement_cancelled"
RUN_STOPPED = "run_stopped"
GROUP_CLOSED = "group_closed"


def announcement_key(announcement_id: int, occurrence_id: int, group_id: int) -> str:
    """kind:object:occurrence:target, unique per workspace."""
    return f"{ANNOUNCEMENT}:{announcement_id}:{occurrence_id}:{group_id}"


def touch_key(run_id: int, step_id: int, group_id: int, *, revision: int) -> str:
    """A touch that was called off and planned again has another revision, so its old row stays as history."""
    return f"{TOUCH}:{run_id}:{step_id}.{revision}:{group_id}"
