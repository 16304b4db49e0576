"""Communities, groups, members and events for the stories of groups, members, retention and culture."""

import itertools
from datetime import datetime
from typing import Any

from community_ops.accounts.models import Workspace
from groups.models import ChatGroup, Community
from members import services
from members.models import Member
from messaging.models import Endpoint
from tests.factories.channels import bare_endpoint
from tests.factories.people import SYSTEM
from tests.moments import NOON

_numbers = itertools.count(1)


def make_community(workspace: Workspace, **facts: Any) -> Community:
    defaults = {"name": "晨跑社", "shared_task": "每天一起跑 3 公里", "kind": "interest", "timezone": "Asia/Shanghai"}
    return Community.objects.create(workspace=workspace, **(defaults | facts))


def make_endpoint(workspace: Workspace, name: str = "模拟群") -> Endpoint:
    return bare_endpoint(workspace, name=name)


def make_group(community: Community, name: str = "1 群", **facts: Any) -> ChatGroup:
    return ChatGroup.objects.create(
        workspace=community.workspace, community=community, name=name, kind="long_term", **facts
    )


def make_member(community: Community, name: str = "", **facts: Any) -> Member:
    return services.create_member(
        community=community, name=name or f"群友 {next(_numbers)}", actor=SYSTEM, now=NOON, **facts
    )


def event(group: ChatGroup, event_id: str = "", **changes: Any) -> dict[str, Any]:
    """A raw event as other tools send it: a message at noon unless told otherwise."""
    return {
        "event_id": event_id or f"e{next(_numbers)}",
        "kind": "message",
        "occurred_at": "2026-11-21T12:00:00Z",
        "group": group.pk,
        "author": "李姐",
        "text": "早上好",
    } | changes


def ingest(group: ChatGroup, *events: dict[str, Any], now: datetime = NOON) -> services.Outcome:
    return services.ingest_events(workspace_id=group.workspace_id, events=list(events), actor=SYSTEM, now=now)
