"""Many people at once: who is behind these ids, making those nobody knows yet."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from community_ops.common import audit
from community_ops.common.actors import Actor
from members.models import Member, MemberFacts, MemberIdentity, Person
from members.policies import namespace

if TYPE_CHECKING:
    from groups.models import Community

MAX_EXTERNAL_ID = 200


@transaction.atomic
def ensure_members(
    *,
    community: "Community",
    kind: str,
    people: Sequence[tuple[str, str]],
    source: str,
    actor: Actor,
    now: datetime,
    person_ids: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """Member id by external id for `people` = (external_id, display name); unknown ones become members.

    `kind` names the source of the ids ("chat", "orders", "import"); ids of two communities differ.
    A merged member's id is her survivor's. A known member keeps her name. Safe in parallel: two
    calls with the same ids end with the same members and no spare rows. A constant number of
    queries. Writes members, facts, identities and one audit row (on the community) when any is new.
    `person_ids`: external id -> Person known already (she is a member of another community).
    External ids are cleaned text of 1 to 200 characters (the caller sees to it); names are cut at 100.
    """
    wanted = {external_id: name or external_id for external_id, name in people}
    space = namespace(kind, community.pk)
    known = _known(community.workspace_id, space, wanted)
    missing = {external_id: name for external_id, name in wanted.items() if external_id not in known}
    if not missing:
        return known
    made, people_made = _make(community, space, missing, source, person_ids or {})
    known = _known(community.workspace_id, space, wanted)
    kept = set(known.values())
    _drop_spare([member for member in made if member.pk not in kept], people_made)
    if new_count := sum(member.pk in kept for member in made):
        after = {"count": new_count, "kind": kind, "source": source}
        audit.record(actor=actor, verb="members.created", target=community, now=now, after=after)
    return known


def _known(workspace_id: int, space: str, wanted: Mapping[str, str]) -> dict[str, int]:
    rows = MemberIdentity.objects.of(workspace_id).filter(namespace=space, external_id__in=list(wanted))
    values = rows.values_list("external_id", "member_id", "member__merged_into_id")
    return {external_id: survivor_id or member_id for external_id, member_id, survivor_id in values}


def _make(
    community: "Community", space: str, missing: Mapping[str, str], source: str, person_ids: Mapping[str, int]
) -> tuple[list[Member], set[int]]:
    """Create people, members and their identities; an id that a parallel call was first with stays that call's.

    The ids are written in sorted order, so that two calls wait for each other and never in a circle.
    """
    workspace_id = community.workspace_id
    ids = sorted(missing)
    strangers = [external_id for external_id in ids if external_id not in person_ids]
    people = Person.objects.bulk_create([Person(workspace_id=workspace_id) for _ in strangers])
    person_of = {
        **person_ids,
        **{external_id: person.pk for external_id, person in zip(strangers, people, strict=True)},
    }
    members = Member.objects.bulk_create(
        [
            Member(
                workspace_id=workspace_id,
                community=community,
                person_id=person_of[external_id],
                display_name=missing[external_id][:100],
                source=source,
            )
            for external_id in ids
        ]
    )
    identities = [
        MemberIdentity(workspace_id=workspace_id, member=member, namespace=space, external_id=external_id)
        for external_id, member in zip(ids, members, strict=True)
    ]
    MemberIdentity.objects.bulk_create(identities, ignore_conflicts=True)
    MemberFacts.objects.bulk_create([MemberFacts(workspace_id=workspace_id, member=member) for member in members])
    return members, {person.pk for person in people}


def _drop_spare(members: list[Member], people_made: set[int]) -> None:
    """Take back the rows of ids that a parallel call was first with; nobody has seen them."""
    if members:
        Member.objects.filter(pk__in=[member.pk for member in members]).delete()
        Person.objects.filter(pk__in=people_made.intersection(member.person_id for member in members)).delete()
