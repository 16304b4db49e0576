"""Reads of messaging. Each takes who asks, or the workspace it is about."""

import uuid
from calendar import monthrange
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, F, Max, Min, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils.translation import gettext_noop as _

from community_ops.accounts.policies import assigned_groups, is_limited
from community_ops.common import dbtime
from community_ops.common.actors import Actor
from community_ops.common.errors import NotFound
from community_ops.common.models import AuditEntry
from community_ops.common.tenancy import get_row
from messaging.answer_wording import answer_words
from messaging.arrival import Arrival, ShownPart, arrival, has_words, is_open_to_everybody, plain_words
from messaging.extras import card_problem, file_problem, with_card
from messaging.failing import RestingAccount, failing_endpoints, resting_accounts
from messaging.models import (
    Attempt,
    AttemptOutcome,
    Connection,
    Delivery,
    DeliveryState,
    Endpoint,
    FoundChat,
    FrequencyCap,
    Holiday,
    InboundEvent,
    Platform,
    Purpose,
    QuietHours,
    SandboxPost,
)
from messaging.platforms.base import Card, Content
from messaging.policies import (
    CHANNEL_SINCE,
    HELD_BACK,
    KEY_REFUSED,
    MORE_PARTS,
    PARTLY_SENT,
    reason_read,
    shown_state,
    size_problem,
    text_limit,
    text_size,
)
from messaging.record_parts import left_out, parts_said, shown_parts, words_in_doubt
from messaging.record_states import StateCounts, delivery_counts, read_as, that_read
from messaging.services.endpoints import channels_beside
from messaging.services.limits import LimitUse, cooling_until, use_of, uses_of
from messaging.services.resting import why_waiting
from messaging.showing import file_of, first_words, joined, lines, sender_of, with_names
from messaging.task_selectors import copied_by_hand, said_by_hand, who_has, who_has_of
from messaging.task_wording import copied_words
from messaging.webhook_selectors import webhooks_switched_off
from messaging.webhook_wording import WHY_OFF
from messaging.wording import (
    IN_LINE,
    NOT_SENT,
    SaidByHand,
    badge_state,
    badge_words,
    by_hand_words,
    next_try_words,
    rest_words,
    said_words,
    turn_words,
)

__all__ = [  # the pure rules and words higher apps ask for are handed out here too
    "CHANNEL_SINCE",
    "IN_LINE",
    "MORE_PARTS",
    "NOT_SENT",
    "PARTLY_SENT",
    "WHY_OFF",
    "Arrival",
    "AttemptOutcome",
    "Card",
    "Content",
    "Purpose",
    "RestingAccount",
    "SaidByHand",
    "ShownPart",
    "StateCounts",
    "answer_words",
    "arrival",
    "badge_state",
    "badge_words",
    "by_hand_words",
    "card_problem",
    "channels_beside",
    "copied_by_hand",
    "copied_words",
    "delivery_counts",
    "failing_endpoints",
    "file_of",
    "file_problem",
    "has_words",
    "is_open_to_everybody",
    "joined",
    "left_out",
    "lines",
    "next_try_words",
    "parts_said",
    "plain_words",
    "read_as",
    "reason_read",
    "rest_words",
    "resting_accounts",
    "said_by_hand",
    "said_words",
    "sender_of",
    "shown_parts",
    "shown_state",
    "size_problem",
    "text_limit",
    "text_size",
    "that_read",
    "turn_words",
    "webhooks_switched_off",
    "who_has",
    "who_has_of",
    "with_card",
    "with_names",
    "words_in_doubt",
]

R = TypeVar("R", QuietHours, Holiday, FrequencyCap)
WORRYING_TRIES = 3
MOST_TROUBLES = 50
_A_DAY = timedelta(days=1)


def endpoints_visible_to(actor: Actor, *, with_archived: bool = False) -> QuerySet[Endpoint]:
    """Live endpoints of the actor's workspace with their connections, oldest first."""
    rows = Endpoint.objects.filter(workspace_id=actor.workspace_id or 0)
    rows = rows if with_archived else rows.filter(archived_at__isnull=True)
    return rows.select_related("connection").order_by("id")


