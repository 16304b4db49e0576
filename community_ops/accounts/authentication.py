"""`Authorization: Token co_…`"""

from datetime import timedelta

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from community_ops.accounts.models import ApiToken
from community_ops.accounts.selectors import find_live_token, token_actor
from community_ops.common import clock
from community_ops.common.actors import Actor
from community_ops.common.throttle import Limit, address_of, seconds_to_wait

_NOTE_USE_EVERY = timedelta(minutes=10)


class ApiTokenAuthentication(authentication.BaseAuthentication):
    """`request.auth` is the Actor; there is no user behind a token."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Actor] | None:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "token":
            return None
        token = find_live_token(value.strip())
        if token is None:
            _count_unknown(request)
            raise exceptions.AuthenticationFailed(
                gettext("This token is unknown, expired or revoked."), code="invalid_token"
            )
        _note_use(token)
        return AnonymousUser(), token_actor(token)

    def authenticate_header(self, request: Request) -> str:
        return "Token"


def _count_unknown(request: Request) -> None:
    """Raises Throttled (429) when this address came with too many tokens nobody has; good ones go on (ADR-0015)."""
    wait = seconds_to_wait(Limit.UNKNOWN, address_of(request._request), now=clock.now())
    if wait is not None:
        raise exceptions.Throttled(wait=wait)


def _note_use(token: ApiToken) -> None:
    now = clock.now()
    if token.last_used_at is None or token.last_used_at < now - _NOTE_USE_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


class ApiTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # spectacular is untyped here
    target_class = ApiTokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Token co_…`"}
