"""Changes of playbook runs: start, move, stop, and what a condition sets off.

A run is planned as a whole: each touch (step x group) has its row, and its delivery exists in `messaging` from the
moment the run is started or moved. Whether a touch really goes out is asked once more when it fires (`guards`).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from campaigns import origins, policies, selectors
from campaigns.errors import NoGroups, RunIsStopped
from campaigns.events import ConditionMet, RunMoved, RunStarted, RunStopped
from campaigns.models import Playbook, PlaybookRun, PlaybookStep, RunCondition, RunGroup, Touch, TouchState
from campaigns.services.holding import goes_out, held_warnings
from campaigns.services.playbooks import PlannedTouch
from campaigns.services.touches import (
    BATCH,
    apply_plan,
    move_touches,
    plan_called_off_touches,
    plan_deliveries,
    plan_of,
    plan_touches_without_channel,
    send_of,
    wait_again,
)
from community_ops.common import audit, outbox, text
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput
from groups.services import Warned
from messaging import services as messaging

CONDITIONS = Actor.system("campaigns.meet_condition")
CHANNELS = Actor.system("campaigns.plan_skipped_touches")
OVER = "over"


@transaction.atomic
def start_run(
    *,
    playbook: Playbook,
    subject_kind: str,
    subject_id: int,
    starts_at: datetime,
    ends_at: datetime,
    group_ids: Iterable[int],
    label: str,
    actor: Actor,
    now: datetime,
) -> PlaybookRun:
    """Put a playbook to work on a subject: every touch that has a time is planned when this returns.

    Steps that are past, have no room between start and end, or whose group cannot receive anything are kept as
    skipped with their reason. Writes the run, its touches and deliveries, an audit row and RunStarted. A subject
    has one live run: a second call returns it unchanged (use `move_run` to change its times).
    Raises InvalidInput naming `ends_at` or `groups`.
    """
    _ensure_window(starts_at, ends_at)
    run, created = _claim_run(
        playbook=playbook,
        subject_kind=subject_kind,
        subject_id=subject_id,
        starts_at=starts_at,
        ends_at=ends_at,
        label=text.clean_line(label, field="label", max_length=200),
    )
    if not created:
        return run
    ids = sorted(set(group_ids))
    if not ids:
        raise NoGroups
    planned_count = _plan_all(run, ids, actor=actor, now=now)
    after = {"starts_at": starts_at, "ends_at": ends_at, "groups": len(ids), "planned": planned_count}
    audit.record(actor=actor, verb="run.started", target=run, now=now, after=after)
    outbox.publish(
        RunStarted(
            workspace_id=run.workspace_id,
            run_id=run.pk,
            subject_kind=subject_kind,
            subject_id=subject_id,
            starts_at=starts_at,
            ends_at=ends_at,
            planned_count=planned_count,
        )
    )
    return run


def needs_warnings(run: PlaybookRun) -> list[Warned]:
    """One warning (`needs_people`) per planned step whose words promise something that people must do."""
    steps = PlaybookStep.objects.filter(pk__in=run.touches.filter(state=TouchState.PLANNED).values("step_id"))
    return _needs_of(steps)


def plan_needs_warnings(touches: Iterable[PlannedTouch]) -> list[Warned]:
    """The same for a playbook's plan that is only looked at."""
    return _needs_of({touch.step.pk: touch.step for touch in goes_out(touches)}.values())


def _needs_of(steps: Iterable[PlaybookStep]) -> list[Warned]:
    return [
        {"code": "needs_people", "message": f"{_(step.name)}: {_(step.needs)}"}
        for step in sorted(steps, key=lambda step: step.position)
        if step.needs
    ]


def run_held_warnings(run: PlaybookRun) -> list[Warned]:
    """What the send rules would hold back of what has not gone out yet: `quiet_hours`, `holiday`, `cap`."""
    planned = selectors.deliveries_of_run(run).filter(state="planned").values("source_key")
    touches = run.touches.filter(state=TouchState.PLANNED, source_key__in=planned)
    touches = touches.select_related("step", "group__community")
    return held_warnings(workspace_id=run.workspace_id, sends=[send_of(run, touch) for touch in touches])


@transaction.atomic
def move_run(*, run: PlaybookRun, starts_at: datetime, ends_at: datetime, actor: Actor, now: datetime) -> PlaybookRun:
    """Move the whole plan to new anchors, also touches a worker holds already but has not begun to send.

    What has gone out stays and is not sent again. Planned touches whose new time is past (or that have no room any
    more) are called off; skipped ones that have a time again are planned. Writes an audit row and RunMoved. The
    same times again change nothing. Raises RunIsStopped, InvalidInput naming `ends_at`.
    """
    _ensure_window(starts_at, ends_at)
    locked = PlaybookRun.objects.select_for_update().get(pk=run.pk)
    if locked.stopped_at is not None:
        raise RunIsStopped
    before = {"starts_at": locked.starts_at, "ends_at": locked.ends_at}
    after = {"starts_at": starts_at, "ends_at": ends_at}
    if before == after:
        return locked
    locked.starts_at, locked.ends_at = starts_at, ends_at
    locked.save(update_fields=["starts_at", "ends_at", "updated_at"])
    move_touches(locked, actor=actor, now=now)
    audit.record(actor=actor, verb="run.moved", target=locked, now=now, before=before, after=after)
    outbox.publish(
        RunMoved(
            workspace_id=locked.workspace_id,
            run_id=locked.pk,
            subject_kind=locked.subject_kind,
            subject_id=locked.subject_id,
            starts_at=starts_at,
            ends_at=ends_at,
        )
    )
    return locked


