"""What an announcement, or a playbook's plan, will take: said before it is scheduled. Reads only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from campaigns import selectors
from campaigns.models import Announcement, PlaybookRun, PlaybookStep, TouchState
from campaigns.services.announcements import sends_ahead
from campaigns.services.holding import goes_out, sends_of_plan
from campaigns.services.playbooks import PlannedTouch
from campaigns.services.touches import plan_touch_of, send_of
from messaging import services as messaging
from messaging.services import Forecast, Foreseen

if TYPE_CHECKING:
    from groups.models import ChatGroup


@dataclass(frozen=True, slots=True)
class StepForecast:
    """One step at one moment: how many of its groups hear how, and who hears last; who does not, skipped ones too.

    `is_after_start`: it comes before the start, and somebody hears it afterwards.
    """

    step: PlaybookStep
    due_at: datetime
    robot_count: int
    hand_count: int
    unreached_count: int
    last: Foreseen | None
    is_after_start: bool


@dataclass(frozen=True, slots=True)
class Uncounted:
    """A step that waits for its condition: when it goes out, and so what it takes, cannot be said."""

    step: PlaybookStep
    group_count: int


@dataclass(frozen=True, slots=True)
class PlanForecast:
    """`forecast` of the `touches` that go out, row by row; `steps` by time; `skipped`: each with its reason."""

    forecast: Forecast
    starts_at: datetime
    touches: tuple[PlannedTouch, ...] = ()
    steps: tuple[StepForecast, ...] = ()
    uncounted: tuple[Uncounted, ...] = ()
    skipped: tuple[PlannedTouch, ...] = ()


def forecast_announcement(
    announcement: Announcement, groups: Sequence["ChatGroup"], *, now: datetime, due_at: datetime | None = None
) -> Forecast:
    """What it takes to send what has not gone out yet to these of its groups. Groups with their community.

    `due_at`: at another time than its own.
    """
    sends = sends_ahead(announcement, groups)
    if due_at is not None:
        sends = [replace(send, due_at=due_at) for send in sends]
    return messaging.foresee(workspace_id=announcement.workspace_id, sends=sends, now=now)


def forecast_plan(
    touches: Sequence[PlannedTouch], *, subject_kind: str, starts_at: datetime, ends_at: datetime, now: datetime
) -> PlanForecast:
    """What a plan of `preview_run` would take, of a run that is not started yet."""
    going = goes_out(touches)
    sends = sends_of_plan(going, subject_kind=subject_kind, starts_at=starts_at, ends_at=ends_at)
    return _foreseen(touches, going, sends, starts_at=starts_at, now=now)


def forecast_run(run: PlaybookRun, *, now: datetime) -> PlanForecast:
    """What of a run has not gone out yet. What was skipped is in it, what was called off is not."""
    planned = selectors.deliveries_of_run(run).filter(state="planned").values("source_key")
    rows = run.touches.select_related("step", "group__community").order_by("due_at", "step__position", "group_id")
    going = list(rows.filter(state=TouchState.PLANNED, source_key__in=planned))
    still = rows.filter(state__in=(TouchState.WAITING, TouchState.SKIPPED))
    touches = [plan_touch_of(touch) for touch in (*going, *still)]
    sends = [send_of(run, touch) for touch in going]
    return _foreseen(touches, goes_out(touches), sends, starts_at=run.starts_at, now=now)


def _foreseen(
    touches: Sequence[PlannedTouch],
    going: Sequence[PlannedTouch],
    sends: Sequence[messaging.PlannedSend],
    *,
    starts_at: datetime,
    now: datetime,
) -> PlanForecast:
    if not touches:
        return PlanForecast(Forecast(), starts_at)
    forecast = messaging.foresee(workspace_id=touches[0].group.workspace_id, sends=sends, now=now)
    return PlanForecast(
        forecast=forecast,
        starts_at=starts_at,
        touches=tuple(going),
        steps=tuple(_steps(touches, dict(zip(map(_key, going), forecast.rows, strict=True)), starts_at)),
        uncounted=tuple(_uncounted(touches)),
        skipped=tuple(touch for touch in touches if touch.skipped_reason),
    )


Key = tuple[int, int]


def _key(touch: PlannedTouch) -> Key:
    return touch.step.pk, touch.group.pk


def _steps(
    touches: Sequence[PlannedTouch], rows: Mapping[Key, Foreseen], starts_at: datetime
) -> Iterable[StepForecast]:
    """Groups of other zones hear a step of a wall time at another moment: they are a line of their own."""
    alike: dict[tuple[datetime, int], list[PlannedTouch]] = {}
    for touch in touches:
        if touch.due_at is not None:
            alike.setdefault((touch.due_at, touch.step.pk), []).append(touch)
    for (due_at, _step), same in sorted(alike.items(), key=lambda pair: (pair[0][0], pair[1][0].step.position)):
        found = [rows[_key(touch)] for touch in same if _key(touch) in rows]
        part = Forecast(rows=tuple(found))
        yield StepForecast(
            step=same[0].step,
            due_at=due_at,
            robot_count=part.robot_count,
            hand_count=sum(row.person is not None for row in found),
            unreached_count=len(part.unreached) + len(same) - len(found),
            last=part.last,
            is_after_start=due_at < starts_at and part.is_after(starts_at),
        )


def _uncounted(touches: Iterable[PlannedTouch]) -> Iterable[Uncounted]:
    waiting = [touch for touch in touches if touch.due_at is None and not touch.skipped_reason]
    counts: dict[int, list[PlannedTouch]] = {}
    for touch in waiting:
        counts.setdefault(touch.step.pk, []).append(touch)
    return [Uncounted(same[0].step, len(same)) for same in counts.values()]
