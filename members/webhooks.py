"""What other tools may hear of from members: docs/api.md, "Events"."""

from django.utils.translation import gettext_lazy as _

from members.events import EventsIngested, MemberJoined, MemberLeft
from messaging.services.webhook_events import offer


def offer_events() -> None:
    """Called once when the apps are ready."""
    offer(
        MemberJoined,
        "member.joined",
        {"member": "member_id", "group": "group_id", "joined_at": "joined_at"},
        label=_("A member came into a group"),
    )
    offer(
        MemberLeft,
        "member.left",
        {"member": "member_id", "group": "group_id", "left_at": "left_at"},
        label=_("A member left a group"),
    )
    offer(
        EventsIngested,
        "events.received",
        {"groups": "group_ids"},
        label=_("Messages, joins or leaves of groups came in"),
    )
