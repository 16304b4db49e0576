"""No line that is written tells an address that opens something to whoever has it."""

import logging
import secrets
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client
from gunicorn.config import Config

from community_ops.common.logs import mask
from community_ops.common.web_logs import MaskingLogger
from tests.log_lines import written

CODE = "Zk3-_x9QfLr7WmTt0aBcDe"  # as secrets.token_urlsafe(16) makes them
VIEWS = {  # address, and what its view asks first
    f"/t/{CODE}": "messaging.public_task_views.task_selectors",
    f"/p/{CODE}": "members.public_views.selectors",
    f"/f/{CODE}": "community_ops.common.asset_views.find_by_link",
    f"/hooks/{CODE}/": "messaging.hook_views.dbtime",
}


class Broken:
    """Whatever is asked of it, it raises this."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str) -> "Broken":
        return self

    def __call__(self, *args: object, **facts: object) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [(OperationalError("gone"), 503, "Service Unavailable"), (ValueError("odd"), 500, "Internal Server Error")],
)
@pytest.mark.parametrize("address", VIEWS)
def test_a_request_that_fails_is_written_down_without_its_code(db, monkeypatch, address, error, status, words) -> None:
    monkeypatch.setattr(VIEWS[address], Broken(error))
    browser = Client(raise_request_exception=False)
    with written() as lines:
        answer = browser.post(address) if "hooks" in address else browser.get(address)
    assert answer.status_code == status
    assert CODE not in lines.getvalue()
    assert f"{words}: {address.replace(CODE, '***')} " in lines.getvalue()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"GET /t/{CODE} HTTP/1.1", "GET /t/*** HTTP/1.1"),
        (f"https://ops.example/hooks/{CODE}/?x=1", "https://ops.example/hooks/***/?x=1"),
        (f"/sign-in/?next=%2Ft%2F{CODE}", "/sign-in/?next=%2Ft%2F***"),
        ("/p/Zk3-_x9Qco_7WmTt0aBcDe", "/p/***"),
        ("/f/WzcsImFiY2RlZiJd:1a2b3c_4d-5e.x", "/f/***"),
        ("/t/ /t/12/copy/ /t/paste/ /t/sign-out/ /p/x", "/t/ /t/12/copy/ /t/paste/ /t/sign-out/ /p/x"),
        ("/w/running-club/tasks/new/message_of_the_day/", "/w/running-club/tasks/new/message_of_the_day/"),
    ],
)
def test_of_an_address_only_its_code_is_masked(said, shown) -> None:
    assert mask(said) == shown


def test_every_code_is_long_enough_to_be_seen() -> None:
    assert all(mask(f"/t/{secrets.token_urlsafe(16)}") == "/t/***" for _ in range(200))


def test_codes_in_arguments_extras_and_tracebacks_are_masked() -> None:
    with written() as lines:
        try:
            raise ValueError(f"no route for /hooks/{CODE}/")
        except ValueError:
            logging.getLogger("tests.logs").exception("at %s", f"/p/{CODE}", extra={"path": f"/t/{CODE}"})
    assert CODE not in lines.getvalue()
    for part in ("at /p/***", '{"path": "/t/***"}', "no route for /hooks/***/"):
        assert part in lines.getvalue()


def test_no_other_handler_of_django_writes_unmasked_lines() -> None:
    for name in ("django", "django.request", "django.server"):
        assert logging.getLogger(name).handlers == []
        assert logging.getLogger(name).propagate
    assert settings.LOGGING["root"]["handlers"] == ["stderr"]


def test_what_gunicorn_writes_itself_is_masked(capsys) -> None:
    log = MaskingLogger(Config())
    try:
        try:
            raise ConnectionError(f"/hooks/{CODE}")
        except ConnectionError:
            log.exception("Error handling request %s", SimpleNamespace(uri=f"/t/{CODE}").uri)
    finally:
        log.error_log.handlers.clear()
    said = capsys.readouterr().err
    assert CODE not in said
    assert "Error handling request /t/***" in said
    assert "ConnectionError: /hooks/***" in said
