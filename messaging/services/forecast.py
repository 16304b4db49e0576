"""What a plan will take, before it is scheduled: how long, who hears last, by whose hands, who cannot be reached."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from community_ops.common.models import Asset
from messaging import forecasting
from messaging.failing import failing_endpoints
from messaging.forecasting import Calls, Card, Key, Window
from messaging.line import is_long
from messaging.models import Endpoint, LimitScope
from messaging.platforms.base import MAX_PARTS, Limit, Part
from messaging.policies import HOLIDAY, QUIET_HOURS, SendRules
from messaging.services.calling import parts_of, takes_file
from messaging.services.forecast_carriers import Carrier, carriers_of
from messaging.services.forecast_facts import Budgets, BusyPlatform, Others, Ways, budgets_of, busy_of, others_of
from messaging.services.handing import is_by_hand
from messaging.services.planning import PlannedSend
from messaging.services.send_rules import rules_of, would_be_held
from messaging.services.telling import can_be_told

TOO_LATE = "too_late"


@dataclass(frozen=True, slots=True)
class Allowance:
    """A limit of a day or longer: what is wanted of it in the fullest window of its length, which ends `until_at`.

    `used_count` went out already, `others_count` is planned by others, `wanted_count` is of this plan. `name`: of the
    channel or account it counts for; empty for the whole team.
    """

    name: str
    limit: Limit
    used_count: int
    others_count: int
    wanted_count: int
    until_at: datetime

    @property
    def missing_count(self) -> int:
        """How many calls more than the limit allows."""
        return max(0, self.used_count + self.others_count + self.wanted_count - self.limit.count)

    @property
    def is_too_little(self) -> bool:
        return self.missing_count > 0


@dataclass(frozen=True, slots=True)
class Slowing:
    """A limit shorter than a day that lets the plan wait longest. `name`: as of an allowance."""

    name: str
    limit: Limit


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What becomes of one send. `at`: when it is there, None where it is not reached; `reason` says why not, a code of
    the delivery reasons. `person`: the assignee's id where it goes by hand. `free_at`: of one that quiet hours or a
    holiday hold at its time, when they let go; None where no end is in sight."""

    send: PlannedSend
    at: datetime | None = None
    reason: str = ""
    person: int | None = None
    free_at: datetime | None = None

    @property
    def is_by_robot(self) -> bool:
        return self.at is not None and self.person is None

    @property
    def is_blocked(self) -> bool:
        """Held by quiet hours or a holiday until after its latest moment: no later time of it is good."""
        latest_at = self.send.latest_at
        return latest_at is not None and self.free_at is not None and self.free_at > latest_at

    @property
    def is_late(self) -> bool:
        """By hand only, after its latest moment: she is asked then whether she still posts it."""
        return self.at is not None and self.send.latest_at is not None and self.at > self.send.latest_at


@dataclass(frozen=True, slots=True)
class Hand:
    """One colleague's part of the plan: `card_count` cards with `send_count` places to tick, done `until_at`.

    `is_told`: there is a channel to tell her by. `has_link`: she has a personal link, or an account here; `has_opened`:
    she has been on her list by it, or has an account.
    """

    assignee_id: int
    name: str
    card_count: int
    send_count: int
    late_count: int
    until_at: datetime
    is_told: bool
    has_link: bool
    has_opened: bool


@dataclass(frozen=True, slots=True)
class FailingChannel:
    """A channel of the plan whose last message or test failed, with the platform's words. `is_for_good`: it was refused
    or given up; else it ended in doubt (a 500, a connection cut off) or is tried again."""

    endpoint_id: int
    name: str
    words: str
    send_count: int
    is_for_good: bool


