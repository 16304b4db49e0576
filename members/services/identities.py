"""Many people at once: who is behind these ids, making those nobody knows yet."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
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
Key = tuple[str, str]  # (kind or namespace of identity, external id)


@dataclass(frozen=True, slots=True)
class Someone:
    """Who is looked for: an id of a kind, the name to give a stranger, her Person where known."""

    kind: str
    external_id: str
    name: str
    person_id: int | None = None


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
    known_persons = person_ids or {}
    wanted = [Someone(kind, external_id, name, known_persons.get(external_id)) for external_id, name in people]
    known = _ensure(community, wanted, source, actor, now)
    return {external_id: member_id for (_kind, external_id), member_id in known.items()}


@transaction.atomic
def ensure_people(
    *, community: "Community", people: Sequence[Someone], source: str, actor: Actor, now: datetime
) -> dict[Key, int]:
    """As `ensure_members`, for ids of several kinds: member id by (kind, external id).

    New members are numbered in the order of `people`. One audit row for each kind with new ones.
    """
    return _ensure(community, people, source, actor, now)


def _ensure(
    community: "Community", people: Sequence[Someone], source: str, actor: Actor, now: datetime
) -> dict[Key, int]:
    wanted = {(namespace(one.kind, community.pk), one.external_id): one for one in people}
    known = _known(community.workspace_id, wanted)
    missing = {key: one for key, one in wanted.items() if key not in known}
    if missing:
        made, people_made = _make(community, missing, source)
        known = _known(community.workspace_id, wanted)
        kept = set(known.values())
        _drop_spare([member for member in made if member.pk not in kept], people_made)
        new = Counter(one.kind for one, member in zip(missing.values(), made, strict=True) if member.pk in kept)
        for kind, count in new.items():
            after = {"count": count, "kind": kind, "source": source}
            audit.record(actor=actor, verb="members.created", target=community, now=now, after=after)
    return {(wanted[key].kind, wanted[key].external_id): member_id for key, member_id in known.items()}


def _known(workspace_id: int, wanted: Collection[Key]) -> dict[Key, int]:
    spaces, ids = {space for space, _id in wanted}, {external_id for _space, external_id in wanted}
    rows = MemberIdentity.objects.of(workspace_id).filter(namespace__in=spaces, external_id__in=ids)
    values = rows.values_list("namespace", "external_id", "member_id", "member__merged_into_id")
    found = {(space, external_id): survivor_id or pk for space, external_id, pk, survivor_id in values}
    return {key: pk for key, pk in found.items() if key in wanted}


def _make(community: "Community", missing: Mapping[Key, Someone], source: str) -> tuple[list[Member], set[int]]:
    """Create people, members and their identities; an id that a parallel call was first with stays that call's.

    Members are numbered in the order given. The identities are written in sorted order, so that two
    calls wait for each other and never in a circle.
    """
    workspace_id = community.workspace_id
    strangers = [key for key, one in missing.items() if one.person_id is None]
    people = Person.objects.bulk_create([Person(workspace_id=workspace_id) for _ in strangers])
    person_of = {key: person.pk for key, person in zip(strangers, people, strict=True)}
    members = Member.objects.bulk_create(
        [
            Member(
                workspace_id=workspace_id,
                community=community,
                person_id=one.person_id or person_of[key],
                display_name=(one.name or one.external_id)[:100],
                source=source,
            )
            for key, one in missing.items()
        ]
    )
    identities = [
        MemberIdentity(workspace_id=workspace_id, member=member, namespace=space, external_id=external_id)
        for (space, external_id), member in sorted(zip(missing, members, strict=True), key=lambda pair: pair[0])
    ]
    MemberIdentity.objects.bulk_create(identities, ignore_conflicts=True)
    MemberFacts.objects.bulk_create([MemberFacts(workspace_id=workspace_id, member=member) for member in members])
    return members, {person.pk for person in people}


def _drop_spare(members: list[Member], people_made: set[int]) -> None:
    """Take back the rows of ids that a parallel call was first with; nobody has seen them."""
    if members:
        Member.objects.filter(pk__in=[member.pk for member in members]).delete()
        Person.objects.filter(pk__in=people_made.intersection(member.person_id for member in members)).delete()
