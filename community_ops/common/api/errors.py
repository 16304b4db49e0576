"""One shape for every refusal: `{"code","message","extra"}`, or `{field: [messages]}` for input."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.utils.encoding import force_str
from django.utils.translation import gettext as _
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from community_ops.common.errors import DomainError

_CODES = {
    status.HTTP_404_NOT_FOUND: "not_found",
    status.HTTP_403_FORBIDDEN: "not_allowed",
    status.HTTP_405_METHOD_NOT_ALLOWED: "method_not_allowed",
}


def body(code: str, message: Any, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"code": code, "message": force_str(message), "extra": extra or {}}


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: maps domain errors, validation errors and HTTP errors to the one shape."""
    answer = _answer(error)
    if answer is not None:
        set_rollback()
    return answer


def _answer(error: Exception) -> Response | None:
    if isinstance(error, DomainError):
        return _domain(error)
    if isinstance(error, exceptions.ValidationError):
        return Response(_validation(error.detail), status=400)
    if isinstance(error, exceptions.APIException):
        return _http(error)
    return _django(error)


def _django(error: Exception) -> Response | None:
    if isinstance(error, Http404):
        return Response(body("not_found", _("Not found.")), status=404)
    if isinstance(error, PermissionDenied):
        return Response(body("not_allowed", _("Your role does not allow this.")), status=403)
    if isinstance(error, OperationalError | InterfaceError):
        busy = body("unavailable", _("Busy or restarting; try again in a moment."))
        return Response(busy, status=503, headers={"Retry-After": "2"})
    return None


def _domain(error: DomainError) -> Response:
    if error.field and error.status == 400:
        return Response({error.field: [force_str(error.message)]}, status=400)
    return Response(body(error.code, error.message, error.extra), status=error.status)


def _validation(detail: Any) -> Any:
    return detail if isinstance(detail, dict) else {"non_field_errors": detail}


def _http(error: exceptions.APIException) -> Response:
    headers = {}
    if header := getattr(error, "auth_header", ""):
        headers["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    codes = error.get_codes()  # of one error its own code where it was given one, else the default of its kind
    code = _CODES.get(error.status_code, codes if isinstance(codes, str) else error.default_code)
    return Response(body(code, error.detail), status=error.status_code, headers=headers)
