"""MemberPass: a member's personal link."""

import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from community_ops.common import audit
from community_ops.common.actors import Actor
from members.models import Member, MemberPass
from members.selectors import code_digest, survivor

CODE_BYTES = 16  # 128 bits
_NOTE_USE_EVERY = timedelta(minutes=10)


@transaction.atomic
def issue_pass(*, member: Member, actor: Actor, now: datetime) -> str:
    """Make a personal link for the member and return its code, which is not stored and shown only here.

    Earlier passes stay good. Writes the pass and one audit row. The link is /p/<code>.
    """
    return _issue(member=member, actor=actor, now=now)[1]


def _issue(*, member: Member, actor: Actor, now: datetime) -> tuple[MemberPass, str]:
    member = survivor(member)
    code = secrets.token_urlsafe(CODE_BYTES)
    row = MemberPass.objects.create(workspace_id=member.workspace_id, member=member, code_digest=code_digest(code))
    audit.record(actor=actor, verb="pass.issued", target=row, now=now, after={"member": member.pk})
    return row, code


@transaction.atomic
def revoke_pass(*, member_pass: MemberPass, actor: Actor, now: datetime, reason: str = "") -> bool:
    """End a link and every cookie made from it at once; False when it had ended before."""
    live = MemberPass.objects.filter(pk=member_pass.pk, revoked_at__isnull=True)
    if not live.update(revoked_at=now, updated_at=now):
        return False
    audit.record(
        actor=actor,
        verb="pass.revoked",
        target=member_pass,
        now=now,
        after={"member": member_pass.member_id},
        reason=reason,
    )
    return True


def note_pass_use(*, member_pass: MemberPass, now: datetime) -> None:
    """Remember that the link was opened; at most one write in ten minutes."""
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - _NOTE_USE_EVERY)
    MemberPass.objects.filter(stale, pk=member_pass.pk).update(last_used_at=now)
