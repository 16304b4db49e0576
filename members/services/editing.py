"""Changes of what is written down about one member: the name, the phone numbers."""

from datetime import datetime

from django.db import transaction

from community_ops.common import audit, text
from community_ops.common.actors import Actor
from groups.errors import CommunityArchived
from members import phones, selectors
from members.models import Member, MemberIdentity, MemberPhone, Source
from members.policies import namespace
from members.services.numbers import PHONE, attach_phone


@transaction.atomic
def rename_member(*, member: Member, name: str, actor: Actor, now: datetime) -> Member:
    """Give a member another display name; identities and messages stay. Namesakes are allowed.

    Writes one audit row with both names; the same name again changes nothing. Raises InvalidInput, CommunityArchived.
    """
    locked = _locked(member)
    before, after = locked.display_name, text.clean_line(name, field="name", max_length=100)
    if before != after:
        locked.display_name = after
        locked.save(update_fields=["display_name", "updated_at"])
        audit.record(
            actor=actor, verb="member.renamed", target=locked, now=now, before={"name": before}, after={"name": after}
        )
    return locked


@transaction.atomic
def add_phone(*, member: Member, phone: str, actor: Actor, now: datetime) -> MemberPhone:
    """Write one more number down for a member. One the member has already is returned as it is.

    Members of other communities with this number stay persons of their own. Writes the phone, its identity and one
    audit row with the last four digits. Raises PhoneNotValid, PhoneTaken, CommunityArchived.
    """
    locked, number = _locked(member), phones.normalise(phone)
    had = MemberPhone.objects.of(locked.workspace_id).filter(member=locked, digest=phones.digest(number)).first()
    if had is not None:
        return had
    row = attach_phone(member=locked, number=number, source=Source.MANUAL)
    audit.record(
        actor=actor,
        verb="member.phone_added",
        target=locked,
        now=now,
        after={"phone": phones.for_the_record(row.last_four)},
    )
    return row


@transaction.atomic
def remove_phone(*, phone: MemberPhone, actor: Actor, now: datetime) -> None:
    """Forget a number of a member: afterwards nobody is found by it, and anybody may have it. Twice is once.

    Deletes the phone and its identity; writes one audit row with the last four digits. Raises CommunityArchived.
    """
    locked = _locked(phone.member)
    gone, _by_table = MemberPhone.objects.of(locked.workspace_id).filter(pk=phone.pk).delete()
    if not gone:
        return
    identities = MemberIdentity.objects.of(locked.workspace_id).filter(namespace=namespace(PHONE, locked.community_id))
    identities.filter(member=locked, external_id=phone.digest).delete()
    audit.record(
        actor=actor,
        verb="member.phone_removed",
        target=locked,
        now=now,
        before={"phone": phones.for_the_record(phone.last_four)},
    )


def _locked(member: Member) -> Member:
    """The member, or the one it was merged into, held until the transaction ends."""
    row = Member.objects.select_for_update().get(pk=selectors.survivor(member).pk)
    if row.community.archived_at is not None:
        raise CommunityArchived
    return row
