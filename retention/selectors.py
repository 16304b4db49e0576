"""Reads of the activity roll-up. Every figure says its numerator, denominator, window, zone, and what zero means."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from community_ops.accounts.policies import assigned_groups, is_limited
from community_ops.common.actors import Actor
from groups import selectors as groups
from members import selectors as members
from retention.models import DailyActivity


@dataclass(frozen=True, slots=True)
class GroupDay:
    """One day of a group in its own zone."""

    on: date
    message_count: int
    speaker_count: int


def activity_visible_to(actor: Actor) -> QuerySet[DailyActivity]:
    """Days of the groups the actor sees; the groups are named only for those who do not see them all."""
    rows = DailyActivity.objects.within(actor)
    return rows.filter(group_id__in=assigned_groups(actor)) if is_limited(actor) else rows


def speaker_count(
    actor: Actor, *, since_on: date, until_on: date, group_ids: Collection[int] | None = None
) -> int | None:
    """Distinct members who wrote at least one message from `since_on` to `until_on`, both included.

    Days are those of each group's zone. None when none of these groups has ever reported a message up
    to then: not measured is not zero.
    """
    rows = _of_groups(activity_visible_to(actor), group_ids).filter(message_count__gt=0, on__lte=until_on)
    count = rows.filter(on__gte=since_on).aggregate(count=Count("member", distinct=True))["count"]
    return count if count or rows.exists() else None


def speakers_by_day(
    actor: Actor, *, since_on: date, until_on: date, group_ids: Collection[int] | None = None
) -> dict[date, int]:
    """Distinct members who wrote on each day; days without any are left out."""
    rows = _of_groups(activity_visible_to(actor), group_ids)
    rows = rows.filter(message_count__gt=0, on__gte=since_on, on__lte=until_on)
    counted = rows.values("on").annotate(count=Count("member", distinct=True)).order_by("on")
    return {row["on"]: row["count"] for row in counted}


def messages_per_day(*, workspace_id: int, group_id: int, since_on: date, until_on: date) -> list[GroupDay]:
    """Messages and distinct speakers of each day of a group that had any, oldest first; both ends included."""
    rows = DailyActivity.objects.of(workspace_id).filter(group_id=group_id, on__gte=since_on, on__lte=until_on)
    return _days(rows)


def busiest_day(*, workspace_id: int, group_id: int) -> GroupDay | None:
    """The day of the group's zone with most messages ever (the earlier of two equal ones); None without any."""
    rows = DailyActivity.objects.of(workspace_id).filter(group_id=group_id)
    return max(_days(rows), key=lambda day: (day.message_count, -day.on.toordinal()), default=None)


def group_speakers(
    *, workspace_id: int, group_ids: Collection[int], since_on: date, until_on: date
) -> dict[int, tuple[int, int]]:
    """By group id: (distinct members who wrote, messages) in the window; groups without any are left out."""
    rows = DailyActivity.objects.of(workspace_id).filter(
        group_id__in=group_ids, on__gte=since_on, on__lte=until_on, message_count__gt=0
    )
    counted = rows.values("group_id").annotate(speakers=Count("member", distinct=True), messages=Sum("message_count"))
    return {row["group_id"]: (row["speakers"], row["messages"]) for row in counted.order_by()}


def measured_groups(actor: Actor, group_ids: Collection[int]) -> set[int]:
    """Which of these groups have ever reported what their members did."""
    reported = DailyActivity.objects.filter(group_id=OuterRef("pk"))
    visible = groups.groups_visible_to(actor, with_archived=True).filter(pk__in=list(group_ids))
    return set(visible.filter(Exists(reported)).values_list("pk", flat=True))


def last_active_day(*, workspace_id: int, group_id: int, until_on: date) -> date | None:
    """The latest day of the group's zone, up to `until_on`, with a message or reaction."""
    rows = DailyActivity.objects.of(workspace_id).filter(group_id=group_id, on__lte=until_on)
    return rows.order_by("-on").values_list("on", flat=True).first()


@dataclass(frozen=True, slots=True)
class Speaker:
    """A member and how many messages she wrote in a window."""

    member_id: int
    name: str
    message_count: int


def top_speakers(*, workspace_id: int, group_id: int, since_on: date, until_on: date, count: int) -> list[Speaker]:
    """Who wrote most in the window, most first; the earlier member first among equals."""
    rows = DailyActivity.objects.of(workspace_id).filter(group_id=group_id, on__gte=since_on, on__lte=until_on)
    summed = rows.values("member_id").annotate(messages=Sum("message_count")).filter(messages__gt=0)
    ranked = [(row["member_id"], row["messages"]) for row in summed.order_by("-messages", "member_id")[:count]]
    known = members.members_by_id(workspace_id=workspace_id, member_ids=[member_id for member_id, _ in ranked])
    return [Speaker(member_id, known[member_id].display_name, messages) for member_id, messages in ranked]


def answered_counts(actor: Actor, *, since: datetime, until: datetime) -> tuple[int, int]:
    """(messages answered by another author within 24 h, messages) of members in the groups the actor sees.

    The window is whole days of each group's zone: those after the day of `since`, up to the day of
    `until`, so that neighbouring windows share none.
    """
    by_zone: dict[ZoneInfo, list[int]] = defaultdict(list)
    for group_id, zone in groups.zones_visible_to(actor).items():
        by_zone[zone].append(group_id)
    window = Q(pk__in=[])
    for zone, group_ids in by_zone.items():
        after, last = since.astimezone(zone).date(), until.astimezone(zone).date()
        window |= Q(group_id__in=group_ids, on__gt=after, on__lte=last)
    rows = DailyActivity.objects.of(actor.workspace_id or 0).filter(window)
    summed = rows.aggregate(answered=Sum("answered_count"), messages=Sum("message_count"))
    return summed["answered"] or 0, summed["messages"] or 0


def _of_groups(rows: QuerySet[DailyActivity], group_ids: Collection[int] | None) -> QuerySet[DailyActivity]:
    return rows if group_ids is None else rows.filter(group_id__in=group_ids)


def _days(rows: QuerySet[DailyActivity]) -> list[GroupDay]:
    counted = rows.values("on").annotate(
        messages=Sum("message_count"), speakers=Count("member", distinct=True, filter=Q(message_count__gt=0))
    )
    return [GroupDay(row["on"], row["messages"], row["speakers"]) for row in counted.order_by("on") if row["messages"]]
