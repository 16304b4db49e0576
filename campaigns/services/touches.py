"""The touches of a run and their deliveries: planning them, and moving them all."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from campaigns import origins, policies, selectors
from campaigns.models import PlaybookRun, Touch, TouchState
from campaigns.services.pausing import keep_paused
from campaigns.services.playbooks import PlannedTouch, plan_touch, words_for
from community_ops.common.actors import Actor
from messaging import services as messaging

T = TypeVar("T")
BATCH = 500
_NO_TIME = frozenset({policies.SkipReason.PAST, policies.SkipReason.TOO_SHORT, policies.SkipReason.AFTER_START})


def plan_of(run: PlaybookRun, *, now: datetime) -> list[PlannedTouch]:
    """What the run's playbook means for its groups with its present anchors."""
    rows = run.targets.select_related("group__community").order_by("group_id")
    groups = [row.group for row in rows]
    return [
        plan_touch(step, group, starts_at=run.starts_at, ends_at=run.ends_at, now=now)
        for step in run.playbook.steps.all()
        for group in groups
    ]


def apply_plan(touch: Touch, planned: PlannedTouch) -> None:
    """Set time, state and reason of a touch that has no delivery; not saved."""
    touch.due_at, touch.latest_at, touch.reason = planned.due_at, planned.latest_at, planned.skipped_reason
    if planned.skipped_reason:
        touch.state = TouchState.SKIPPED
    else:
        touch.state = TouchState.WAITING if planned.due_at is None else TouchState.PLANNED


def plan_deliveries(run: PlaybookRun, touches: Sequence[Touch], *, actor: Actor, now: datetime) -> None:
    """Make the deliveries of touches that have a time; those of a paused run wait.

    The touches come with step, and group with its community; a run that is not new is locked.
    """
    plans = [send_of(run, touch) for touch in touches if touch.due_at is not None]
    messaging.plan_deliveries(workspace_id=run.workspace_id, plans=plans, actor=actor, now=now)
    keep_paused(run, now=now)


def plan_touch_of(touch: Touch) -> PlannedTouch:
    """A stored touch as a line of a plan; it comes with step, and group with its community."""
    text, reason = words_for(touch.step, touch.group.community.locale), touch.reason
    skipped = reason if touch.state == TouchState.SKIPPED else ""
    return PlannedTouch(touch.step, touch.group, touch.due_at, touch.latest_at, text, skipped)


def send_of(run: PlaybookRun, touch: Touch) -> messaging.PlannedSend:
    """What goes to `messaging` for a touch that has a time; it comes with step, and group with its community."""
    assert touch.due_at is not None
    return messaging.PlannedSend(
        source_key=touch.source_key,
        endpoint_id=touch.group.endpoint_id,
        text=words_for(touch.step, touch.group.community.locale),
        due_at=touch.due_at,
        latest_at=touch.latest_at,
        origin=origins.TOUCH,
        origin_id=run.pk,
        subject_kind=run.subject_kind,
        subject_id=run.subject_id,
        target_kind=origins.GROUP,
        target_id=touch.group_id,
        target_label=touch.group.name,
        purpose=policies.RUN_PURPOSES.get(run.subject_kind, "notice"),
        zone=touch.group.zone.key,
        exemption=policies.exemption_of(run.subject_kind, touch.due_at, starts_at=run.starts_at, ends_at=run.ends_at),
    )


def move_touches(run: PlaybookRun, *, actor: Actor, now: datetime) -> None:
    """Bring every touch to where the run's new anchors put it; what has gone out stays.

    The deliveries' own conditional updates decide which of them still move: a touch follows its delivery.
    """
    change = _sort(run, run.touches.exclude(state=TouchState.STOPPED), now=now)
    _move_deliveries(run, change.moved, now=now)
    _cancel_deliveries(run, change.dropped, actor=actor, now=now)
    rows = list(selectors.deliveries_of_run(run).values_list("source_key", "state", "due_at"))
    states, times = {key: state for key, state, _at in rows}, {key: at for key, state, at in rows if state == "planned"}
    _save_times([one for one in change.moved if times.get(one[0].source_key) == one[1].due_at], now=now)
    _save_times([one for one in change.dropped if states.get(one[0].source_key) == "cancelled"], now=now)
    _save_times(change.changed, now=now)
    _plan_anew(run, change.revived, known=states.keys(), actor=actor, now=now)


def plan_touches_without_channel(run: PlaybookRun, *, group_id: int, actor: Actor, now: datetime) -> int:
    """Plan the touches that were skipped because the group had no channel; returns how many have a delivery now."""
    skipped = run.touches.filter(group_id=group_id, state=TouchState.SKIPPED, reason=policies.SkipReason.NO_ENDPOINT)
    change = _sort(run, skipped, now=now)
    met = set(run.conditions.values_list("condition", flat=True))
    _save_times([pair for pair in change.changed if pair[0].step.condition not in met], now=now)
    _plan_anew(run, change.revived, known=(), actor=actor, now=now)
    return len(change.revived)


