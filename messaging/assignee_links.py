"""The cookie a personal link of the workbench is exchanged for, and who is looking at its pages."""

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from community_ops.common.actors import Actor
from messaging import task_selectors
from messaging.models import Assignee

COOKIE = "assignee_link"
MAX_AGE_SECONDS = 180 * 24 * 3600
_SALT = "messaging.assignee_links"
_DIGEST_SIGNS = 32  # of the link's digest: another link is another cookie


def link_of(code: str) -> str:
    """The whole address of a personal link. It lets its holder in: it is shown once, and never logged."""
    return settings.PUBLIC_URL + reverse("messaging:task_link", args=[code])


def current_assignee(request: HttpRequest) -> Assignee | None:
    """The person behind the cookie, or None. One query, none without a cookie. Revoking her link ends the cookie."""
    try:
        found = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=MAX_AGE_SECONDS)
    except signing.BadSignature:
        return None
    match found:
        case [int(pk), str(digest)]:
            return task_selectors.find_linked(pk, digest)
    return None


def actor_of(assignee: Assignee) -> Actor:
    """Who acts on the phone pages."""
    return Actor.assignee(assignee.pk, name=assignee.name, workspace_id=assignee.workspace_id)


def remember_link(response: HttpResponseBase, assignee: Assignee) -> None:
    """Let the browser be this person from now on, as long as the link is good that she came by."""
    response.set_cookie(
        COOKIE,
        signing.dumps([assignee.pk, assignee.link_digest[:_DIGEST_SIGNS]], salt=_SALT),
        max_age=MAX_AGE_SECONDS,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )


def forget_link(response: HttpResponseBase) -> None:
    """Sign this browser out; the link itself stays good."""
    response.delete_cookie(COOKIE, samesite="Lax")
