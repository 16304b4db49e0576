"""Security headers, request ids, and a database that is away."""

import pytest
from django.db import OperationalError
from django.test import RequestFactory

from community_ops.common.middleware import ServiceUnavailableMiddleware


def test_our_pages_allow_no_inline_script_or_style_and_borrowed_ones_do(db, client) -> None:
    ours = client.get("/sign-in/")["Content-Security-Policy"]
    admin = client.get("/admin/login/")["Content-Security-Policy"]
    assert "unsafe" not in ours
    assert "script-src 'self' 'unsafe-inline' 'unsafe-eval'" in admin
    for policy in (ours, admin):
        assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    ("offered", "kept"), [("abcdef-123456", True), ("x", False), ("<script>alert</script>", False)]
)
def test_a_well_formed_request_id_is_kept(client, offered, kept) -> None:
    answered = client.get("/health/live", headers={"X-Request-ID": offered})["X-Request-ID"]
    assert (answered == offered) is kept
    assert len(answered) >= 8


@pytest.mark.parametrize(("path", "kind"), [("/w/demo/today/", "text/html"), ("/api/v1/groups/", "application/json")])
def test_a_database_that_is_away_is_503_with_retry_after(path, kind) -> None:
    middleware = ServiceUnavailableMiddleware(lambda request: None)
    answer = middleware.process_exception(RequestFactory().get(path), OperationalError("gone"))
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert answer["Content-Type"].startswith(kind)


def test_another_error_is_not_hidden() -> None:
    middleware = ServiceUnavailableMiddleware(lambda request: None)
    assert middleware.process_exception(RequestFactory().get("/"), ValueError()) is None
