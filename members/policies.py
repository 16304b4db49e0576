"""Pure rules of members: no database, no clock."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

_KIND = re.compile(r"[a-z][a-z0-9_]{0,38}")
ALLOWED_NEXT = re.compile(r"/(?:me/|s/[A-Za-z0-9_-]{1,64}/?)(?:\?[A-Za-z0-9_=&%.-]{0,200})?")


def namespace(kind: str, community_id: int) -> str:
    """The namespace of identities: a member is one person in one community, so ids of two communities differ."""
    assert _KIND.fullmatch(kind), f"not a kind of identity: {kind!r}"
    return f"{kind}:{community_id}"


def namespace_kind(stored: str) -> str:
    """The kind of a stored namespace: "chat:12" -> "chat"."""
    return stored.partition(":")[0]


def spell_fact_source(spell_source: str, *, seen_through: str) -> str:
    """How a fact that a stay shows is labelled: as imported, entered by hand, or from the platform.

    `seen_through`: where the messages came from that a stay was inferred from.
    """
    if spell_source == "seen":
        return seen_through
    return spell_source if spell_source in ("import", "manual") else "platform"


def fact_source_of(event_source: str) -> str:
    """How a number from such events (messaging's EventSource) is labelled: all others as the platform or tool says."""
    return {"import": "import", "paste": "manual"}.get(event_source, "platform")


def safe_next(target: str) -> str:
    """Where a /p/ link may lead: a sale or the own page; anything else becomes the own page."""
    return target if ALLOWED_NEXT.fullmatch(target) else "/me/"


Presence = Literal["join", "leave", "seen"]


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of presence: she joined, she left, or a message of hers was seen."""

    kind: Presence
    at: datetime


@dataclass(slots=True)
class Stay:
    """One stay in a group; `is_inferred`: its start is only the first message known."""

    joined_at: datetime
    left_at: datetime | None
    is_inferred: bool


def apply_sign(stays: list[Stay], sign: Sign) -> None:
    """Fold one sign into the list of stays (oldest first), in place. Signs may come late and twice.

    A sign at or before the end of the latest stay tells nothing new about now; it can only move the
    start of a stay that was inferred further back. A leave without a stay is a stay of no length.
    """
    latest = stays[-1] if stays else None
    if latest is not None and (latest.left_at is None or sign.at <= latest.left_at):
        _apply_within(latest, sign, not_before=stays[-2].left_at if len(stays) > 1 else None)
    elif sign.kind != "leave":
        stays.append(Stay(joined_at=sign.at, left_at=None, is_inferred=sign.kind == "seen"))
    elif latest is None:
        stays.append(Stay(joined_at=sign.at, left_at=sign.at, is_inferred=True))


def _apply_within(stay: Stay, sign: Sign, *, not_before: datetime | None) -> None:
    if sign.kind == "leave":
        if stay.left_at is None and sign.at >= stay.joined_at:
            stay.left_at = sign.at
    elif stay.is_inferred and sign.at <= stay.joined_at and (not_before is None or sign.at > not_before):
        stay.joined_at = sign.at
        stay.is_inferred = sign.kind == "seen"


def apply_signs(stays: list[Stay], signs: Iterable[Sign]) -> None:
    """Fold several signs in the order of their times (a join before what else happened at the same moment)."""
    order = {"join": 0, "seen": 1, "leave": 2}
    for sign in sorted(signs, key=lambda one: (one.at, order[one.kind])):
        apply_sign(stays, sign)


def same_name(one: str, other: str) -> bool:
    """Whether two spellings are one name: width, case and spaces do not count."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())
