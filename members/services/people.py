"""Members from a table, in bulk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from community_ops.common.actors import Actor
from members import phones
from members.models import MemberFacts, MemberIdentity, MemberPhone, Source, SpellSource
from members.policies import Sign, namespace
from members.services.identities import ensure_members
from members.services.numbers import PHONE
from members.services.presence import note_presence

if TYPE_CHECKING:
    from groups.models import ChatGroup, Community

IMPORT = "import"  # kind of identity: the id a table gives
NAME = "import_name"  # kind of identity: the name and its place among namesakes, where a table gives nothing better


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One readable row. `phone` is normalised or ""; `name_key` tells namesakes of one file apart."""

    name: str
    phone: str
    external_id: str
    name_key: str
    joined_at: datetime | None

    @property
    def keys(self) -> list[tuple[str, str]]:
        """What she may be known by, strongest first; only a row with nothing else is known by its name."""
        keys = [(IMPORT, self.external_id)] if self.external_id else []
        if self.phone:
            keys.append((PHONE, phones.digest(self.phone)))
        return keys or [(NAME, self.name_key)]


def are_known(*, community: "Community", rows: Sequence[PersonRow]) -> list[bool]:
    """Which rows are members of the community already, by id, phone, or (without both) name. One query per 1,000."""
    known = _known_keys(community, rows)
    return [not known.isdisjoint(row.keys) for row in rows]


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


def _known_keys(community: "Community", rows: Sequence[PersonRow]) -> set[tuple[str, str]]:
    spaces = {namespace(kind, community.pk): kind for kind in (IMPORT, PHONE, NAME)}
    ids = sorted({external_id for row in rows for _, external_id in row.keys})
    known = set()
    for start in range(0, len(ids), 1000):
        found = MemberIdentity.objects.of(community.workspace_id).filter(
            namespace__in=spaces, external_id__in=ids[start : start + 1000]
        )
        known |= {(spaces[space], external_id) for space, external_id in found.values_list("namespace", "external_id")}
    return known


@transaction.atomic
def store_people(
    *, community: "Community", group: "ChatGroup | None", rows: Sequence[PersonRow], actor: Actor, now: datetime
) -> int:
    """Make members of rows nobody knows yet and return how many; known ones keep what they have.

    With a group, the new ones are in it from their `joined_at` (default `now`).
    Equal phones or ids inside one call are one member. A second call adds nothing.
    """
    new = _first_of_each(community, rows)
    member_of: dict[tuple[str, str], int] = {}
    for kind in (IMPORT, PHONE, NAME):
        mine = [row for row in new if row.keys[0][0] == kind]
        people = [(row.keys[0][1], row.name) for row in mine]
        ids = ensure_members(
            community=community, kind=kind, people=people, source=Source.IMPORT, actor=actor, now=now,
            person_ids=_persons(community, mine),
        )  # fmt: skip
        member_of |= {(kind, external_id): member_id for external_id, member_id in ids.items()}
    ids_of_rows = [member_of[row.keys[0]] for row in new]
    _attach_phones(community, new, ids_of_rows)
    _note_joins(community, group, new, ids_of_rows, now)
    return len(new)


def _first_of_each(community: "Community", rows: Sequence[PersonRow]) -> list[PersonRow]:
    seen = _known_keys(community, rows)
    new = []
    for row in rows:
        if seen.isdisjoint(row.keys):
            new.append(row)
        seen.update(row.keys)
    return new


def _persons(community: "Community", rows: Sequence[PersonRow]) -> dict[str, int]:
    """Person by identity for numbers that members of other communities have."""
    digests = {phones.digest(row.phone): row.keys[0][1] for row in rows if row.phone}
    found = MemberPhone.objects.of(community.workspace_id).filter(digest__in=list(digests))
    return {digests[digest]: person_id for digest, person_id in found.values_list("digest", "member__person_id")}


def _attach_phones(community: "Community", rows: Sequence[PersonRow], member_ids: Sequence[int]) -> None:
    with_phone = [(row, pk) for row, pk in zip(rows, member_ids, strict=True) if row.phone]
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


def _note_joins(
    community: "Community",
    group: "ChatGroup | None",
    rows: Sequence[PersonRow],
    member_ids: Sequence[int],
    now: datetime,
) -> None:
    if group is not None:
        signs = {(pk, group.pk): [Sign("join", row.joined_at or now)] for row, pk in zip(rows, member_ids, strict=True)}
        note_presence(
            workspace_id=community.workspace_id,
            signs=signs,
            join_source=SpellSource.IMPORT,
            now=now,
        )
        return
    dated = {pk: row.joined_at for row, pk in zip(rows, member_ids, strict=True) if row.joined_at}
    facts = list(MemberFacts.objects.of(community.workspace_id).filter(member_id__in=list(dated)))
    for row in facts:
        row.first_joined_at, row.updated_at = dated[row.member_id], now
        row.sources = {**row.sources, "first_joined_at": Source.IMPORT}
    MemberFacts.objects.bulk_update(facts, ["first_joined_at", "sources", "updated_at"])