def plan_skipped_touches(*, workspace_id: int, group_id: int, now: datetime) -> int:
    """Plan what live runs skipped because this group had no channel; returns how many touches that were.

    A second call finds nothing. Writes an audit row for each run that changed.
    """
    runs = PlaybookRun.objects.of(workspace_id).filter(stopped_at__isnull=True, ends_at__gt=now)
    skipped = Touch.objects.filter(group_id=group_id, state=TouchState.SKIPPED, reason=policies.SkipReason.NO_ENDPOINT)
    return sum(
        _plan_skipped(pk, group_id, now=now)
        for pk in list(runs.filter(touches__in=skipped).order_by("pk").distinct().values_list("pk", flat=True))
    )


@transaction.atomic
def _plan_skipped(run_pk: int, group_id: int, *, now: datetime) -> int:
    run = PlaybookRun.objects.select_for_update().get(pk=run_pk)
    if run.stopped_at is not None:
        return 0
    if count := plan_touches_without_channel(run, group_id=group_id, actor=CHANNELS, now=now):
        audit.record(
            actor=CHANNELS,
            verb="run.group_connected",
            target=run,
            now=now,
            after={"group": group_id, "planned_count": count},
        )
    return count


@transaction.atomic
def stop_run(*, run: PlaybookRun, reason: str, actor: Actor, now: datetime) -> int:
    """Call off what has not gone out; returns how many deliveries that were. A second call changes nothing.

    `reason`: a code (at most 40 signs) kept on the run, its touches and deliveries. Writes an audit row and RunStopped.
    """
    rows = PlaybookRun.objects.filter(pk=run.pk, stopped_at__isnull=True)
    if not rows.update(stopped_at=now, stop_reason=reason, paused_at=None, updated_at=now):
        run.refresh_from_db()
        return 0
    run.refresh_from_db()
    count = messaging.cancel_deliveries(
        workspace_id=run.workspace_id, origin=origins.TOUCH, origin_id=run.pk, reason=reason, actor=actor, now=now
    )
    _close(run.touches.filter(state=TouchState.WAITING), reason, now=now)
    _close(_called_off(run), reason, now=now)
    after = {"reason": reason, "cancelled_count": count}
    audit.record(actor=actor, verb="run.stopped", target=run, now=now, after=after, reason=reason)
    outbox.publish(
        RunStopped(
            workspace_id=run.workspace_id,
            run_id=run.pk,
            subject_kind=run.subject_kind,
            subject_id=run.subject_id,
            reason=reason,
            cancelled_count=count,
        )
    )
    return count


@transaction.atomic
def meet_condition(*, workspace_id: int, subject_kind: str, subject_id: int, condition: str, now: datetime) -> int:
    """Say that `condition` came true for a subject: its steps go out now, steps it calls off are cancelled.

    Returns how many touches were planned. Only the first call of a condition does anything; without a live run
    nothing happens. After the end of the run nothing is said any more. Writes an audit row and ConditionMet.
    """
    run = _lock_live_run(workspace_id, subject_kind, subject_id)
    if run is None or not _first_time(run, condition, now=now):
        return 0
    cancelled = _call_off(run, condition, now=now)
    planned = _fire(run, condition, now=now)
    after = {"condition": condition, "planned_count": planned, "cancelled_count": cancelled}
    audit.record(actor=CONDITIONS, verb="run.condition_met", target=run, now=now, after=after)
    outbox.publish(
        ConditionMet(
            workspace_id=run.workspace_id,
            run_id=run.pk,
            subject_kind=subject_kind,
            subject_id=subject_id,
            condition=condition,
            planned_count=planned,
            cancelled_count=cancelled,
        )
    )
    return planned


@transaction.atomic
def clear_condition(
    *, workspace_id: int, subject_kind: str, subject_id: int, condition: str, reason: str, now: datetime
) -> int:
    """Take back that `condition` came true: what it called off is planned again where its time has not passed.

    Returns how many touches that were. What it made true to say waits for it again; where it has not gone out yet it
    is cancelled with `reason`. Without a live run, or when the condition was not met, nothing happens. Writes an
    audit row.
    """
    run = _lock_live_run(workspace_id, subject_kind, subject_id)
    if run is None or not run.conditions.filter(condition=condition).delete()[0]:
        return 0
    said = run.touches.filter(step__condition=condition)
    _cancel_touches(run, said, reason, now=now)
    wait_again(run, said.filter(state=TouchState.PLANNED), now=now)
    planned = plan_called_off_touches(run, reason=condition, actor=CONDITIONS, now=now)
    after = {"condition": condition, "planned_count": planned}
    audit.record(actor=CONDITIONS, verb="run.condition_cleared", target=run, now=now, after=after)
    return planned


