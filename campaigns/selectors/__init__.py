"""Reads of campaigns, by topic; this is what other apps call."""

from campaigns.selectors.calendar import CalendarItem, GroupState, calendar_items, states_of_announcement, states_of_run
from campaigns.selectors.reads import (
    announcements_visible_to,
    deliveries_of,
    deliveries_of_run,
    find_last_run,
    find_live_run,
    get_announcement,
    get_playbook,
    get_run,
    groups_to_choose,
    home_zone,
    platforms_of,
    playbooks_visible_to,
    runs_visible_to,
    state_shown,
    touches_of,
)

__all__ = [
    "CalendarItem",
    "GroupState",
    "announcements_visible_to",
    "calendar_items",
    "deliveries_of",
    "deliveries_of_run",
    "find_last_run",
    "find_live_run",
    "get_announcement",
    "get_playbook",
    "get_run",
    "groups_to_choose",
    "home_zone",
    "platforms_of",
    "playbooks_visible_to",
    "runs_visible_to",
    "state_shown",
    "states_of_announcement",
    "states_of_run",
    "touches_of",
]
