"""Reads of members: every one knows who asks."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext_noop as _

from community_ops.accounts.policies import is_limited
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput
from community_ops.common.tenancy import get_row
from groups import selectors as groups
from members import phones
from members.models import (
    ImportRun,
    Member,
    MemberIdentity,
    MemberMilestone,
    MemberPass,
    MemberPhone,
    Membership,
    MembershipSpell,
)
from members.policies import fact_source_of as fact_source_of  # a pure rule higher apps ask for
from members.policies import namespace_kind, spell_fact_source

COUNT_CAP = 10_000


def members_visible_to(actor: Actor) -> QuerySet[Member]:
    """Members of the actor's workspace that were not merged away, oldest first.

    A helper sees members who are or were in a group she is assigned to. A member sees nobody here.
    """
    rows = Member.objects.within(actor).filter(merged_into__isnull=True)
    if is_limited(actor):
        visible = groups.groups_visible_to(actor, with_archived=True).values("id")
        rows = rows.filter(pk__in=Membership.objects.filter(group_id__in=visible).values("member_id"))
    return rows.order_by("id")


def get_member(actor: Actor, member_id: int) -> Member:
    """The member with her community and facts; raises NotFound for a missing one as for somebody else's."""
    rows = members_visible_to(actor).select_related("community", "facts")
    return get_row(rows, member_id, _("There is no such member."))


def members_by_id(*, workspace_id: int, member_ids: Iterable[int]) -> dict[int, Member]:
    """For workers and pages that hold ids already (deliveries, events): the members, merged ones too."""
    return Member.objects.of(workspace_id).in_bulk(list(member_ids))


def survivor(member: Member) -> Member:
    """The member, or the one she was merged into."""
    return member.merged_into or member


def memberships_visible_to(actor: Actor) -> QuerySet[Membership]:
    """Memberships of visible groups, past ones too, oldest first, with member and group."""
    rows = Membership.objects.within(actor).select_related("member", "group")
    if is_limited(actor):
        rows = rows.filter(group_id__in=groups.groups_visible_to(actor, with_archived=True).values("id"))
    return rows.order_by("id")


def join_sources(actor: Actor, *, since: datetime, until: datetime) -> set[str]:
    """Where we know the joinings of a stretch from: "platform", "import", "manual". One query."""
    spells = MembershipSpell.objects.within(actor)
    if is_limited(actor):
        visible = groups.groups_visible_to(actor, with_archived=True).values("id")
        spells = spells.filter(membership__group_id__in=visible)
    found = spells.filter(joined_at__gte=since, joined_at__lt=until).order_by()
    pairs = found.values_list("source", "membership__member__source").distinct()
    return {spell_fact_source(source, seen_through=member_source) for source, member_source in pairs}


def memberships_of(member: Member) -> QuerySet[Membership]:
    """Her memberships with their groups, newest first; the open ones and the past ones."""
    return Membership.objects.of(member.workspace_id).filter(member=member).select_related("group").order_by("-id")


def spells_of(member: Member) -> QuerySet[MembershipSpell]:
    """Her stays in all groups, newest first."""
    rows = MembershipSpell.objects.of(member.workspace_id).filter(membership__member=member)
    return rows.select_related("membership__group", "inviter").order_by("-joined_at", "-id")


def group_member_count(group_id: int) -> int:
    """How many members are in the group now."""
    return Membership.objects.filter(group_id=group_id, left_at__isnull=True).count()


def group_member_counts(*, workspace_id: int, group_ids: Iterable[int]) -> dict[int, int]:
    """Current members by group id in one query; groups without any are 0."""
    wanted = list(group_ids)
    rows = Membership.objects.of(workspace_id).filter(group_id__in=wanted, left_at__isnull=True)
    counts = dict(rows.values_list("group_id").annotate(count=Count("id")).order_by())
    return {group_id: counts.get(group_id, 0) for group_id in wanted}


def is_current_member(*, member_id: int, group_ids: Iterable[int]) -> bool:
    """Whether she is in one of these groups now."""
    rows = Membership.objects.filter(member_id=member_id, group_id__in=list(group_ids), left_at__isnull=True)
    return rows.exists()


def code_digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def find_pass(code: str) -> MemberPass | None:
    """The live pass behind a /p/ link with its member, or None for an unknown or revoked code."""
    rows = MemberPass.objects.filter(code_digest=code_digest(code), revoked_at__isnull=True)
    return rows.filter(workspace__archived_at__isnull=True).select_related("member__merged_into").first()


def find_member_by_pass(code: str) -> Member | None:
    """The member (a merged one's survivor) behind a /p/ link, or None for an unknown or revoked code."""
    found = find_pass(code)
    return survivor(found.member) if found else None


def live_passes(pass_ids: Iterable[int]) -> QuerySet[MemberPass]:
    """Passes of a cookie that are still good, with their members and communities."""
    rows = MemberPass.objects.filter(
        pk__in=list(pass_ids), revoked_at__isnull=True, workspace__archived_at__isnull=True
    )
    return rows.select_related("member__community", "member__merged_into__community")


def passes_of(member: Member) -> QuerySet[MemberPass]:
    return MemberPass.objects.of(member.workspace_id).filter(member=member).order_by("-id")


