"""Members from a table, in bulk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.db import transaction

from community_ops.common import audit
from community_ops.common.actors import Actor
from members import phones
from members.models import MemberFacts, MemberIdentity, MemberPhone, Membership, Source, SpellSource
from members.policies import Sign, namespace
from members.services.identities import Key, Someone, ensure_people
from members.services.numbers import PHONE
from members.services.presence import note_presence

if TYPE_CHECKING:
    from groups.models import ChatGroup, Community

IMPORT = "import"  # kind of identity: the id a table gives
NAME = "import_name"  # kind of identity: the name and its place among namesakes, where a table gives nothing better


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One readable row of `line`. `phone` is normalised or ""; `name_key` tells namesakes of one file apart."""

    name: str
    phone: str
    external_id: str
    name_key: str
    joined_at: datetime | None
    line: int = 0

    @property
    def keys(self) -> list[Key]:
        """What she may be known by, strongest first; only a row with nothing else is known by its name."""
        keys = [(IMPORT, self.external_id)] if self.external_id else []
        if self.phone:
            keys.append((PHONE, phones.digest(self.phone)))
        return keys or [(NAME, self.name_key)]


@dataclass(frozen=True, slots=True)
class Stored:
    """How many rows became members, and how many members who were there already joined the group."""

    new_count: int
    joined_count: int


def known_members(*, community: "Community", rows: Sequence[PersonRow]) -> list[int | None]:
    """By row: the member of the community it means already, by id, phone, or (without both) name; None for a new one.

    One query per 1,000.
    """
    owners = _owners(community, rows)
    return [_owner(owners, row) for row in rows]


def joining(
    *, group: "ChatGroup", rows: Sequence[PersonRow], member_ids: Sequence[int | None], now: datetime
) -> list[bool]:
    """Which rows put a member who is known already (`member_ids`, by row) into the group; each member once.

    Who has left comes back unless the row tells of a day before that. Reads only; one query per 1,000.
    """
    left_at = _left_at(group, sorted({pk for pk in member_ids if pk is not None}))
    found = []
    for row, pk in zip(rows, member_ids, strict=True):
        is_joining = pk is not None and _is_after(row.joined_at or now, left_at.get(pk, _NEVER))
        if pk is not None and is_joining:
            left_at[pk] = None  # a second row of hers finds her there
        found.append(is_joining)
    return found


_NEVER = datetime.min.replace(tzinfo=UTC)


def _is_after(joined_at: datetime, left_at: datetime | None) -> bool:
    return left_at is not None and joined_at > left_at


def _left_at(group: "ChatGroup", member_ids: Sequence[int]) -> dict[int, datetime | None]:
    """When each of these left the group, None who is in it; without those who never were."""
    found: dict[int, datetime | None] = {}
    for start in range(0, len(member_ids), 1000):
        rows = Membership.objects.of(group.workspace_id).filter(
            group=group, member_id__in=member_ids[start : start + 1000]
        )
        found |= dict(rows.values_list("member_id", "left_at"))
    return found


def phone_owners(*, community: "Community", rows: Sequence[PersonRow]) -> dict[str, str]:
    """Name by digest of the community's members who have these numbers already. One query per 1,000."""
    digests = sorted({phones.digest(row.phone) for row in rows if row.phone})
    owners: dict[str, str] = {}
    for start in range(0, len(digests), 1000):
        found = MemberIdentity.objects.of(community.workspace_id).filter(
            namespace=namespace(PHONE, community.pk), external_id__in=digests[start : start + 1000]
        )
        names = found.values_list("external_id", "member__display_name", "member__merged_into__display_name")
        owners |= {digest: survivor or name for digest, name, survivor in names}
    return owners


def _owners(community: "Community", rows: Sequence[PersonRow]) -> dict[Key, int]:
    """Member (a merged one's survivor) by what rows may be known by; what nobody has is left out."""
    spaces = {namespace(kind, community.pk): kind for kind in (IMPORT, PHONE, NAME)}
    ids = sorted({external_id for row in rows for _, external_id in row.keys})
    owners: dict[Key, int] = {}
    for start in range(0, len(ids), 1000):
        found = MemberIdentity.objects.of(community.workspace_id).filter(
            namespace__in=spaces, external_id__in=ids[start : start + 1000]
        )
        values = found.values_list("namespace", "external_id", "member_id", "member__merged_into_id")
        owners |= {(spaces[space], external_id): survivor or pk for space, external_id, pk, survivor in values}
    return owners


def _owner(owners: Mapping[Key, int], row: PersonRow) -> int | None:
    return next((owners[key] for key in row.keys if key in owners), None)


