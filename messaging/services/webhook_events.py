"""What other tools may hear of: each app offers its events under a public name, and subscriptions are told.

A call holds ids, times and states only: whoever wants more reads it over REST, with a token that may.
"""

import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models import QuerySet, TextChoices
from django.utils.functional import Promise

from community_ops.common import outbox
from community_ops.common.events import Event
from community_ops.common.models import OutboxEvent
from community_ops.common.nudge import nudge
from messaging.services.books import Book
from messaging.webhook_models import WebhookCall, WebhookSubscription
from messaging.webhook_policies import CALL_TASK, wants

HANDLER = "messaging.webhooks"
# What a public field may hold besides one of a closed list of choices: an id or several, a moment, or nothing. Words
# and sums are not among them.
_ALLOWED: frozenset[Any] = frozenset({int, int | None, tuple[int, ...], datetime, datetime | None})


@dataclass(frozen=True, slots=True)
class Offer:
    """A public event. `data`: the field as other tools read it -> the event's own."""

    name: str
    app: str
    label: str | Promise
    data: Mapping[str, str]

    @property
    def app_label(self) -> str:
        """What people call the app it comes from."""
        return str(apps.get_app_config(self.app).verbose_name)


_offers: dict[str, Offer] = {}  # by the event's own name


def offer(event: type[Event], name: str, data: Mapping[str, str], *, label: str | Promise) -> None:
    """Let other tools subscribe to `event` as `name`; called from `AppConfig.ready()` of the app it belongs to.

    `label` says in the reader's language when it happens. Raises ValueError for a second name of an event, a name
    that is taken, and a field that is neither an id nor a time nor one of a closed list of choices.
    """
    kinds = typing.get_type_hints(event)
    if wrong := [own for own in data.values() if not _may_be_told(kinds.get(own))]:
        raise ValueError(f"{event.name}: neither ids nor times nor choices: {wrong}")
    if any((one.name == name) != (own == event.name) for own, one in _offers.items()):
        raise ValueError(f"{name!r} and {event.name} do not belong together: one of them is offered already")
    _offers[event.name] = Offer(name, event.name.partition(".")[0], label, dict(data))
    outbox.subscribe(event, name=HANDLER, handler=write_calls, takes_row=True)


def _may_be_told(kind: Any) -> bool:
    return kind in _ALLOWED or (isinstance(kind, type) and issubclass(kind, TextChoices))


def offered() -> list[Offer]:
    """Everything one can subscribe to, as the apps stand on each other and in the order they offered it."""
    floors = [config.label for config in apps.get_app_configs()]
    return sorted(_offers.values(), key=lambda one: floors.index(one.app))


def _wanted(workspace_id: int) -> frozenset[str]:
    """What live subscriptions of a workspace want: public names, or "*"."""
    return frozenset(name for events in _live(workspace_id).values_list("events", flat=True) for name in events)


WANTED = Book(_wanted)


def forget_wanted() -> None:
    """A subscription was made or changed: this process asks anew, in this transaction and after it."""
    WANTED.forget()
    transaction.on_commit(WANTED.forget)


def is_wanted(event: type[Event], workspace_id: int) -> bool:
    """Whether a live subscription wants to hear of an event: asked before one is written that nobody else needs.

    Remembered for a second (`books`), so that a fan-out asks nothing for each of its messages; what ends within a
    second after a subscription was made in another process may not be told to it.
    """
    return wants(WANTED.of(workspace_id), _offers[event.name].name)


def _live(workspace_id: int) -> QuerySet[WebhookSubscription]:
    return WebhookSubscription.objects.filter(workspace_id=workspace_id, is_on=True, archived_at__isnull=True)


def write_calls(event: Event, row: OutboxEvent) -> None:
    """Write one call for each live subscription that wants the event; runs in the outbox' transaction."""
    told = _offers[event.name]
    listening = _live(event.workspace_id).defer("secret")
    calls = [_call(one, told, event, row) for one in listening if wants(one.events, told.name)]
    if calls:
        WebhookCall.objects.bulk_create(calls, ignore_conflicts=True)
        nudge(CALL_TASK)


def _call(subscription: WebhookSubscription, told: Offer, event: Event, row: OutboxEvent) -> WebhookCall:
    identity = f"evt_{row.pk}"
    data = {public: _plain(getattr(event, own)) for public, own in told.data.items()}
    return WebhookCall(
        workspace_id=subscription.workspace_id,
        subscription=subscription,
        event_id=row.pk,
        event=told.name,
        webhook_id=identity,
        body=body_of(told.name, identity, at=row.published_at, workspace_id=subscription.workspace_id, data=data),
        next_try_at=row.published_at,
    )


def body_of(name: str, identity: str, *, at: datetime, workspace_id: int, data: Mapping[str, Any]) -> str:
    """The JSON text that is signed and sent."""
    content = {"type": name, "id": identity, "timestamp": _plain(at), "workspace": workspace_id, "data": data}
    return json.dumps(content, separators=(",", ":"))


def _plain(value: Any) -> Any:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