def find_member_by_phone(*, community_id: int, phone: str) -> Member | None:
    """The member of this community with exactly this number (any way of writing it), or None."""
    try:
        digest = phones.digest(phones.normalise(phone))
    except InvalidInput:
        return None
    rows = Member.objects.filter(community_id=community_id, phones__digest=digest).order_by("id")
    found = rows.select_related("merged_into").first()
    return survivor(found) if found else None


def find_visible_by_phone(actor: Actor, *, community_id: int, phone: str) -> Member | None:
    """As `find_member_by_phone`, if the actor may see that member."""
    found = find_member_by_phone(community_id=community_id, phone=phone)
    return members_visible_to(actor).filter(pk=found.pk).first() if found else None


def get_phone(member: Member, phone_id: int) -> MemberPhone:
    """One number of the member; raises NotFound for a missing one as for another member's."""
    rows = MemberPhone.objects.of(member.workspace_id).filter(member=member).select_related("member__merged_into")
    return get_row(rows, phone_id, _("There is no such number."))


def import_runs_visible_to(actor: Actor) -> QuerySet[ImportRun]:
    """Imports of the workspace, newest first, with who started them."""
    return ImportRun.objects.within(actor).select_related("created_by", "asset").order_by("-id")


def get_import_run(actor: Actor, run_id: int) -> ImportRun:
    """Raises NotFound for a missing one as for somebody else's."""
    return get_row(import_runs_visible_to(actor), run_id, _("There is no such import."))


@dataclass(frozen=True, slots=True)
class CappedCount:
    """How many rows there are, or that there are more than `COUNT_CAP` (shown as "10,000+")."""

    number: int
    is_capped: bool


def capped_count(rows: QuerySet[Any]) -> CappedCount:
    """Count at most `COUNT_CAP` rows, so that the page stays quick however many there are."""
    found = rows.order_by()[: COUNT_CAP + 1].count()
    return CappedCount(min(found, COUNT_CAP), found > COUNT_CAP)


def matching(rows: QuerySet[Member], query: str) -> QuerySet[Member]:
    """Narrow members to a search: part of the name, a whole phone number, or its last four digits."""
    if not query:
        return rows
    wanted = Q(display_name__icontains=query)
    digits = query.strip()
    if digits.isascii() and digits.isdigit() and len(digits) == 4:
        wanted |= Q(pk__in=MemberPhone.objects.filter(last_four=digits).values("member_id"))
    try:
        digest = phones.digest(phones.normalise(query))
        wanted |= Q(pk__in=MemberPhone.objects.filter(digest=digest).values("member_id"))
    except InvalidInput:
        pass  # not a phone number: the name alone counts
    return rows.filter(wanted)


def in_group(rows: QuerySet[Member], group_id: int) -> QuerySet[Member]:
    """Narrow members to those in a group now."""
    current = Membership.objects.filter(group_id=group_id, left_at__isnull=True)
    return rows.filter(pk__in=current.values("member_id"))


def identities_of(member: Member) -> list[tuple[str, str]]:
    """(kind, id) of the names sources know her by; digests of phones are left out."""
    rows = MemberIdentity.objects.of(member.workspace_id).filter(member=member).order_by("id")
    named = ((namespace_kind(row.namespace), row.external_id) for row in rows)
    return [(kind, external_id) for kind, external_id in named if kind != "phone"]


def phones_of(member: Member) -> list[MemberPhone]:
    """Her numbers; the pages show `masked` only."""
    return list(MemberPhone.objects.of(member.workspace_id).filter(member=member).order_by("id"))


def milestone_amount(*, workspace_id: int, source_key: str) -> int | None:
    """What was told of a step, in minor units; None when it was never told."""
    rows = MemberMilestone.objects.of(workspace_id).filter(source_key=source_key)
    return rows.values_list("amount", flat=True).first()


def fact_sources(member: Member) -> dict[str, str]:
    """Source by name of fact; facts nobody has told are left out. The first joining has its earliest spell's."""
    facts = getattr(member, "facts", None)
    if facts is None:
        return {}
    first = MembershipSpell.objects.filter(membership__member=member).order_by("joined_at", "id").first()
    if first is None:
        return dict(facts.sources)
    seen_through = facts.sources.get("message_count", member.source)
    return {**facts.sources, "first_joined_at": spell_fact_source(first.source, seen_through=seen_through)}


def newest_memberships(*, group_id: int, count: int) -> list[Membership]:
    """Who came last into a group and is in it, with the members."""
    rows = Membership.objects.filter(group_id=group_id, left_at__isnull=True).select_related("member")
    return list(rows.order_by("-joined_at", "-id")[:count])


def pass_holder_count(group_id: int) -> int:
    """How many of the group's current members hold a personal link that was not revoked. One query."""
    live = MemberPass.objects.filter(revoked_at__isnull=True).values("member_id")
    return Membership.objects.filter(group_id=group_id, left_at__isnull=True, member_id__in=live).count()


def joined_since(*, group_id: int, since: datetime) -> int:
    """Current members of a group whose stay began at or after `since`."""
    return Membership.objects.filter(group_id=group_id, left_at__isnull=True, joined_at__gte=since).count()


def pass_link(code: str) -> str:
    """The absolute address of a personal link."""
    return f"{settings.PUBLIC_URL}/p/{code}"
