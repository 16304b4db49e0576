"""Members and their memberships, one at a time."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from community_ops.common import audit, outbox, text
from community_ops.common.actors import Actor
from groups.errors import CommunityArchived, GroupArchived
from groups.services import Warned
from members import phones, selectors
from members.errors import OtherCommunity
from members.events import MemberJoined, MemberLeft
from members.models import Member, MemberFacts, Membership, MembershipSpell, Person, Source, SpellSource
from members.services.numbers import attach_phone

if TYPE_CHECKING:
    from groups.models import ChatGroup, Community


@transaction.atomic
def create_member(
    *,
    community: "Community",
    name: str,
    phone: str = "",
    group: "ChatGroup | None" = None,
    source: str = Source.MANUAL,
    actor: Actor,
    now: datetime,
) -> Member:
    """Add one member (and her Person) to a community; namesakes are allowed.

    A phone that a member of another community has joins both under one Person; one that a member of
    this community has already raises PhoneTaken. Writes one audit row. With `group` the member joins it in the
    same transaction, as `add_membership` does; `size_warnings` tells how full it is then.
    """
    if community.archived_at is not None:
        raise CommunityArchived
    clean = text.clean_line(name, field="name", max_length=100)
    number = phones.normalise(phone) if phone else ""
    member = Member.objects.create(
        workspace_id=community.workspace_id,
        community=community,
        person=_person_for(community.workspace_id, number),
        display_name=clean,
        source=source,
    )
    MemberFacts.objects.create(workspace_id=member.workspace_id, member=member)
    if number:
        attach_phone(member=member, number=number, source=source)
    audit.record(actor=actor, verb="member.created", target=member, now=now, after={"name": clean, "source": source})
    if group is not None:
        add_membership(member=member, group=group, actor=actor, now=now)
    return member


@transaction.atomic
def add_membership(
    *,
    member: Member,
    group: "ChatGroup",
    source: str = SpellSource.MANUAL,
    inviter: Member | None = None,
    actor: Actor,
    now: datetime,
) -> tuple[Membership, list[Warned]]:
    """Put a member into a group from `now` on; returns the membership and warnings about the group's size.

    Idempotent: a current membership is returned as it is. The first call, and the first after a
    leave, writes a spell and one audit row and publishes MemberJoined. Raises OtherCommunity, GroupArchived.
    """
    member = selectors.survivor(member)
    if group.archived_at is not None:
        raise GroupArchived
    if group.community_id != member.community_id:
        raise OtherCommunity
    membership, is_new = Membership.objects.get_or_create(
        workspace_id=member.workspace_id, member=member, group=group, defaults={"joined_at": now}
    )
    if is_new or _come_back(membership, now):
        MembershipSpell.objects.create(
            workspace_id=member.workspace_id, membership=membership, joined_at=now, source=source, inviter=inviter
        )
        _note_first_join(member, now)
        audit.record(actor=actor, verb="membership.created", target=membership, now=now, after=_facts(membership))
        outbox.publish(
            MemberJoined(workspace_id=member.workspace_id, member_id=member.pk, group_id=group.pk, joined_at=now)
        )
    return membership, size_warnings(group)


@transaction.atomic
def leave(*, membership: Membership, actor: Actor, now: datetime, reason: str = "") -> Membership:
    """End a membership now. Closes its spell, writes one audit row, publishes MemberLeft; twice is once."""
    left_at = max(now, membership.joined_at)
    current = Membership.objects.filter(pk=membership.pk, left_at__isnull=True)
    if current.update(left_at=left_at, updated_at=now):
        membership.left_at = left_at
        open_spells = MembershipSpell.objects.filter(membership=membership, left_at__isnull=True)
        open_spells.update(left_at=left_at, updated_at=now)
        audit.record(
            actor=actor, verb="membership.ended", target=membership, now=now, after=_facts(membership), reason=reason
        )
        outbox.publish(
            MemberLeft(
                workspace_id=membership.workspace_id,
                member_id=membership.member_id,
                group_id=membership.group_id,
                left_at=left_at,
            )
        )
    return membership


def size_warnings(group: "ChatGroup") -> list[Warned]:
    """`above_member_cap` or `above_comfortable_size` when the group has more members than that."""
    count = selectors.group_member_count(group.pk)
    if count > group.member_cap:
        message = _("The group has %(count)d members, its cap is %(cap)d.")
        return [{"code": "above_member_cap", "message": message % {"count": count, "cap": group.member_cap}}]
    if count > group.comfortable_size:
        message = _("The group has %(count)d members, comfortable are %(size)d.")
        values = {"count": count, "size": group.comfortable_size}
        return [{"code": "above_comfortable_size", "message": message % values}]
    return []


def _person_for(workspace_id: int, number: str) -> Person:
    if number:
        known = Person.objects.of(workspace_id).filter(members__phones__digest=phones.digest(number))
        if (person := known.order_by("id").first()) is not None:
            return person
    return Person.objects.create(workspace_id=workspace_id)


def _come_back(membership: Membership, now: datetime) -> bool:
    past = Membership.objects.filter(pk=membership.pk, left_at__isnull=False)
    returned = bool(past.update(joined_at=now, left_at=None, updated_at=now))
    if returned:
        membership.joined_at, membership.left_at = now, None
    return returned


def _note_first_join(member: Member, joined_at: datetime) -> None:
    later = Q(first_joined_at__isnull=True) | Q(first_joined_at__gt=joined_at)
    MemberFacts.objects.filter(later, member=member).update(first_joined_at=joined_at)


def _facts(membership: Membership) -> dict[str, object]:
    return {"member": membership.member_id, "group": membership.group_id, "left_at": membership.left_at}
