"""Phone numbers of members."""

from django.db import IntegrityError, transaction

from members import phones
from members.errors import PhoneTaken
from members.models import Member, MemberIdentity, MemberPhone
from members.policies import namespace

PHONE = "phone"  # kind of identity: external_id is the digest


def attach_phone(*, member: Member, number: str, source: str) -> MemberPhone:
    """Write a normalised number down for a member: encrypted value, digest, last four, and its identity.

    Raises PhoneTaken when another member of the community has it. Runs in the caller's transaction.
    """
    digest = phones.digest(number)
    try:
        with transaction.atomic():
            MemberIdentity.objects.create(
                workspace_id=member.workspace_id,
                member=member,
                namespace=namespace(PHONE, member.community_id),
                external_id=digest,
            )
    except IntegrityError:
        raise PhoneTaken from None
    return MemberPhone.objects.create(
        workspace_id=member.workspace_id,
        member=member,
        value=number,
        digest=digest,
        last_four=number[-4:],
        source=source,
    )
