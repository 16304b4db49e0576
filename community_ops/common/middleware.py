"""Middleware of the kernel."""

import re
from collections.abc import Callable

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext

from community_ops.common.request_context import request_id

_ID = re.compile(r"[A-Za-z0-9_-]{8,40}")
GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestIdMiddleware:
    """Every request has an id (the caller's `X-Request-ID` when well-formed), in audit rows, logs and the answer."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        offered = request.headers.get("X-Request-ID", "")
        with request_id(offered if _ID.fullmatch(offered) else "") as value:
            response = self.get_response(request)
            response["X-Request-ID"] = value
            return response


class BorrowedPagesPolicyMiddleware:
    """The admin's theme and Swagger write styles and evaluate expressions in the page; only they may."""

    PREFIXES = ("/admin/", "/api/v1/docs/")
    ALLOWED = {
        "script-src": [SELF, UNSAFE_INLINE, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:", "blob:"],
    }

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(self.PREFIXES):
            response._csp_replace = self.ALLOWED  # type: ignore[attr-defined]  # how django-csp is told
        return response


class ApiSlashMiddleware:
    """A change sent to an address without its last slash is 404: a redirect would arrive as a GET and look done."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_read = request.method in ("GET", "HEAD")
        if request.path.startswith("/api/") and not request.path.endswith("/") and not is_read:
            message = gettext("Addresses end with a slash: %(path)s/") % {"path": request.path[:200]}
            return JsonResponse({"code": "not_found", "message": message, "extra": {}}, status=404)
        return self.get_response(request)


class AdminTimeMiddleware:
    """The admin shows times in the zone communities live in; pages name the zone of each time themselves."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        with timezone.override(settings.DEFAULT_COMMUNITY_TIMEZONE):
            return self.get_response(request)


class ServiceUnavailableMiddleware:
    """A database that is away or too busy is 503 with Retry-After, never a 500."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, OperationalError | InterfaceError):
            return None
        return unavailable(request)


def unavailable(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/api/"):
        body = {"code": "unavailable", "message": gettext("Busy or restarting; try again in a moment."), "extra": {}}
        response: HttpResponse = JsonResponse(body, status=503)
    else:
        response = HttpResponse(render_to_string("503.html"), status=503)
    response["Retry-After"] = "2"
    return response
