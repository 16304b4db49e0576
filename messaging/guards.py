"""messaging's own answer as an origin: may a word to a colleague about her cards still go out?"""

from datetime import datetime

from messaging.models import Delivery, HumanTask, TaskState
from messaging.ports import ALLOWED, OneByOne, Verdict, origin_guards
from messaging.services.telling import ORIGIN

CLOSED = Verdict(allowed=False, reason="card_closed")


class TaskGuard(OneByOne):
    """Drops the word when none of the cards it is about is open any more."""

    def check(self, delivery: Delivery, now: datetime) -> Verdict:
        return ALLOWED if HumanTask.objects.filter(telling=delivery, state=TaskState.OPEN).exists() else CLOSED


_guard = TaskGuard()


def register() -> None:
    """Called from `AppConfig.ready()`."""
    origin_guards.register(ORIGIN, _guard)
