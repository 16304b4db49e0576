"""DRF's side of the role table."""

from typing import Any

from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from community_ops.accounts.policies import ensure_may
from community_ops.common.actors import Actor


class RoleAllowsAction(BasePermission):
    """The viewset's `allowed[action]` must be in the caller's role; an action without a row is refused."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Actor):
            raise NotAuthenticated
        if view.action is None or (request.method or "").lower() not in view.http_method_names:  # DRF answers 405
            return True
        ensure_may(request.auth, view.allowed[view.action])
        return True