def get_endpoint(actor: Actor, endpoint_id: int) -> Endpoint:
    """Raises NotFound, also for another workspace's endpoint."""
    return get_row(endpoints_visible_to(actor), endpoint_id, _("There is no such channel."))


def connections_visible_to(actor: Actor) -> QuerySet[Connection]:
    """Platform accounts of the actor's workspace without their secrets, with `channel_count` (live), oldest first."""
    live = Count("endpoints", filter=Q(endpoints__archived_at__isnull=True))
    rows = Connection.objects.filter(workspace_id=actor.workspace_id or 0)
    return rows.annotate(channel_count=live).defer("secret").order_by("id")


def get_connection(actor: Actor, connection_id: int) -> Connection:
    """Raises NotFound, also for another workspace's account."""
    return get_row(connections_visible_to(actor), connection_id, _("There is no such account."))


def found_chats_visible_to(actor: Actor) -> QuerySet[FoundChat]:
    """Chats that the workspace's accounts were seen in, the newest seen first."""
    return FoundChat.objects.filter(workspace_id=actor.workspace_id or 0).order_by("-seen_at", "-id")


def get_found_chat(actor: Actor, found_chat_id: int) -> FoundChat:
    """Raises NotFound, also for another workspace's chat."""
    return get_row(found_chats_visible_to(actor), found_chat_id, _("There is no such chat."))


def channels_of_chats(connection: Connection) -> dict[str, Endpoint]:
    """The live channel of each chat of an account, whichever way it was made: chat id to channel. One query."""
    live = Endpoint.objects.of(connection.workspace_id).filter(connection=connection, archived_at__isnull=True)
    return {str(endpoint.address["chat"]): endpoint for endpoint in live.order_by("-id") if "chat" in endpoint.address}


def deliveries_visible_to(actor: Actor) -> QuerySet[Delivery]:
    """Deliveries the actor may see, with endpoint, connection and message, oldest first.

    A helper sees only those to her groups.
    """
    rows = Delivery.objects.filter(workspace_id=actor.workspace_id or 0)
    if is_limited(actor):
        rows = rows.filter(target_kind="group", target_id__in=assigned_groups(actor))
    rows = rows.select_related("endpoint__connection", "message").defer("endpoint__connection__secret")
    return rows.order_by("id")


def get_delivery(actor: Actor, delivery_id: int) -> Delivery:
    """Raises NotFound, also for another workspace's delivery."""
    return get_row(deliveries_visible_to(actor), delivery_id, _("There is no such delivery."))


def in_state(rows: QuerySet[Delivery], state: str, *, now: datetime) -> QuerySet[Delivery]:
    """Narrow to a state as tools see it: `planned` is not yet due, `due` is planned and its time has come."""
    if state == "due":
        return rows.filter(state=DeliveryState.PLANNED, due_at__lte=now)
    if state == DeliveryState.PLANNED:
        return rows.filter(state=DeliveryState.PLANNED, due_at__gt=now)
    return rows.filter(state=state)


def counts_by_origin(
    *, workspace_id: int, origin: str, origin_ids: Collection[int], now: datetime, actor: Actor | None = None
) -> dict[int, dict[str, int]]:
    """Numbers of deliveries by the state people read, of many origins at once: origin id to counts. One query.

    With `actor` only of the deliveries this person may see.
    """
    rows = Delivery.objects.of(workspace_id) if actor is None else deliveries_visible_to(actor)
    rows = rows.filter(origin=origin, origin_id__in=origin_ids).order_by()
    counts: dict[int, dict[str, int]] = {}
    for row in rows.values("origin_id", shown=read_as(now)).annotate(count=Count("pk")):
        counts.setdefault(row["origin_id"], {})[row["shown"]] = row["count"]
    return counts


