"""The cookie a personal link is exchanged for, and who is looking at a public page."""

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase

from members import selectors
from members.models import Member, MemberPass

COOKIE = "member_pass"
MAX_AGE_SECONDS = 180 * 24 * 3600
MAX_PASSES = 8  # communities one phone is a member of at the same time
_SALT = "members.passes"


def current_member(request: HttpRequest, *, community_id: int | None = None) -> Member | None:
    """The member behind the cookie, or None; of this community when one is given, else of the latest link.

    One query, none without a cookie. Revoking the pass ends the cookie; a merged member is her survivor.
    """
    ids = _pass_ids(request)
    found = {row.pk: selectors.survivor(row.member) for row in selectors.live_passes(ids)} if ids else {}
    members = (found[pk] for pk in ids if pk in found)
    return next((one for one in members if community_id in (None, one.community_id)), None)


def remember_pass(request: HttpRequest, response: HttpResponseBase, member_pass: MemberPass) -> None:
    """Let the browser be this member from now on (the other communities' passes stay)."""
    ids = [member_pass.pk, *(pk for pk in _pass_ids(request) if pk != member_pass.pk)][:MAX_PASSES]
    response.set_cookie(
        COOKIE,
        signing.dumps(ids, salt=_SALT),
        max_age=MAX_AGE_SECONDS,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )


def forget_passes(response: HttpResponseBase) -> None:
    """Sign this browser out of all passes; the links themselves stay good."""
    response.delete_cookie(COOKIE, samesite="Lax")


def _pass_ids(request: HttpRequest) -> list[int]:
    try:
        ids = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=MAX_AGE_SECONDS)
    except signing.BadSignature:
        return []
    return [pk for pk in ids if isinstance(pk, int)] if isinstance(ids, list) else []
