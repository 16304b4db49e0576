"""Members who come by themselves: name and phone on a public page."""

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.core.cache import cache
from django.db import DatabaseError, transaction
from redis.exceptions import RedisError

from community_ops.common import text
from community_ops.common.actors import Actor, ActorKind
from members import phones, selectors
from members.errors import PhoneRegistered, TooManyRegistrations
from members.models import Member, MemberPass, Source
from members.policies import same_name
from members.services.passes import _issue
from members.services.roster import create_member

if TYPE_CHECKING:
    from groups.models import Community

WINDOW_SECONDS = 600
MAX_PER_ADDRESS = 30  # many phones share one address behind a carrier's NAT
MAX_PER_PHONE = 5
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Registration:
    """The member, whether she is new, and a fresh pass with its code (shown once)."""

    member: Member
    is_new: bool
    member_pass: MemberPass
    code: str


def register_by_phone(
    *, community: "Community", name: str, phone: str, address: str = "", now: datetime
) -> Registration:
    """Register by name and phone, or come back by the same two; gives a new pass either way.

    A number that is known under another name raises PhoneRegistered: knowing somebody's number must
    not open her page. `address`: the caller's network address for the limit (30 tries in ten minutes;
    5 per number), "" for none; past it TooManyRegistrations. Raises InvalidInput naming the field.
    Writes member, phone, identity, pass and audit rows, as the member herself.
    """
    name = text.clean_line(name, field="name", max_length=100)
    number = phones.normalise(phone)
    _ensure_within_limits(address, phones.digest(number))
    try:
        return _register(community, name, number, now)
    except PhoneRegistered:  # registered by a parallel request, or under another name
        return _register(community, name, number, now)


@transaction.atomic
def _register(community: "Community", name: str, number: str, now: datetime) -> Registration:
    member = selectors.find_member_by_phone(community_id=community.pk, phone=number)
    if member is not None and not same_name(member.display_name, name):
        raise PhoneRegistered
    is_new = member is None
    actor = Actor(kind=ActorKind.MEMBER, id=None, label=name, workspace_id=community.workspace_id)
    if member is None:
        member = create_member(
            community=community, name=name, phone=number, source=Source.PLATFORM, actor=actor, now=now
        )
    member_pass, code = _issue(member=member, actor=actor, now=now)
    return Registration(member=member, is_new=is_new, member_pass=member_pass, code=code)


def _ensure_within_limits(address: str, digest: str) -> None:
    _count(f"register:phone:{digest}", MAX_PER_PHONE)
    if address:
        _count(f"register:from:{hashlib.sha256(address.encode()).hexdigest()}", MAX_PER_ADDRESS)


def _count(key: str, limit: int) -> None:
    """Count one try in the shared cache. A cache that is away limits nobody (slower, never wrong)."""
    try:
        cache.add(key, 0, timeout=WINDOW_SECONDS)
        tries = cache.incr(key)
    except (RedisError, DatabaseError, ValueError) as error:  # ValueError: the key ran out in between
        log.warning("registration limit not counted", extra={"error": type(error).__name__})
        return
    if tries > limit:
        raise TooManyRegistrations