def requeueable(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Narrow to those that `services.requeue_failed` takes: failed, and with a channel."""
    return rows.filter(state=DeliveryState.FAILED, endpoint__isnull=False)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Deliveries of one origin that are in the same trouble: `state` as people read it, `last` the newest of them."""

    state: str
    count: int
    first_due_at: datetime
    last: Delivery


def doubts(actor: Actor) -> list[Trouble]:
    """What waits for a person's word, one entry for an announcement, run or card, the oldest first. Two queries."""
    return _troubles_in(deliveries_visible_to(actor).filter(state=DeliveryState.UNKNOWN), shown=F("state"))


def troubles(actor: Actor, *, failed_since: datetime, expired_since: datetime, now: datetime) -> list[Trouble]:
    """What did not go out: failed (due since), too late (since), or tried three times and still being retried.

    One entry for an announcement or run and a state, the oldest first. Two queries.
    """
    found = deliveries_visible_to(actor).filter(
        Q(state=DeliveryState.FAILED, due_at__gte=failed_since)
        | Q(state=DeliveryState.EXPIRED, updated_at__gte=expired_since)
        | Q(
            state=DeliveryState.PLANNED,
            reason="retrying",
            due_at__lte=now,
            attempt_count__gte=WORRYING_TRIES,
        )
    )
    return _troubles_in(found, shown=read_as(now))


def _troubles_in(found: QuerySet[Delivery], *, shown: Case | F) -> list[Trouble]:
    """Grouped by origin and state."""
    found = found.order_by()
    grouped = found.values("origin", "origin_id", shown=shown).annotate(
        count=Count("pk"), first_due_at=Min("due_at"), last_id=Max("pk")
    )
    groups = list(grouped.order_by("first_due_at")[:MOST_TROUBLES])
    last = found.in_bulk([group["last_id"] for group in groups])
    return [
        Trouble(group["shown"], group["count"], group["first_due_at"], last[group["last_id"]])
        for group in groups
        if group["last_id"] in last
    ]


@dataclass(frozen=True, slots=True)
class HeldBack:
    """How many messages one kind of send rule (`HELD_BACK`) kept from going out."""

    reason: str
    count: int
    first_due_at: datetime


def held_back_since(actor: Actor, since: datetime) -> list[HeldBack]:
    """What send rules kept since then of what the actor may see, one entry a kind of rule. One query."""
    rows = deliveries_visible_to(actor).order_by()
    rows = rows.filter(state=DeliveryState.CANCELLED, reason__in=HELD_BACK, updated_at__gte=since)
    found = rows.values_list("reason").annotate(count=Count("pk"), first_due_at=Min("due_at"))
    return [HeldBack(*values) for values in found.order_by("first_due_at")]


def text_to_read(delivery: Delivery) -> str:
    """The text as it went out; before that with the names of what will be filled in, e.g. "［还剩］"."""
    template = delivery.message.text
    if delivery.sent_text or not delivery.subject_kind:
        return delivery.sent_text or template
    return with_names(template, delivery.subject_kind)


def words_to_read(delivery: Delivery) -> str:
    """`text_to_read` without its marks, for lists."""
    return plain_words(text_to_read(delivery), is_markdown=delivery.message.is_markdown)


def first_words_of(delivery: Delivery) -> str:
    """As `text_to_read` begins, for a line of a list."""
    return first_words(text_to_read(delivery), is_markdown=delivery.message.is_markdown)


def attempts_of(delivery: Delivery) -> QuerySet[Attempt]:
    """Calls of the platform in order."""
    return Attempt.objects.of(delivery.workspace_id).filter(delivery=delivery).order_by("number")


def tries_in_vain(deliveries: Collection[Delivery]) -> dict[int, int]:
    """Number of tries of those that were cancelled after tries of which none can have arrived. At most one query."""
    ids = [row.pk for row in deliveries if row.state == DeliveryState.CANCELLED and row.attempt_count]
    if not ids:
        return {}
    in_vain = Q(outcome__in=(AttemptOutcome.RETRY, AttemptOutcome.REFUSED, AttemptOutcome.NOT_CALLED))
    tried = Attempt.objects.of(next(iter(deliveries)).workspace_id).filter(delivery_id__in=ids).order_by()
    counts = tried.values_list("delivery_id").annotate(all=Count("pk"), in_vain=Count("pk", filter=in_vain))
    return {pk: count for pk, count, in_vain_count in counts if count == in_vain_count}


def decisions_on(delivery: Delivery) -> QuerySet[AuditEntry]:
    """What people decided about this delivery, in order."""
    rows = AuditEntry.objects.filter(workspace_id=delivery.workspace_id, target_kind="messaging.delivery")
    return rows.filter(target_id=str(delivery.pk)).order_by("id")


def last_test_of(endpoint: Endpoint) -> AuditEntry | None:
    """The newest test message sent through this channel."""
    rows = AuditEntry.objects.filter(workspace_id=endpoint.workspace_id, target_kind="messaging.endpoint")
    return rows.filter(target_id=str(endpoint.pk), verb="endpoint.tested").order_by("-id").first()


def get_room(actor: Actor, endpoint_id: int) -> Endpoint:
    """A sandbox room; raises NotFound for an endpoint of another platform."""
    endpoint = get_endpoint(actor, endpoint_id)
    if endpoint.connection.platform != Platform.SANDBOX:
        raise NotFound(_("This channel is not a sandbox room."))
    return endpoint


def rooms_visible_to(actor: Actor) -> QuerySet[Endpoint]:
    """Live sandbox rooms of the actor's workspace with their connections, oldest first."""
    return endpoints_visible_to(actor).filter(connection__platform=Platform.SANDBOX)


def posts_of(room: Endpoint) -> QuerySet[SandboxPost]:
    """Everything that stands in a sandbox room, oldest first."""
    return SandboxPost.objects.of(room.workspace_id).filter(endpoint=room).order_by("id")


def posts_in_room(endpoint: Endpoint, *, count: int = 100) -> list[SandboxPost]:
    """The newest posts of a sandbox room, oldest first."""
    newest = SandboxPost.objects.filter(endpoint=endpoint).select_related("image", "file").order_by("-id")[:count]
    return list(reversed(newest))


def inbound_events(
    *,
    workspace_id: int,
    target_ids: Collection[int] | None = None,
    target_kind: str = "group",
    batch: uuid.UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[InboundEvent]:
    """Events in time order; `since` inclusive, `until` exclusive, both of `occurred_at`."""
    rows = InboundEvent.objects.of(workspace_id).filter(target_kind=target_kind)
    if target_ids is not None:
        rows = rows.filter(target_id__in=target_ids)
    if batch is not None:
        rows = rows.filter(batch=batch)
    if since is not None:
        rows = rows.filter(occurred_at__gte=since)
    if until is not None:
        rows = rows.filter(occurred_at__lt=until)
    return rows.order_by("occurred_at", "id")


def limit_use(endpoint: Endpoint) -> list[LimitUse]:
    """The endpoint's limits and how much of each is used at this moment."""
    return use_of(endpoint, db_now=dbtime.now())


def fullest_limits(endpoints: Sequence[Endpoint]) -> dict[int, LimitUse]:
    """Of each endpoint that has limits, the one that is used up first, by its id; of equal ones that of the longest
    window. Endpoints come with their connection; all are of one workspace."""
    uses = uses_of(endpoints, db_now=dbtime.now())
    return {pk: max(found, key=lambda use: (use.share, use.limit.seconds)) for pk, found in uses.items() if found}


def cooldown_of(endpoint: Endpoint) -> datetime | None:
    """Until when the endpoint's platform asked to wait; None while it did not."""
    return cooling_until(endpoint, db_now=dbtime.now())


def is_left_alone(endpoint: Endpoint) -> bool:
    """Whether nothing goes out here at present because the platform refused the account's key again and again."""
    return why_waiting(endpoint) == KEY_REFUSED


def open_counts(*, workspace_id: int, endpoint_ids: Collection[int]) -> dict[int, int]:
    """By channel how many messages are still to go out through it: while there are any it cannot be archived.

    One query.
    """
    states = (DeliveryState.PLANNED, DeliveryState.SENDING, DeliveryState.WAITING)
    rows = Delivery.objects.of(workspace_id).filter(endpoint_id__in=endpoint_ids, state__in=states)
    return dict(rows.order_by().values_list("endpoint_id").annotate(count=Count("pk")))


@dataclass(frozen=True, slots=True)
class ChannelDay:
    """How many deliveries of a channel were due on a day, by how they ended. What is still to come counts nowhere."""

    day: date
    accepted_count: int  # by the platform
    confirmed_count: int  # by a person: sent by hand, or looked for in the group
    unsent_count: int  # failed or too late; what a person or a rule called off is in neither
    doubt_count: int


def month_of(endpoint: Endpoint, *, today: date, zone: str, month: date | None = None) -> list[ChannelDay]:
    """The days of a month up to today, in order, days without a delivery too; none of one that has not begun.

    `month`: any day of it; without one it is this month. One query.
    """
    first = (month or today).replace(day=1)
    last = min(today, first.replace(day=monthrange(first.year, first.month)[1]))
    since, until = (datetime.combine(day, datetime.min.time(), ZoneInfo(zone)) for day in (first, last + _A_DAY))
    rows = Delivery.objects.of(endpoint.workspace_id).filter(endpoint=endpoint, due_at__gte=since, due_at__lt=until)
    by_day = rows.annotate(day=TruncDate("due_at", tzinfo=ZoneInfo(zone))).order_by().values_list("day")
    counted = by_day.annotate(
        accepted=Count("pk", filter=Q(state=DeliveryState.ACCEPTED)),
        confirmed=Count("pk", filter=Q(state=DeliveryState.CONFIRMED)),
        unsent=Count("pk", filter=Q(state__in=(DeliveryState.FAILED, DeliveryState.EXPIRED))),
        doubt=Count("pk", filter=Q(state=DeliveryState.UNKNOWN)),
    )
    found = {day: counts for day, *counts in counted}
    days = [first + number * _A_DAY for number in range((last - first).days + 1)]
    return [ChannelDay(day, *found.get(day, (0, 0, 0, 0))) for day in days]


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """What a lower-level reader needs to bind or to check a text: never anything secret."""

    id: int
    name: str
    platform: str

    @property
    def is_by_hand(self) -> bool:
        """A person posts what goes through it."""
        return self.platform == Platform.ASSISTED


def endpoint_facts(*, workspace_id: int, endpoint_ids: Collection[int]) -> dict[int, EndpointFacts]:
    """Names and platforms of many endpoints at once. One query."""
    rows = Endpoint.objects.of(workspace_id).filter(pk__in=endpoint_ids)
    found = rows.values_list("pk", "name", "connection__platform")
    return {pk: EndpointFacts(pk, name, platform) for pk, name, platform in found}


def quiet_hours(actor: Actor, *, with_archived: bool = False) -> QuerySet[QuietHours]:
    """The workspace's quiet hours, oldest first."""
    return _rules(QuietHours.objects.within(actor), with_archived)


def holidays(actor: Actor, *, with_archived: bool = False) -> QuerySet[Holiday]:
    """The workspace's holidays, in the order they were made."""
    return _rules(Holiday.objects.within(actor), with_archived)


def frequency_caps(actor: Actor, *, with_archived: bool = False) -> QuerySet[FrequencyCap]:
    """The workspace's frequency caps, oldest first."""
    return _rules(FrequencyCap.objects.within(actor), with_archived)


def _rules(rows: QuerySet[R], with_archived: bool) -> QuerySet[R]:
    return (rows if with_archived else rows.filter(archived_at__isnull=True)).order_by("id")