@transaction.atomic
def store_people(
    *, community: "Community", group: "ChatGroup | None", rows: Sequence[PersonRow], actor: Actor, now: datetime
) -> Stored:
    """Make members of rows nobody knows yet; known ones keep what they have.

    With a group, new and known ones are in it from their `joined_at` (default `now`), as `joining` says.
    Equal phones or ids inside one call are one member. A second call adds nothing. Writes audit rows
    for new members and for known ones who joined.
    """
    owners = _owners(community, rows)
    new = _first_of_each(rows, owners)
    persons = _persons(community, new)
    people = [Someone(*row.keys[0], row.name, persons.get(row.keys[0])) for row in new]
    member_of = ensure_people(community=community, people=people, source=Source.IMPORT, actor=actor, now=now)
    arrivals = [(row, member_of[row.keys[0]]) for row in new]
    _attach_phones(community, arrivals)
    if group is None:
        _note_first_days(community, arrivals, now)
        return Stored(len(new), 0)
    joined = _joined(group, rows, owners, now)
    _note_joins(group, [*arrivals, *joined], now)
    if joined:
        after = {"count": len(joined), "source": Source.IMPORT}
        audit.record(actor=actor, verb="members.joined", target=group, now=now, after=after)
    return Stored(len(new), len(joined))


def _first_of_each(rows: Sequence[PersonRow], owners: Mapping[Key, int]) -> list[PersonRow]:
    seen = set(owners)
    new = []
    for row in rows:
        if seen.isdisjoint(row.keys):
            new.append(row)
        seen.update(row.keys)
    return new


def _joined(
    group: "ChatGroup", rows: Sequence[PersonRow], owners: Mapping[Key, int], now: datetime
) -> list[tuple[PersonRow, int]]:
    known = [(row, pk) for row in rows if (pk := _owner(owners, row)) is not None]
    found = joining(group=group, rows=[row for row, _pk in known], member_ids=[pk for _row, pk in known], now=now)
    return [pair for pair, is_joining in zip(known, found, strict=True) if is_joining]


def _persons(community: "Community", rows: Sequence[PersonRow]) -> dict[Key, int]:
    """Person by what the row is known by, for numbers that members of other communities have."""
    digests = {phones.digest(row.phone): row.keys[0] for row in rows if row.phone}
    found = MemberPhone.objects.of(community.workspace_id).filter(digest__in=list(digests))
    return {digests[digest]: person_id for digest, person_id in found.values_list("digest", "member__person_id")}


def _attach_phones(community: "Community", arrivals: Sequence[tuple[PersonRow, int]]) -> None:
    with_phone = [(row, pk) for row, pk in arrivals if row.phone]
    identities = [
        MemberIdentity(
            workspace_id=community.workspace_id,
            member_id=pk,
            namespace=namespace(PHONE, community.pk),
            external_id=phones.digest(row.phone),
        )
        for row, pk in sorted(with_phone, key=lambda pair: phones.digest(pair[0].phone))
    ]
    MemberIdentity.objects.bulk_create(identities, ignore_conflicts=True)
    owned = set(
        MemberIdentity.objects.of(community.workspace_id)
        .filter(member_id__in=[pk for _, pk in with_phone], namespace=namespace(PHONE, community.pk))
        .values_list("member_id", "external_id")
    )
    numbers = [
        MemberPhone(
            workspace_id=community.workspace_id,
            member_id=pk,
            value=row.phone,
            digest=phones.digest(row.phone),
            last_four=row.phone[-4:],
            source=Source.IMPORT,
        )
        for row, pk in with_phone
        if (pk, phones.digest(row.phone)) in owned
    ]
    MemberPhone.objects.bulk_create(numbers, ignore_conflicts=True)


def _note_joins(group: "ChatGroup", arrivals: Sequence[tuple[PersonRow, int]], now: datetime) -> None:
    signs = {(pk, group.pk): [Sign("join", row.joined_at or now)] for row, pk in arrivals}
    note_presence(workspace_id=group.workspace_id, signs=signs, join_source=SpellSource.IMPORT, now=now)


def _note_first_days(community: "Community", arrivals: Sequence[tuple[PersonRow, int]], now: datetime) -> None:
    """Without a group the day of joining is known all the same."""
    dated = {pk: row.joined_at for row, pk in arrivals if row.joined_at}
    facts = list(MemberFacts.objects.of(community.workspace_id).filter(member_id__in=list(dated)))
    for row in facts:
        row.first_joined_at, row.updated_at = dated[row.member_id], now
        row.sources = {**row.sources, "first_joined_at": Source.IMPORT}
    MemberFacts.objects.bulk_update(facts, ["first_joined_at", "sources", "updated_at"])
