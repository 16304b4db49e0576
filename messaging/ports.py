"""What messaging asks upward while it sends: may this still go out, and what are the true values now?

Higher apps register in `AppConfig.ready()`. What nobody registered for is not sent
(`cancelled`, reason `not_available`).
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from community_ops.common.actors import Actor
from community_ops.common.ports import Registry

if TYPE_CHECKING:
    from messaging.models import Delivery


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is a code of `policies.REASONS` when `allowed` is false, e.g. `sale_over`.

    A refusal cancels the delivery; one that `waits` leaves it planned, and the guard is asked again later.
    """

    allowed: bool
    reason: str = ""
    waits: bool = False


ALLOWED = Verdict(allowed=True)
PAUSED = Verdict(allowed=False, reason="paused", waits=True)  # the origin is paused: `services.pause_deliveries`


class SendGuard(Protocol):
    """Asked right before each call, outside any transaction; reads only, and quickly."""

    def check_all(self, deliveries: Sequence["Delivery"], now: datetime) -> Sequence[Verdict]:
        """May these deliveries, of which several may be about to go out, still do so at `now`? One answer for each."""


class OneByOne(ABC):
    """A SendGuard that looks at each delivery by itself."""

    def check_all(self, deliveries: Sequence["Delivery"], now: datetime) -> list[Verdict]:
        return [self.check(delivery, now) for delivery in deliveries]

    @abstractmethod
    def check(self, delivery: "Delivery", now: datetime) -> Verdict:
        """May this delivery still go out at `now`?"""


class TextContext(Protocol):
    """Fills the placeholders of texts about one kind of subject."""

    def names(self) -> set[str]:
        """Placeholders that `values` can fill; texts with others are refused when they are written."""

    def labels(self) -> dict[str, str]:
        """What each placeholder is called, in the reader's language: shown where its value is not known yet."""

    def values(self, subject_id: int, target_kind: str, target_id: int, now: datetime) -> dict[str, str]:
        """True values at `now`, for this target."""


class TaskPlaces(Protocol):
    """Names what a card made by hand can be about, for one kind of target, and knows its clock."""

    def names(self, actor: Actor) -> Mapping[int, str]:
        """By id what this actor may choose, in the order it is offered. A constant number of queries."""

    def reached_by(self, *, workspace_id: int, endpoint_id: int | None, ids: Collection[int]) -> Mapping[int, str]:
        """By id the live ones that go out through this channel, and those of `ids`, by name. Asks nobody's role."""

    def bound_to(self, actor: Actor, endpoint_ids: Collection[int]) -> Mapping[int, list[str]]:
        """By channel the names of the live ones the actor may see that go out through it. One query."""

    def zone(self, *, workspace_id: int, target_id: int) -> str:
        """The time zone in which its days are meant. Raises NotFound."""

    def zones(self, *, workspace_id: int, ids: Collection[int]) -> Mapping[int, str]:
        """By id the zone whose clock counts there; what is not there has none. Asks nobody's role. One query."""


origin_guards: Registry[SendGuard] = Registry("messaging.SendGuard of an origin")
subject_guards: Registry[SendGuard] = Registry("messaging.SendGuard of a subject")
text_contexts: Registry[TextContext] = Registry("messaging.TextContext")
task_places: Registry[TaskPlaces] = Registry("messaging.TaskPlaces")
