"""Who carries a plan to each target: a robot's channel, a colleague, or nobody and why."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from messaging.models import Assignee, Endpoint
from messaging.services.handing import is_by_hand

if TYPE_CHECKING:
    from messaging.services.forecast import Foreseen


class Way(StrEnum):
    """How a target is reached."""

    ROBOT = "robot"
    HAND = "hand"
    NONE = "none"  # there is no live channel, or nobody behind it


@dataclass(frozen=True, slots=True)
class Carrier:
    """One target of a plan. `name`: of the robot's channel, or of the colleague; empty where there is no way.

    `send_count` sends of the plan are for it, `missing_count` of them are not there; `reasons`: why, codes as of
    deliveries, each once. `endpoint_id`: of the channel, also of an archived one.
    """

    target_id: int
    label: str
    way: Way
    name: str
    send_count: int
    missing_count: int
    reasons: tuple[str, ...]
    endpoint_id: int | None


def carriers_of(
    rows: Iterable["Foreseen"], endpoints: Mapping[int, Endpoint], people: Mapping[int, Assignee]
) -> tuple[Carrier, ...]:
    """By target, in the order of the plan. `people`: by endpoint id, who works behind those that go by hand."""
    found: dict[int, list[Foreseen]] = defaultdict(list)
    for row in rows:
        found[row.send.target_id].append(row)
    return tuple(_carrier(same, endpoints, people) for same in found.values())


def _carrier(same: list["Foreseen"], endpoints: Mapping[int, Endpoint], people: Mapping[int, Assignee]) -> Carrier:
    send = same[0].send
    endpoint = endpoints.get(send.endpoint_id or 0)
    way, name = _way(endpoint, people)
    missing = [row for row in same if row.at is None]
    return Carrier(
        target_id=send.target_id,
        label=send.target_label,
        way=way,
        name=name,
        send_count=len(same),
        missing_count=len(missing),
        reasons=tuple(dict.fromkeys(row.reason for row in missing)),
        endpoint_id=endpoint.pk if endpoint is not None else None,
    )


def _way(endpoint: Endpoint | None, people: Mapping[int, Assignee]) -> tuple[Way, str]:
    if endpoint is None or endpoint.archived_at is not None:
        return Way.NONE, ""
    if not is_by_hand(endpoint):
        return Way.ROBOT, endpoint.name
    person = people.get(endpoint.pk)
    return (Way.HAND, person.name) if person is not None else (Way.NONE, "")