def _ensure_window(starts_at: datetime, ends_at: datetime) -> None:
    if ends_at <= starts_at:
        raise InvalidInput(_("The end must be after the start."), field="ends_at")


def _claim_run(*, playbook: Playbook, subject_kind: str, subject_id: int, **facts: Any) -> tuple[PlaybookRun, bool]:
    """(the subject's live run, whether it is new); the unique constraint decides between two callers."""
    subject = {"workspace_id": playbook.workspace_id, "subject_kind": subject_kind, "subject_id": subject_id}
    try:
        with transaction.atomic():
            return PlaybookRun.objects.create(**subject, playbook=playbook, **facts), True
    except IntegrityError:
        return PlaybookRun.objects.get(**subject, stopped_at__isnull=True), False


def _plan_all(run: PlaybookRun, group_ids: list[int], *, actor: Actor, now: datetime) -> int:
    """Write the run's groups, touches and deliveries; returns how many touches are planned."""
    RunGroup.objects.bulk_create(
        [RunGroup(workspace_id=run.workspace_id, run=run, group_id=pk) for pk in group_ids], batch_size=BATCH
    )
    touches = [_new_touch(run, planned) for planned in plan_of(run, now=now)]
    Touch.objects.bulk_create(touches, batch_size=BATCH)
    planned = [touch for touch in touches if touch.state == TouchState.PLANNED]
    plan_deliveries(run, planned, actor=actor, now=now)
    return len(planned)


def _lock_live_run(workspace_id: int, subject_kind: str, subject_id: int) -> PlaybookRun | None:
    """Locked against a move at the same time: what fires must not be moved, what moves must not be called off."""
    rows = PlaybookRun.objects.of(workspace_id).filter(subject_kind=subject_kind, subject_id=subject_id)
    return rows.filter(stopped_at__isnull=True).select_for_update().first()


def _new_touch(run: PlaybookRun, planned: PlannedTouch) -> Touch:
    key = origins.touch_key(run.pk, planned.step.pk, planned.group.pk, revision=1)
    touch = Touch(
        workspace_id=run.workspace_id, run=run, step=planned.step, group=planned.group, revision=1, source_key=key
    )
    apply_plan(touch, planned)
    return touch


def _called_off(run: PlaybookRun) -> QuerySet[Touch]:
    """Planned touches whose delivery is cancelled by now."""
    cancelled = selectors.deliveries_of_run(run).filter(state="cancelled").values("source_key")
    return run.touches.filter(state=TouchState.PLANNED, source_key__in=cancelled)


def _close(touches: QuerySet[Touch], reason: str, *, now: datetime) -> int:
    return touches.update(state=TouchState.STOPPED, reason=reason, updated_at=now)


def _first_time(run: PlaybookRun, condition: str, *, now: datetime) -> bool:
    _row, created = RunCondition.objects.get_or_create(
        workspace_id=run.workspace_id, run=run, condition=condition, defaults={"met_at": now}
    )
    return created


def _fire(run: PlaybookRun, condition: str, *, now: datetime) -> int:
    """Plan the steps that wait for `condition`; when the run is over they are closed instead."""
    waiting = run.touches.filter(state=TouchState.WAITING, step__condition=condition)
    if now >= run.ends_at:
        _close(waiting, OVER, now=now)
        return 0
    touches = list(waiting.select_related("step", "group__community"))
    for touch in touches:
        touch.state, touch.due_at = TouchState.PLANNED, now
        touch.latest_at = now + timedelta(seconds=touch.step.latest_seconds)
        touch.updated_at = now
    Touch.objects.bulk_update(touches, ["state", "due_at", "latest_at", "updated_at"], batch_size=BATCH)
    plan_deliveries(run, touches, actor=CONDITIONS, now=now)
    return len(touches)


def _call_off(run: PlaybookRun, condition: str, *, now: datetime) -> int:
    """Cancel the steps that `condition` makes untrue; returns how many deliveries were still planned."""
    steps = [step.pk for step in run.playbook.steps.all() if condition in step.stops_on]
    touches = run.touches.filter(step_id__in=steps)
    count = _cancel_touches(run, touches, condition, now=now)
    _close(touches.filter(state=TouchState.WAITING), condition, now=now)
    _close(_called_off(run).filter(step_id__in=steps), condition, now=now)
    return count


def _cancel_touches(run: PlaybookRun, touches: QuerySet[Touch], reason: str, *, now: datetime) -> int:
    """Cancel their deliveries that have not begun; returns how many."""
    keys = list(touches.filter(state=TouchState.PLANNED).values_list("source_key", flat=True))
    return messaging.cancel_deliveries(
        workspace_id=run.workspace_id, source_keys=keys, reason=reason, actor=CONDITIONS, now=now
    )
