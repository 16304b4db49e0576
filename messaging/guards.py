"""messaging's own answers as an origin: of words to a colleague about her cards, and of what a card by hand posts."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from community_ops.common.errors import NotAvailable
from messaging.models import Delivery, HumanTask, TaskState
from messaging.ports import ALLOWED, Verdict, origin_guards, task_places
from messaging.services import card_posts, telling

CLOSED = Verdict(allowed=False, reason="card_closed")
GROUP_CLOSED = Verdict(allowed=False, reason="group_closed")


class TaskGuard:
    """Drops the word when none of the cards it is about is open any more. One query."""

    def check_all(self, deliveries: Sequence[Delivery], now: datetime) -> list[Verdict]:
        told = HumanTask.objects.filter(telling__in=[one.pk for one in deliveries], state=TaskState.OPEN)
        is_open = set(told.values_list("telling_id", flat=True))
        return [ALLOWED if one.pk in is_open else CLOSED for one in deliveries]


class CardGuard:
    """Refuses what goes to an archived group, as for announcements; the card's own end ends its posts with it.

    One query for each workspace and kind of target.
    """

    def check_all(self, deliveries: Sequence[Delivery], now: datetime) -> list[Verdict]:
        ids: dict[tuple[int, str], set[int]] = defaultdict(set)
        for one in deliveries:
            ids[one.workspace_id, one.target_kind].add(one.target_id)
        live = {key: _live(*key, found) for key, found in ids.items()}
        are_live = [one.target_id in live[one.workspace_id, one.target_kind] for one in deliveries]
        return [ALLOWED if is_live else GROUP_CLOSED for is_live in are_live]


def _live(workspace_id: int, target_kind: str, ids: Collection[int]) -> Collection[int]:
    """Those of `ids` that are not archived; of what nobody knows all are taken to be live."""
    try:
        places = task_places.get(target_kind)
    except NotAvailable:
        return ids
    return places.reached_by(workspace_id=workspace_id, endpoint_id=None, ids=ids).keys()


_guard, _card_guard = TaskGuard(), CardGuard()


def register() -> None:
    """Called from `AppConfig.ready()`."""
    origin_guards.register(telling.ORIGIN, _guard)
    origin_guards.register(card_posts.ORIGIN, _card_guard)
