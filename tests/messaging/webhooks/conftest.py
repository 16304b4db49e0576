"""Subscriptions whose receiver is a real local HTTP server, and events that really pass the outbox."""

import itertools
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import transaction
from pytest_httpserver import HTTPServer

from community_ops.accounts.models import Workspace
from community_ops.common import clock, outbox
from members.events import MemberJoined
from messaging.services import webhooks
from messaging.webhook_models import WebhookCall, WebhookSubscription
from tests.factories.people import SYSTEM
from tests.moments import NOON

numbers = itertools.count(1)


class Clock:
    """The product's clock, at the moment a test says."""

    def __init__(self) -> None:
        self.moment = NOON

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Clock:
    told = Clock()
    monkeypatch.setattr(clock, "now", told)
    return told


def subscribe(workspace: Workspace, url: str, **changes: Any) -> tuple[WebhookSubscription, str]:
    facts: dict[str, Any] = {"name": f"记账 {next(numbers)}", "url": url, "events": ["*"]}
    return webhooks.create_subscription(workspace_id=workspace.pk, **facts | changes, actor=SYSTEM, now=NOON)


@pytest.fixture
def subscription(workspace: Workspace, httpserver: HTTPServer) -> WebhookSubscription:
    return subscribe(workspace, httpserver.url_for("/told?key=in-the-address"))[0]


@pytest.fixture
def happen(workspace: Workspace) -> Callable[..., None]:
    """Somebody joins a group, and the outbox tells it on."""

    def join(count: int = 1, *, space: Workspace = workspace) -> None:
        for _ in range(count):
            member_id = next(numbers)
            event = MemberJoined(workspace_id=space.pk, member_id=member_id, group_id=7, joined_at=NOON)
            with transaction.atomic():
                outbox.publish(event)
        outbox.drain(now=clock.now())

    return join


@pytest.fixture
def call(at: Clock) -> Callable[..., int]:
    """Make what is due, in this thread, at this moment."""

    def run(now: datetime | None = None) -> int:
        at.moment = now or at.moment
        return webhooks.call_due(worker="tests", now=at.moment)

    return run


@pytest.fixture
def only_call() -> Callable[[], WebhookCall]:
    return WebhookCall.objects.get


def received(httpserver: HTTPServer) -> list[Any]:
    return [request for request, _ in httpserver.log]