@dataclass(frozen=True)
class Forecast:
    """What becomes of a plan. Times are estimates: calls of 0.3 s, cards of 15 s and 20 s a group
    (`messaging.forecasting`). `is_cut`: so much else is planned that not all was looked at; it may take longer, and
    more of the allowances."""

    rows: tuple[Foreseen, ...] = ()  # in the order of the sends
    hands: tuple[Hand, ...] = ()  # who has most to post first
    allowances: tuple[Allowance, ...] = ()
    failing: tuple[FailingChannel, ...] = ()
    carriers: tuple[Carrier, ...] = ()  # by target, in the order of the sends
    first_at: datetime | None = None  # when the first that goes out is due, not before now
    is_cut: bool = False
    slowing: Slowing | None = None
    busy: tuple[BusyPlatform, ...] = ()  # sends that start when their platform says it is busy

    @cached_property
    def robot_count(self) -> int:
        return sum(row.is_by_robot for row in self.rows)

    @cached_property
    def hand_counts(self) -> dict[int, int]:
        """By assignee."""
        return {hand.assignee_id: hand.send_count for hand in self.hands}

    @cached_property
    def unreached(self) -> list[Foreseen]:
        """What cannot go out as things are, or would come too late."""
        return [row for row in self.rows if row.at is None]

    @cached_property
    def last(self) -> Foreseen | None:
        """Who hears last."""
        there = [row for row in self.rows if row.at is not None]
        return max(reversed(there), key=lambda row: row.at or row.send.due_at, default=None)

    @property
    def last_at(self) -> datetime | None:
        return self.last.at if self.last is not None else None

    @property
    def seconds(self) -> float:
        """From the first moment to when the last one is there."""
        return (self.last_at - self.first_at).total_seconds() if self.last_at and self.first_at else 0.0

    def is_after(self, anchor_at: datetime) -> bool:
        """Whether the last target hears after this moment."""
        return self.last_at is not None and self.last_at > anchor_at


Numbered = tuple[int, PlannedSend]


def foresee(*, workspace_id: int, sends: Sequence[PlannedSend], now: datetime) -> Forecast:
    """Foresee a plan that is not scheduled yet. Reads only; a constant number of queries, whatever its size.

    All sends are of one origin (`would_be_held`). Rows of the same origin that are planned already are not counted
    beside it.
    """
    if not sends:
        return Forecast()
    return _Plan(workspace_id, sends, now).foreseen()


