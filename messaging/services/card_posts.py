"""A card made by hand that posts a text in groups: a delivery for each, so that rules, caps and the record know it.

They wait for a person from the beginning: the card is on her list as soon as it is made. From then on they are like
those of a touch that was handed over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from community_ops.common.actors import Actor
from community_ops.common.errors import NotAvailable
from messaging.models import Delivery, DeliveryState, HumanTask, Purpose
from messaging.ports import task_places
from messaging.services.planning import PlannedSend, plan_deliveries
from messaging.task_policies import BY_HAND, IN_GROUPS

ORIGIN, GROUP = "card", "group"  # origin_id: the card that was made; what is handed on keeps it


@dataclass(frozen=True, slots=True)
class NewItem:
    """One place of a card: `target_kind` "group" or "member" with its id, or nothing but a label."""

    label: str
    target_kind: str = ""
    target_id: int | None = None


def posts_of(
    *,
    workspace_id: int,
    kind: str,
    items: Sequence[NewItem],
    due_at: datetime,
    zone: str,
    purpose: str = Purpose.NOTICE,
    task: HumanTask | None = None,
) -> dict[int, PlannedSend]:
    """What a card posts in groups, by the number of its item; nothing for kinds that post no text in any.

    `task`: the card, where it is made already. Without one only its rules can be asked about: it has no text. A group
    counts by its own clock, one that nobody knows by `zone`. One query.
    """
    if kind not in IN_GROUPS:
        return {}
    posted = {number: item for number, item in enumerate(items) if item.target_kind == GROUP and item.target_id}
    zones = zones_of(workspace_id, [item.target_id for item in posted.values() if item.target_id is not None])
    card_id = task.pk if task is not None else 0
    return {
        number: PlannedSend(
            source_key=f"{ORIGIN}:{card_id}:{number}",
            endpoint_id=task.assignee.endpoint_id if task is not None else None,
            text=task.text if task is not None else "",
            due_at=due_at,
            latest_at=task.latest_at if task is not None else None,
            origin=ORIGIN,
            origin_id=card_id,
            subject_kind=task.subject_kind if task is not None else "",
            subject_id=task.subject_id if task is not None else None,
            target_kind=GROUP,
            target_id=item.target_id or 0,
            target_label=item.label,
            purpose=purpose,
            zone=zones.get(item.target_id or 0, zone),
            is_markdown=task is not None and task.is_markdown,
            may_split=True,
            image_id=task.image_id if task is not None else None,
        )
        for number, item in posted.items()
    }


def zones_of(workspace_id: int, ids: Sequence[int]) -> Mapping[int, str]:
    """The clocks of these groups by their id, in the order of `ids`; nothing where no app has groups. One query."""
    if not ids:
        return {}
    try:
        found = task_places.get(GROUP).zones(workspace_id=workspace_id, ids=ids)
    except NotAvailable:
        return {}
    return {one: found[one] for one in ids if one in found}


def plan_posts(
    task: HumanTask, items: Sequence[NewItem], *, purpose: str, actor: Actor, now: datetime
) -> dict[int, Delivery]:
    """Make the deliveries of a new card, waiting for its person, by the number of the item they are for.

    Inside the caller's transaction: no worker sees them planned.
    """
    posts = posts_of(
        workspace_id=task.workspace_id,
        kind=task.kind,
        items=items,
        due_at=task.due_at,
        zone=task.zone,
        purpose=purpose,
        task=task,
    )
    rows = plan_deliveries(workspace_id=task.workspace_id, plans=list(posts.values()), actor=actor, now=now)
    Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(state=DeliveryState.WAITING, reason=BY_HAND)
    return dict(zip(posts, rows, strict=True))
