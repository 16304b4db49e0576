"""A room that receives signed events, its group, and a sender."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from community_ops.accounts.models import Workspace
from community_ops.common import clock, dbtime, outbox
from groups.models import ChatGroup
from messaging import services
from messaging.inbound_models import InboundRoute, RawEvent
from messaging.models import Assignee, Endpoint
from messaging.platforms.signing import signature, signing_key
from messaging.services import receiving
from tests.factories.people import SYSTEM
from tests.members.makers import make_community, make_group
from tests.moments import NOON


@dataclass
class Sender:
    """Another tool: signs as Standard Webhooks says and posts."""

    client: Any
    code: str
    key: str

    def send(self, event: Any, *, identity: str = "msg_1", **changes: Any) -> Any:
        """`changes`: `body`, `timestamp`, `signed`, `code`; None leaves a header out."""
        body = changes.get("body", json.dumps(event, ensure_ascii=False).encode())
        timestamp = str(changes["timestamp"] if "timestamp" in changes else int(dbtime.now().timestamp()))
        signed = changes.get("signed", signature(signing_key(self.key), identity, timestamp, body))
        headers = {"webhook-id": identity, "webhook-timestamp": timestamp, "webhook-signature": signed}
        return self.client.post(
            f"/hooks/{changes.get('code', self.code)}/",
            data=body,
            content_type=changes.get("content_type", "application/json"),
            headers={name: value for name, value in headers.items() if value is not None},
        )


def said(text: str = "早上好", **changes: Any) -> dict[str, Any]:
    event = {"kind": "message", "occurred_at": "2026-11-21T12:00:00+08:00", "author": "u-1", "author_name": "李姐"}
    return event | {"text": text} | changes


def raw() -> list[tuple[str, str, int]]:
    return list(RawEvent.objects.order_by("id").values_list("state", "reason", "event_count"))


@pytest.fixture
def group(workspace, room: Endpoint) -> ChatGroup:
    return make_group(make_community(workspace), endpoint_id=room.pk)


@pytest.fixture
def hers(workspace: Workspace, person: Assignee) -> ChatGroup:
    """A group whose messages she posts by hand, and from which she may paste."""
    return make_group(make_community(workspace), name="晨跑 5 群", endpoint_id=person.endpoint_id)


@pytest.fixture
def phone(client: Client, person: Assignee) -> Client:
    """A phone on which she has opened her link."""
    client.get(f"/t/{services.issue_link(assignee=person, actor=SYSTEM, now=NOON)}")
    return client


@pytest.fixture
def opened(room: Endpoint) -> tuple[InboundRoute, str]:
    return receiving.open_route(connection=room.connection, actor=SYSTEM, now=NOON)


@pytest.fixture
def sender(client, opened) -> Sender:
    route, key = opened
    return Sender(client, route.code, key)


@pytest.fixture
def read() -> Callable[[], int]:
    """Read what came in and hand out what it says, as the workers do."""

    def run() -> int:
        now = clock.now()
        count = receiving.read_pending(now=now)
        while outbox.drain(now=now):
            pass
        return count

    return run
