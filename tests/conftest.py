"""Fixtures of the whole suite, and what a missing service means."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.core.cache import caches
from django.core.management.color import Style
from django.db import connection
from django.test import Client
from django.utils import translation
from hypothesis import HealthCheck, settings
from pytest_httpserver import HTTPServer
from rest_framework.test import APIClient
from werkzeug import Request, Response

from community_ops.accounts.models import Role, Workspace
from community_ops.common import pulses
from messaging.services import books, calling, pictures
from messaging.services.limits import BOOK
from messaging.services.send_rules import RULES
from messaging.services.webhook_events import WANTED
from tests.factories.people import Someone, make_person, make_token, make_workspace

# A busy machine is slow; that is no finding about what is tested.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
REQUIRED = os.environ.get("REQUIRE_SERVICES") == "1"


def find_chromium() -> str | None:
    """The browser the page tests use; CHROMIUM names another one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot run here and say why; where services are required that is a failure."""
    missing = {}
    if connection.vendor != "postgresql":
        missing["postgres"] = "this run is on SQLite (set DATABASE_URL)"
    if not os.environ.get("REDIS_URL"):
        missing["redis"] = "this run is without Redis (set REDIS_URL)"
    if find_chromium() is None:
        missing["browser"] = "Chromium was not found"
        if REQUIRED:
            pytest.exit("Chromium is required here and was not found", returncode=1)
    for item in items:
        for mark, reason in missing.items():
            if item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    """A test that commits leaves few rows: deleting them takes PostgreSQL milliseconds, emptying 80 tables seconds."""
    original = type(connection.ops).sql_flush

    def sql_flush(ops: Any, style: Style, tables: Sequence[str], *, reset_sequences: bool = False, **how: Any) -> list:
        if reset_sequences:
            return original(ops, style, tables, reset_sequences=True, **how)
        return [f"DELETE FROM {ops.quote_name(table)}" for table in tables]

    with pytest.MonkeyPatch.context() as patch:
        if connection.vendor == "postgresql":
            patch.setattr(type(connection.ops), "sql_flush", sql_flush)
        yield


@pytest.fixture(autouse=True)
def fresh_pulses() -> None:
    """A job's pulse is written at most every five seconds a process; each test begins anew."""
    pulses._written_at.clear()


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    """What was asked for before counts in no other test."""
    caches["limits"].clear()


@pytest.fixture(autouse=True)
def fresh_books(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of limits and rules belongs to one test, and lasts through it: a slow machine asks no more."""
    monkeypatch.setattr(books, "KEPT_SECONDS", 3600.0)
    BOOK.forget()
    RULES.forget()
    WANTED.forget()


@pytest.fixture(autouse=True)
def fresh_parts() -> None:
    """How texts are cut and pictures are fitted is remembered; a test may let a platform take less, and keys of
    assets come again in the next test."""
    calling.cut.cache_clear()
    pictures._fitted.cache_clear()


@pytest.fixture(autouse=True)
def fresh_language() -> None:
    """A request leaves its language behind in the thread; each test begins with the installation's."""
    translation.deactivate()


@pytest.fixture
def hang_at(httpserver: HTTPServer) -> Iterator[Callable[[str], None]]:
    """Let the receiver take requests at a path and answer them only when the test is over.

    The receiver is shared and writes a request down when its handler ends: one that ended after the test would be
    in the log of the next.
    """
    over, begun = threading.Event(), []

    def hang(request: Request) -> Response:
        begun.append(request)
        over.wait(5)
        return Response("late")

    yield lambda path: httpserver.expect_request(path).respond_with_handler(hang)
    over.set()
    until = time.monotonic() + 5
    while time.monotonic() < until and not all(any(one is it for it, _ in httpserver.log) for one in begun):
        time.sleep(0.01)


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


@pytest.fixture
def owner(workspace: Workspace) -> Someone:
    return make_person(workspace, Role.OWNER)


@pytest.fixture
def teammate(workspace: Workspace) -> Someone:
    return make_person(workspace, Role.OPERATOR)


@pytest.fixture
def helper(workspace: Workspace) -> Someone:
    return make_person(workspace, Role.HELPER)


@pytest.fixture
def viewer(workspace: Workspace) -> Someone:
    return make_person(workspace, Role.VIEWER)


@pytest.fixture
def stranger(db: None) -> Someone:
    """The owner of another workspace."""
    return make_person(make_workspace(), Role.OWNER)


@pytest.fixture
def signed_in() -> Callable[[Someone], Client]:
    """A browser in which this person is signed in."""

    def sign_in(someone: Someone) -> Client:
        client = Client()
        client.force_login(someone.user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in


@pytest.fixture
def api_of() -> Callable[..., APIClient]:
    """A tool of this workspace with this role."""

    def tool(workspace: Workspace, role: str = Role.OWNER) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Token {make_token(workspace, role)}")
        return client

    return tool


@pytest.fixture
def api(workspace: Workspace, api_of: Callable[..., APIClient]) -> APIClient:
    return api_of(workspace)


@pytest.fixture
def foreign_api(stranger: Someone, api_of: Callable[..., APIClient]) -> APIClient:
    return api_of(stranger.workspace)
