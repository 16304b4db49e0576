"""messaging's own answers as an origin: of words to a colleague about her cards, and of what a card by hand posts."""

from datetime import datetime

from community_ops.common.errors import NotAvailable
from messaging.models import Delivery, HumanTask, TaskState
from messaging.ports import ALLOWED, OneByOne, Verdict, origin_guards, task_places
from messaging.services import card_posts, telling

CLOSED = Verdict(allowed=False, reason="card_closed")
GROUP_CLOSED = Verdict(allowed=False, reason="group_closed")


class TaskGuard(OneByOne):
    """Drops the word when none of the cards it is about is open any more."""

    def check(self, delivery: Delivery, now: datetime) -> Verdict:
        return ALLOWED if HumanTask.objects.filter(telling=delivery, state=TaskState.OPEN).exists() else CLOSED


class CardGuard(OneByOne):
    """Refuses what goes to an archived group, as for announcements; the card's own end ends its posts with it."""

    def check(self, delivery: Delivery, now: datetime) -> Verdict:
        try:
            places = task_places.get(delivery.target_kind)
        except NotAvailable:
            return ALLOWED
        ids = [delivery.target_id]
        live = places.reached_by(workspace_id=delivery.workspace_id, endpoint_id=None, ids=ids)
        return ALLOWED if delivery.target_id in live else GROUP_CLOSED


_guard, _card_guard = TaskGuard(), CardGuard()


def register() -> None:
    """Called from `AppConfig.ready()`."""
    origin_guards.register(telling.ORIGIN, _guard)
    origin_guards.register(card_posts.ORIGIN, _card_guard)
