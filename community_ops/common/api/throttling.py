"""How often a tool may call: `common.throttle` for Django REST framework."""

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from community_ops.common import clock
from community_ops.common.actors import Actor
from community_ops.common.throttle import Limit, seconds_to_wait


class PerToken(BaseThrottle):
    """So many calls a minute for each token, past it 429 `throttled`; what needs no token is not counted."""

    _seconds: int | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Actor):
            return True
        self._seconds = seconds_to_wait(Limit.TOKEN, f"{request.auth.kind}:{request.auth.id}", now=clock.now())
        return self._seconds is None

    def wait(self) -> float | None:
        return self._seconds
