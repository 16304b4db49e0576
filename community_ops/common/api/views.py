"""Base of every viewset: no DELETE, no PUT/PATCH, idempotency on POST, one error shape."""

from functools import partial
from typing import Any, ClassVar, cast

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext_noop
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from community_ops.common.actors import Actor
from community_ops.common.api.idempotency import once
from community_ops.common.errors import DomainError


class BodyTooLarge(DomainError):
    code = "body_too_large"
    status = 413
    message = gettext_noop("The body is too large.")


class TenantViewSet(GenericViewSet):
    """`allowed` maps each of the viewset's actions to a row of the role table (accounts.policies).

    Subclasses give `get_queryset()` by a selector that takes `self.actor`.
    """

    http_method_names = ["get", "post", "head"]
    allowed: ClassVar[dict[str, str]] = {}
    calls_outside: ClassVar[frozenset[str]] = frozenset()  # actions that ask another system: never in a transaction

    @property
    def actor(self) -> Actor:
        """Who asks: set by the token authentication."""
        return cast(Actor, self.request.auth)

    @property
    def workspace_id(self) -> int:
        assert self.actor.workspace_id is not None
        return self.actor.workspace_id

    def get_queryset(self) -> QuerySet[Any]:
        raise NotImplementedError(f"{type(self).__name__} has no selector")

    def get_serializer_context(self) -> dict[str, Any]:
        context = dict(super().get_serializer_context())
        if not getattr(self, "swagger_fake_view", False):
            context["actor"] = self.actor
        return context

    def refused(self, error: DomainError) -> None:
        """Called when a refused request's transaction is over: the place to count refusals."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After authentication and permission, put the idempotency check around a POST."""
        super().initial(request, *args, **kwargs)
        if request.method == "POST" and (handler := getattr(self, "post", None)):
            self.post = partial(self._run_once, handler)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, DomainError):
            self.refused(exc)
        return super().handle_exception(exc)

    def _run_once(self, handler: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        _refuse_too_large(request)
        _read_whole(request)
        if self.action in self.calls_outside:  # nothing is lost: asking again does no harm
            return cast(Response, handler(request, *args, **kwargs))
        scope = f"{self.actor.kind}:{self.actor.id}"
        return once(request._request, scope=scope, run=partial(handler, request, *args, **kwargs))


def _refuse_too_large(request: Request) -> None:
    limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit:
        raise BodyTooLarge(limit_bytes=limit)


def _read_whole(request: Request) -> None:
    """Keep the raw body (the idempotency digest needs it), and refuse a malformed one also where none is wanted."""
    request._request.body  # noqa: B018 - reading keeps it
    request.data  # noqa: B018 - parsing refuses it