def plan_called_off_touches(run: PlaybookRun, *, reason: str, actor: Actor, now: datetime) -> int:
    """Plan what was called off with `reason` and is not past; returns how many touches have a delivery again."""
    revived = _sort(run, run.touches.filter(state=TouchState.STOPPED, reason=reason), now=now).revived
    known = selectors.deliveries_of_run(run).values_list("source_key", flat=True)
    _plan_anew(run, revived, known=known, actor=actor, now=now)
    return len(revived)


def wait_again(run: PlaybookRun, touches: Iterable[Touch], *, now: datetime) -> None:
    """Let touches whose condition came true wait for it once more; their old deliveries stay as history."""
    waiting = list(touches)
    for touch in waiting:
        touch.state, touch.due_at, touch.latest_at, touch.updated_at = TouchState.WAITING, None, None, now
        _renew(run, touch)
    fields = ["state", "due_at", "latest_at", "revision", "source_key", "updated_at"]
    Touch.objects.bulk_update(waiting, fields, batch_size=BATCH)


def _renew(run: PlaybookRun, touch: Touch) -> None:
    """Another revision, so that another delivery can be planned; not saved."""
    touch.revision += 1
    touch.source_key = origins.touch_key(run.pk, touch.step_id, touch.group_id, revision=touch.revision)


Pair = tuple[Touch, PlannedTouch]


@dataclass
class _Change:
    """Touches beside their new plan, by what becomes of them."""

    moved: list[Pair] = field(default_factory=list)  # planned, and has another time now
    dropped: list[Pair] = field(default_factory=list)  # planned, and has no time any more
    revived: list[Pair] = field(default_factory=list)  # was skipped, and has a time again
    changed: list[Pair] = field(default_factory=list)  # has no delivery: only what is shown of it changes


def _sort(run: PlaybookRun, touches: Iterable[Touch], *, now: datetime) -> _Change:
    plans = {(planned.step.pk, planned.group.pk): planned for planned in plan_of(run, now=now)}
    change = _Change()
    for touch in touches:
        planned = plans[touch.step_id, touch.group_id]
        touch.step, touch.group = planned.step, planned.group  # loaded once, not once per touch
        if touch.state != TouchState.PLANNED:
            has_time = not planned.skipped_reason and planned.due_at is not None
            (change.revived if has_time else change.changed).append((touch, planned))
        elif planned.skipped_reason == policies.SkipReason.PAST and planned.due_at == touch.due_at:
            continue  # due already and in the hands of the workers; the move is not about it
        elif planned.skipped_reason in _NO_TIME:
            change.dropped.append((touch, planned))
        elif planned.due_at is not None:  # a group that lost its endpoint keeps its delivery: it says so when due
            change.moved.append((touch, replace(planned, skipped_reason="")))
    return change


def _move_deliveries(run: PlaybookRun, moved: Sequence[Pair], *, now: datetime) -> None:
    for chunk in _chunks(moved):
        moves = {
            touch.source_key: messaging.Move(due_at=planned.due_at, latest_at=planned.latest_at)
            for touch, planned in chunk
            if planned.due_at is not None
        }
        messaging.reschedule_deliveries(workspace_id=run.workspace_id, moves=moves, now=now)


def _cancel_deliveries(run: PlaybookRun, dropped: Iterable[Pair], *, actor: Actor, now: datetime) -> None:
    keys: dict[str, list[str]] = defaultdict(list)
    for touch, planned in dropped:
        keys[planned.skipped_reason].append(touch.source_key)
    for reason, of_reason in keys.items():
        messaging.cancel_deliveries(
            workspace_id=run.workspace_id, source_keys=of_reason, reason=str(reason), actor=actor, now=now
        )


def _save_times(pairs: Sequence[Pair], *, now: datetime) -> None:
    """One UPDATE for all touches that get the same time and state: groups of one zone share them."""
    alike: dict[tuple[object, ...], list[Touch]] = defaultdict(list)
    for touch, planned in pairs:
        apply_plan(touch, planned)
        alike[touch.due_at, touch.latest_at, touch.state, touch.reason].append(touch)
    for (due_at, latest_at, state, reason), touches in alike.items():
        for chunk in _chunks(touches):
            Touch.objects.filter(pk__in=[touch.pk for touch in chunk]).update(
                due_at=due_at, latest_at=latest_at, state=state, reason=reason, updated_at=now
            )


def _plan_anew(run: PlaybookRun, revived: Sequence[Pair], *, known: Iterable[str], actor: Actor, now: datetime) -> None:
    """Plan touches that were skipped. One that had a delivery before gets another: the old row stays as history."""
    used = set(known)
    touches = []
    for touch, planned in revived:
        apply_plan(touch, planned)
        if touch.source_key in used:
            _renew(run, touch)
        touch.updated_at = now
        touches.append(touch)
    fields = ["due_at", "latest_at", "state", "reason", "revision", "source_key", "updated_at"]
    Touch.objects.bulk_update(touches, fields, batch_size=BATCH)
    plan_deliveries(run, touches, actor=actor, now=now)


def _chunks(rows: Sequence[T]) -> Iterable[Sequence[T]]:
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))
