"""Communities, groups and endpoints for the stories of campaigns."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import translation

from campaigns import services
from campaigns.models import Announcement, Playbook, PlaybookRun
from community_ops.accounts.models import Workspace
from community_ops.common import clock
from groups.models import ChatGroup, Community
from messaging.models import Delivery, Endpoint
from tests.factories.channels import bare_endpoint
from tests.factories.people import SYSTEM, Someone
from tests.moments import NOON

MakeGroup = Callable[..., ChatGroup]
Write = Callable[..., Announcement]
Start = Callable[..., PlaybookRun]
Page = Callable[..., HttpResponse]
SignIn = Callable[[Someone], Client]
HTMX = {"HX-Request": "true"}
UNREACHED = {"platform_code": "not_sent", "platform_text": "the name could not be resolved"}
START = NOON + timedelta(days=7)
END = START + timedelta(hours=2)


def make_community(workspace: Workspace, **facts: str) -> Community:
    defaults = {"name": "羊毛衫同好会", "shared_task": "一起穿得暖", "kind": "product", "timezone": "Asia/Shanghai"}
    return Community.objects.create(workspace=workspace, **(defaults | facts))


def make_endpoint(workspace: Workspace, platform: str = "sandbox", name: str = "模拟群") -> Endpoint:
    return bare_endpoint(workspace, platform, name)


def make_group(community: Community, name: str = "一群", platform: str = "sandbox", **facts: object) -> ChatGroup:
    """With an endpoint on `platform`, or without one when it is empty."""
    endpoint = make_endpoint(community.workspace, platform, name) if platform else None
    return ChatGroup.objects.create(
        workspace=community.workspace, community=community, name=name, kind="long_term", endpoint=endpoint, **facts
    )


@pytest.fixture
def community(workspace: Workspace) -> Community:
    return make_community(workspace)


@pytest.fixture
def group(community: Community) -> ChatGroup:
    return make_group(community, "一群")


@pytest.fixture
def second_group(community: Community) -> ChatGroup:
    return make_group(community, "二群")


@pytest.fixture
def silent_group(community: Community) -> ChatGroup:
    """A group that is not connected to anything."""
    return make_group(community, "没接通的群", platform="")


@pytest.fixture
def foreign_group(stranger: Someone) -> ChatGroup:
    return make_group(make_community(stranger.workspace), "别人的群")


@pytest.fixture
def write(workspace: Workspace, group: ChatGroup) -> Write:
    """Write a draft; to the first group in an hour unless told otherwise."""

    def write_draft(
        *groups: ChatGroup, text: str = "晚上八点见", due_at: datetime = NOON + timedelta(hours=1)
    ) -> Announcement:
        draft = services.AnnouncementDraft(groups=groups or [group], text=text, due_at=due_at)
        return services.create_announcement(workspace_id=workspace.pk, draft=draft, actor=SYSTEM, now=NOON)

    return write_draft


@pytest.fixture
def ladder(workspace: Workspace) -> Playbook:
    return services.built_in_playbook(workspace_id=workspace.pk, key="flash-sale", now=NOON)


@pytest.fixture
def minute_ladder(workspace: Workspace) -> Playbook:
    return services.built_in_playbook(workspace_id=workspace.pk, key="demo-ladder", now=NOON)


@pytest.fixture
def start(ladder: Playbook, group: ChatGroup) -> Start:
    """Start the big ladder a week before its sale unless told otherwise."""

    def start_run(
        *groups: ChatGroup,
        starts_at: datetime = START,
        ends_at: datetime = END,
        subject_id: int = 1,
        playbook: Playbook = ladder,
        now: datetime = NOON,
    ) -> PlaybookRun:
        return services.start_run(
            playbook=playbook,
            subject_kind="flash_sale",
            subject_id=subject_id,
            starts_at=starts_at,
            ends_at=ends_at,
            group_ids=[chosen.pk for chosen in groups or [group]],
            label="羊毛衫限时抢购",
            actor=SYSTEM,
            now=now,
        )

    return start_run


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def page(owner: Someone, signed_in: SignIn) -> Page:
    """Open a page of the workspace as its owner, in English."""
    client = signed_in(owner)

    def open_page(path: str, data: dict[str, Any] | None = None, method: str = "get", **headers: str) -> HttpResponse:
        headers = {"Accept-Language": "en"} | headers
        return getattr(client, method)(f"/w/{owner.workspace.slug}/{path}", data or {}, headers=headers)

    return open_page


def text_of(answer: HttpResponse) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


def schedule(announcement: Announcement) -> None:
    services.schedule_announcement(announcement=announcement, actor=SYSTEM, now=NOON)


def make_fail(group: ChatGroup) -> None:
    """Let the platform have refused the group's last message for good."""
    draft = services.AnnouncementDraft(groups=[group], text="x", due_at=NOON)
    earlier = services.create_announcement(workspace_id=group.workspace_id, draft=draft, actor=SYSTEM, now=NOON)
    schedule(earlier)
    Delivery.objects.filter(origin_id=earlier.pk).update(
        state="failed", reason="refused", sending_at=NOON, platform_code="93000", platform_text="invalid webhook url"
    )
