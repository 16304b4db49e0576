"""Endpoints of every platform, played by a real local HTTP server, and deliveries to them."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from community_ops.accounts.models import Workspace
from community_ops.common import net
from messaging import services
from messaging.models import Assignee, Delivery, Endpoint, HumanTask, SendBudget
from messaging.platforms.base import Size, Unit
from messaging.platforms.sandbox.adapter import SandboxAdapter
from messaging.platforms.webhook.adapter import WebhookAdapter
from messaging.ports import ALLOWED, OneByOne, Verdict, origin_guards
from messaging.services.limits import BOOK
from tests.factories.people import SYSTEM
from tests.moments import NOON

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ROBOT_KEY = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
numbers = itertools.count(1)


class Guard(OneByOne):
    """Answers what the test says, and counts how often it was asked."""

    def __init__(self) -> None:
        self.verdict, self.asked_count = ALLOWED, 0

    def check(self, delivery: Delivery, now: datetime) -> Verdict:
        self.asked_count += 1
        return self.verdict


@pytest.fixture(autouse=True)
def _fresh_connections() -> Any:
    """A receiver that ends between tests must not leave connections for the next one."""
    yield
    net.close_connections()


@pytest.fixture
def cooled() -> Callable[[], None]:
    """The time an account was told to wait is over: it runs on the database's clock, which no test shifts."""

    def pass_time() -> None:
        SendBudget.objects.update(cooldown_until=None, queue_until=None)
        BOOK.forget()

    return pass_time


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> Guard:
    """The guard of the origin `test`."""
    answer = Guard()
    monkeypatch.setitem(origin_guards._answers, "test", answer)
    return answer


def make_endpoint(workspace: Workspace, platform: str, **config: Any) -> Endpoint:
    name = f"{platform} {next(numbers)}"
    return services.create_endpoint(
        workspace_id=workspace.pk, name=name, platform=platform, config=config, actor=SYSTEM, now=NOON
    )


@pytest.fixture
def receivers() -> Iterator[HTTPServer]:
    """A receiver that takes several calls at a time; the suite's own takes one after another."""
    server = HTTPServer(threaded=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Platforms that take eight characters, and no caption under an image."""
    for adapter in (SandboxAdapter, WebhookAdapter):
        known = adapter.capabilities
        assert known.image is not None
        image = replace(known.image, caption=None)
        changed = replace(known, text=Size(8, Unit.CHARACTERS), markdown=None, image=image)
        monkeypatch.setattr(adapter, "capabilities", changed)


@pytest.fixture
def room(workspace: Workspace) -> Endpoint:
    return make_endpoint(workspace, "sandbox")


@pytest.fixture
def hook(workspace: Workspace, httpserver: HTTPServer) -> Endpoint:
    return make_endpoint(workspace, "webhook", url=httpserver.url_for("/hook"), secret=SECRET)


@pytest.fixture
def robot(workspace: Workspace, httpserver: HTTPServer) -> Endpoint:
    return make_endpoint(workspace, "wecom_robot", key=ROBOT_KEY, base_url=httpserver.url_for("").rstrip("/"))


@pytest.fixture
def plan(workspace: Workspace, guard: Guard) -> Callable[..., Delivery]:
    """Plan one delivery of the origin `test`, due at noon."""

    def one(endpoint: Endpoint | None, **changes: Any) -> Delivery:
        number = next(numbers)
        facts: dict[str, Any] = {
            "source_key": f"test:{number}",
            "endpoint_id": endpoint and endpoint.pk,
            "text": "今晚八点开抢",
            "due_at": NOON,
            "origin": "test",
            "origin_id": number,
            "target_id": 7,
            "target_label": "晨跑 1 群",
        }
        planned = services.PlannedSend(**facts | changes)
        return services.plan_deliveries(workspace_id=workspace.pk, plans=[planned], actor=SYSTEM, now=NOON)[0]

    return one


@pytest.fixture
def deliver() -> Callable[..., int]:
    """Send what is due, in this thread and at this moment."""

    def run(now: datetime = NOON) -> int:
        return services.deliver_due(worker="tests", now=now)

    return run


@pytest.fixture
def fresh() -> Callable[[Delivery], Delivery]:
    def read(delivery: Delivery) -> Delivery:
        return Delivery.objects.select_related("message", "endpoint__connection").get(pk=delivery.pk)

    return read


@pytest.fixture
def new_person(workspace: Workspace) -> Callable[..., Assignee]:
    """Somebody who sends by hand."""

    def make(name: str = "", **facts: Any) -> Assignee:
        name = name or f"阿May {next(numbers)}"
        return services.create_assignee(workspace_id=workspace.pk, name=name, actor=SYSTEM, now=NOON, **facts)

    return make


@pytest.fixture
def person(new_person: Callable[..., Assignee]) -> Assignee:
    return new_person("阿May")


@pytest.fixture
def card(person: Assignee, plan: Callable[..., Delivery], deliver: Callable[..., int]) -> HumanTask:
    """A touch in three groups that was handed over at noon."""
    for number in (1, 2, 3):
        plan(person.endpoint, origin_id=77, target_id=number, target_label=f"晨跑 {number} 群")
    deliver()
    return HumanTask.objects.get()