@dataclass
class _Plan:
    """A plan with all that was read about it."""

    workspace_id: int
    sends: Sequence[PlannedSend]
    now: datetime
    ways: Ways = field(init=False)
    rules: SendRules = field(init=False)
    reasons: dict[int, str] = field(init=False)  # by number, of what does not go out whenever its turn comes
    parts: dict[int, tuple[Part, ...]] = field(init=False)
    frees: dict[int, datetime | None] = field(
        default_factory=dict
    )  # by number, when rules let go of what they hold in her hand

    def __post_init__(self) -> None:
        self.ways, self.rules = Ways(self.workspace_id, self.sends), rules_of(self.workspace_id)
        self.parts = {number: self._parts(send) for number, send in enumerate(self.sends) if self._way(send)}
        self.reasons = self._refused_beforehand()

    def foreseen(self) -> Forecast:
        going = [(number, send) for number, send in enumerate(self.sends) if number not in self.reasons]
        by_hand = [(number, send) for number, send in going if send.endpoint_id in self.ways.people]
        by_robot = [(number, send) for number, send in going if send.endpoint_id not in self.ways.people]
        budgets = budgets_of(self.ways, now=self.now)
        others = others_of(self.ways, self.sends, now=self.now)
        calls = [self._calls(number, send) for number, send in by_robot]
        ran = forecasting.simulate([*others.calls, *calls], used=budgets.used, closed_until=budgets.closed_until)
        cards = self._cards(by_hand)
        ends, kept = self._held_in_hand(forecasting.ends_by_hand([*others.cards, *cards]))
        ends, reasons = ran.ends | ends, self.reasons | ran.refused | kept
        rows = tuple(self._row(number, send, ends, reasons) for number, send in enumerate(self.sends))
        return Forecast(
            rows=rows,
            hands=self._hands(cards, rows),
            allowances=self._allowances(calls, others, budgets),
            failing=self._failing([send for _, send in going]),
            carriers=carriers_of(rows, self.ways.endpoints, self.ways.people),
            first_at=min((self._due(row.send) for row in rows if row.at is not None), default=None),
            is_cut=others.is_cut,
            slowing=self._slowing(calls, others, budgets),
            busy=busy_of(self.ways, [send for _, send in going], now=self.now),
        )

    def _due(self, send: PlannedSend) -> datetime:
        return max(send.due_at, self.now)

    def _way(self, send: PlannedSend) -> Endpoint | None:
        """The live channel of a send."""
        endpoint = self.ways.endpoints.get(send.endpoint_id or 0)
        return endpoint if endpoint is not None and endpoint.archived_at is None else None

    def _parts(self, send: PlannedSend) -> tuple[Part, ...]:
        return parts_of(
            self.ways.endpoints[send.endpoint_id or 0],
            text=send.text,
            is_markdown=send.is_markdown,
            has_image=send.image_id is not None,
            card=send.card,
            has_file=send.file_id is not None,
        )

    # --- what does not go out ---------------------------------------------------------------------------

    def _refused_beforehand(self) -> dict[int, str]:
        """What the look before the call (`sending`) refuses, as far as it follows from the plan and the rules."""
        held = would_be_held(workspace_id=self.workspace_id, sends=self.sends, rules=self.rules)
        reasons = {one.send.source_key: one.reason for one in held}
        files = Asset.objects.in_bulk({send.file_id for send in self.sends if send.file_id is not None})
        found = {
            number: self._no_way(send) or reasons.get(send.source_key, "") or self._not_taken(number, send, files)
            for number, send in enumerate(self.sends)
        }
        return {number: reason for number, reason in found.items() if reason}

    def _no_way(self, send: PlannedSend) -> str:
        endpoint = self.ways.endpoints.get(send.endpoint_id or 0)
        if endpoint is None or (is_by_hand(endpoint) and endpoint.pk not in self.ways.people):
            return "no_endpoint"
        return "" if endpoint.archived_at is None else "endpoint_archived"

    def _not_taken(self, number: int, send: PlannedSend, files: dict[int, Asset]) -> str:
        endpoint = self.ways.endpoints[send.endpoint_id or 0]
        if send.file_id in files and not takes_file(endpoint, files[send.file_id]):
            return "file_not_taken"
        if all(part.is_empty for part in self.parts[number]):
            return "nothing_to_send"
        text_count = sum(1 for part in self.parts[number] if part.text)
        return "too_long" if text_count > (MAX_PARTS if send.may_split else 1) else ""

    # --- by robot ---------------------------------------------------------------------------------------

    def _calls(self, number: int, send: PlannedSend) -> Calls:
        def refused(at: datetime) -> str:
            if send.latest_at is not None and at > send.latest_at:
                return TOO_LATE
            return "" if send.exemption else self.rules.held_at(at.astimezone(ZoneInfo(send.zone)))

        known = self.ways.limits[send.endpoint_id or 0]
        return Calls(number, self._due(send), len(self.parts[number]), known, refused)

    def _allowances(self, calls: Sequence[Calls], others: Others, budgets: Budgets) -> tuple[Allowance, ...]:
        """Limits of a day or longer that the plan uses, by budget."""
        wanted, beside = _by_budget(calls), _by_budget([*others.calls, *others.later_calls])
        used = {key: Counter(moments) for key, moments in budgets.used.items()}
        return tuple(
            self._allowance(
                key,
                limit,
                forecasting.fullest_window(limit.seconds, wanted[key], used.get(key, {}), beside.get(key, {})),
            )
            for key, found in sorted(_limits(calls).items())
            for limit in found
            if is_long(limit)
        )

    def _allowance(self, key: Key, limit: Limit, window: Window) -> Allowance:
        wanted, used, others = window.counts
        return Allowance(self._name_of(key), limit, used, others, wanted, window.until_at)

    def _slowing(self, calls: Sequence[Calls], others: Others, budgets: Budgets) -> Slowing | None:
        """Of the limits whose fullest window has no room for all, the one that takes most of its windows."""
        wanted, beside = _by_budget(calls), _by_budget(others.calls)
        waits: list[tuple[int, Key, Limit]] = []
        for key, found in sorted(_limits(calls).items()):
            used = Counter(budgets.used.get(key, ()))
            for limit in (one for one in found if not is_long(one)):
                window = forecasting.fullest_window(limit.seconds, wanted[key], used, beside.get(key, {}))
                waits.append(((window.total - 1) // limit.count * limit.seconds, key, limit))
        longest = max(waits, key=lambda wait: wait[0], default=None)
        return Slowing(self._name_of(longest[1]), longest[2]) if longest is not None and longest[0] else None

    def _name_of(self, key: Key) -> str:
        if key[0] == LimitScope.WORKSPACE:
            return ""
        endpoints = self.ways.endpoints.values()
        if key[0] == LimitScope.ENDPOINT:
            return next(one.name for one in endpoints if one.identity_id == key[1])
        return next(one.connection.name for one in endpoints if one.connection.identity_id == key[1])

    def _failing(self, sends: Iterable[PlannedSend]) -> tuple[FailingChannel, ...]:
        counts = Counter(send.endpoint_id for send in sends if send.endpoint_id is not None)
        robots = [pk for pk in counts if not is_by_hand(self.ways.endpoints[pk])]
        if not robots:
            return ()
        found = failing_endpoints(workspace_id=self.workspace_id, endpoint_ids=robots, with_doubts=True)
        for_good = failing_endpoints(workspace_id=self.workspace_id, endpoint_ids=list(found)) if found else {}
        names = {pk: self.ways.endpoints[pk].name for pk in found}
        return tuple(
            FailingChannel(pk, names[pk], for_good.get(pk, found[pk]), counts[pk], pk in for_good)
            for pk in sorted(found)
        )

    # --- by hand ----------------------------------------------------------------------------------------

    def _cards(self, by_hand: Iterable[Numbered]) -> list[Card]:
        """One for each touch and colleague, by the same facts as `task_policies.card_digest`."""
        found: dict[tuple[object, ...], list[int]] = defaultdict(list)
        people: dict[tuple[object, ...], tuple[int, datetime]] = {}
        for number, send in by_hand:
            who = self.ways.people[send.endpoint_id or 0].pk
            words = (send.text, send.is_markdown, send.image_id, send.card, send.file_id)
            key = (who, send.due_at, send.origin, send.origin_id, *words)
            found[key].append(number)
            people[key] = (who, self._due(send))
        return [Card(*people[key], tuple(numbers)) for key, numbers in found.items()]

    def _held_in_hand(self, ends: dict[int, datetime]) -> tuple[dict[int, datetime], dict[int, str]]:
        """When each is done, the rules asked again when its turn has come; and why what they then hold until after its
        latest moment is not."""
        done: dict[int, datetime] = {}
        kept: dict[int, str] = {}
        for number, at in ends.items():
            send, local = self.sends[number], at.astimezone(ZoneInfo(self.sends[number].zone))
            reason = "" if send.exemption else self.rules.held_at(local)
            free = self.rules.free_from(local) if reason else local
            if free is None or (reason and send.latest_at is not None and free > send.latest_at):
                kept[number], self.frees[number] = reason, free
            else:
                done[number] = free.astimezone(UTC)
        return done, kept

    def _hands(self, cards: Iterable[Card], rows: Sequence[Foreseen]) -> tuple[Hand, ...]:
        card_counts = Counter(card.assignee_id for card in cards)
        people = {person.pk: person for person in self.ways.people.values()}
        hers = {pk: [row for row in rows if row.person == pk] for pk in card_counts}
        hands = [
            Hand(
                assignee_id=pk,
                name=people[pk].name,
                card_count=card_counts[pk],
                send_count=len(found),
                late_count=sum(row.is_late for row in found),
                until_at=max(row.at for row in found if row.at is not None),
                is_told=can_be_told(people[pk]),
                has_link=bool(people[pk].link_digest or people[pk].user_id),
                has_opened=bool(people[pk].link_seen_at or people[pk].user_id),
            )
            for pk, found in hers.items()
            if found
        ]
        return tuple(sorted(hands, key=lambda hand: (-hand.send_count, hand.name, hand.assignee_id)))

    def _row(self, number: int, send: PlannedSend, ends: dict[int, datetime], reasons: dict[int, str]) -> Foreseen:
        if number in reasons:
            free_at = self.frees[number] if number in self.frees else self._free_at(send, reasons[number])
            return Foreseen(send, reason=reasons[number], free_at=free_at)
        person = self.ways.people.get(send.endpoint_id or 0)
        return Foreseen(send, at=ends[number], person=person.pk if person is not None else None)

    def _free_at(self, send: PlannedSend, reason: str) -> datetime | None:
        """Of one that would go out at its time but for quiet hours or a holiday."""
        local = self._due(send).astimezone(ZoneInfo(send.zone))
        is_held = reason in (QUIET_HOURS, HOLIDAY) and self.rules.held_at(local)
        return self.rules.free_from(local) if is_held else None


def _by_budget(calls: Iterable[Calls]) -> dict[Key, Counter[datetime]]:
    """How many calls are wanted of each budget at each moment."""
    found: dict[Key, Counter[datetime]] = defaultdict(Counter)
    for one in calls:
        for key in one.limits:
            found[key][one.due_at] += one.count
    return found


def _limits(calls: Iterable[Calls]) -> dict[Key, Sequence[Limit]]:
    return {key: found for one in calls for key, found in one.limits.items()}
