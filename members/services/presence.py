"""Memberships from signs of presence, in bulk: joins, leaves and messages seen in groups."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from members.models import Membership, MembershipSpell, SpellSource
from members.policies import Sign, Stay, apply_signs
from members.services.facts import note_first_joins

Pair = tuple[int, int]  # (member id, group id)
CHUNK = 1000


@dataclass(slots=True)
class _History:
    """One membership's spells beside the stays they stand for; further stays are new spells."""

    membership: Membership
    spells: list[MembershipSpell]
    stays: list[Stay]


def note_presence(*, workspace_id: int, signs: Mapping[Pair, Sequence[Sign]], join_source: str, now: datetime) -> None:
    """Fold signs into memberships and spells; telling the same signs again changes nothing.

    `join_source`: SpellSource of stays begun by a "join" sign. Runs in the caller's transaction;
    memberships are locked in key order. A constant number of queries per 1,000 pairs.
    """
    pairs = sorted(signs)
    for start in range(0, len(pairs), CHUNK):
        chunk = {pair: _condensed(signs[pair]) for pair in pairs[start : start + CHUNK]}
        _note(workspace_id, chunk, join_source, now)


def _note(workspace_id: int, signs: Mapping[Pair, list[Sign]], join_source: str, now: datetime) -> None:
    _make_missing(workspace_id, signs)
    histories = _histories(workspace_id, signs)
    touched = set()
    for history in histories:
        pair = (history.membership.member_id, history.membership.group_id)
        before = [(stay.joined_at, stay.left_at) for stay in history.stays]
        apply_signs(history.stays, signs[pair])
        if before != [(stay.joined_at, stay.left_at) for stay in history.stays]:
            touched.add(history.membership.pk)
    changed = [history for history in histories if history.membership.pk in touched]
    _write(changed, join_source, now)
    member_ids = {history.membership.member_id for history in changed}
    note_first_joins(workspace_id=workspace_id, member_ids=member_ids, now=now)


def _condensed(signs: Iterable[Sign]) -> list[Sign]:
    """Of many messages the first and the last say all; joins and leaves stay."""
    seen = sorted((sign for sign in signs if sign.kind == "seen"), key=lambda sign: sign.at)
    others = [sign for sign in signs if sign.kind != "seen"]
    if others or len(seen) < 3:
        return [*others, *seen]
    return [seen[0], seen[-1]]


def _make_missing(workspace_id: int, signs: Mapping[Pair, list[Sign]]) -> None:
    """A row for each pair without one; its times are provisional until `_write`."""
    known = set(_rows(workspace_id, signs).values_list("member_id", "group_id"))
    missing = [
        Membership(
            workspace_id=workspace_id,
            member_id=pair[0],
            group_id=pair[1],
            joined_at=min(sign.at for sign in pair_signs),
        )
        for pair, pair_signs in signs.items()
        if pair not in known
    ]
    if missing:
        Membership.objects.bulk_create(missing, ignore_conflicts=True)


def _rows(workspace_id: int, signs: Mapping[Pair, list[Sign]]) -> QuerySet[Membership]:
    members, groups = {pair[0] for pair in signs}, {pair[1] for pair in signs}
    return Membership.objects.of(workspace_id).filter(member_id__in=members, group_id__in=groups)


def _histories(workspace_id: int, signs: Mapping[Pair, list[Sign]]) -> list[_History]:
    rows = _rows(workspace_id, signs).select_for_update().order_by("pk")
    memberships = [row for row in rows if (row.member_id, row.group_id) in signs]
    spells = defaultdict(list)
    found = MembershipSpell.objects.of(workspace_id).filter(membership__in=[row.pk for row in memberships])
    for spell in found.order_by("joined_at", "id"):
        spells[spell.membership_id].append(spell)
    return [_History(row, spells[row.pk], [_stay(spell) for spell in spells[row.pk]]) for row in memberships]


def _stay(spell: MembershipSpell) -> Stay:
    return Stay(spell.joined_at, spell.left_at, is_inferred=spell.source == SpellSource.SEEN)


def _write(histories: list[_History], join_source: str, now: datetime) -> None:
    """Write the stays back: changed spells first, so that no membership has two open ones at any time."""
    changed, new, memberships = [], [], []
    for history in histories:
        for spell, stay in zip(history.spells, history.stays, strict=False):
            if _update(spell, stay, join_source, now):
                changed.append(spell)
        new += [_spell(history.membership, stay, join_source) for stay in history.stays[len(history.spells) :]]
        latest = history.stays[-1]
        row = history.membership
        if (row.joined_at, row.left_at) != (latest.joined_at, latest.left_at):
            row.joined_at, row.left_at, row.updated_at = latest.joined_at, latest.left_at, now
            memberships.append(row)
    MembershipSpell.objects.bulk_update(changed, ["joined_at", "left_at", "source", "updated_at"])
    MembershipSpell.objects.bulk_create(new)
    Membership.objects.bulk_update(memberships, ["joined_at", "left_at", "updated_at"])


def _update(spell: MembershipSpell, stay: Stay, join_source: str, now: datetime) -> bool:
    if (spell.joined_at, spell.left_at) == (stay.joined_at, stay.left_at):
        return False
    if spell.source == SpellSource.SEEN and not stay.is_inferred:
        spell.source = join_source
    spell.joined_at, spell.left_at, spell.updated_at = stay.joined_at, stay.left_at, now
    return True


def _spell(membership: Membership, stay: Stay, join_source: str) -> MembershipSpell:
    return MembershipSpell(
        workspace_id=membership.workspace_id,
        membership=membership,
        joined_at=stay.joined_at,
        left_at=stay.left_at,
        source=SpellSource.SEEN if stay.is_inferred else join_source,
    )
