"""Runs: start, move, stop, and what conditions set off."""

from datetime import datetime, timedelta

import pytest
from time_machine import TimeMachineFixture

from campaigns import services
from campaigns.errors import NoGroups, RunIsStopped
from campaigns.models import Playbook, PlaybookRun, Touch
from campaigns.subscribers import plan_skipped_touches
from community_ops.accounts.models import Workspace
from community_ops.common.errors import InvalidInput
from community_ops.common.models import AuditEntry, OutboxEvent
from community_ops.common.tenancy import WorkspaceMismatch
from groups import services as groups
from groups.events import GroupEndpointBound
from groups.models import ChatGroup
from messaging.models import Delivery
from tests.campaigns.conftest import END, START, Start, make_endpoint
from tests.factories.people import SYSTEM
from tests.moments import NOON

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def touch(key: str, group: ChatGroup | None = None) -> Touch:
    rows = Touch.objects.filter(step__key=key)
    return (rows.filter(group=group) if group else rows).get()


def delivery(key: str) -> Delivery:
    return Delivery.objects.get(source_key=touch(key).source_key)


def move(run: PlaybookRun, by: timedelta, now: datetime = NOON) -> PlaybookRun:
    return services.move_run(run=run, starts_at=run.starts_at + by, ends_at=run.ends_at + by, actor=SYSTEM, now=now)


def meet(condition: str, now: datetime = START + MINUTE) -> int:
    workspace = Workspace.objects.first()
    return services.meet_condition(
        workspace_id=workspace.pk if workspace else 0,
        subject_kind="flash_sale",
        subject_id=1,
        condition=condition,
        now=now,
    )


def clear(condition: str, now: datetime = START + 2 * MINUTE) -> int:
    facts = {"workspace_id": Workspace.objects.get().pk, "subject_kind": "flash_sale", "subject_id": 1}
    return services.clear_condition(**facts, condition=condition, reason="not_sold_out", now=now)


def states() -> dict[str, str]:
    return dict(Touch.objects.values_list("step__key", "state"))


def test_every_touch_with_a_time_is_planned_when_a_run_starts(
    start: Start, group: ChatGroup, second_group: ChatGroup
) -> None:
    run = start(group, second_group)
    assert Touch.objects.filter(state="planned").count() == Delivery.objects.count() == 20
    assert Touch.objects.filter(state="waiting").count() == 4
    rows = Delivery.objects.filter(origin="touch", origin_id=run.pk, subject_kind="flash_sale", subject_id=1)
    assert rows.count() == 20
    assert set(rows.values_list("due_at", "latest_at")) == set(
        Touch.objects.filter(state="planned").values_list("due_at", "latest_at")
    )
    assert OutboxEvent.objects.get().name == "campaigns.RunStarted"
    assert AuditEntry.objects.filter(verb="run.started").count() == 1


def test_starting_twice_returns_the_first(start: Start) -> None:
    run = start()
    assert start(starts_at=START + DAY, ends_at=END + DAY) == run
    assert (PlaybookRun.objects.get().starts_at, Delivery.objects.count()) == (START, 10)
    assert OutboxEvent.objects.count() == 1


def test_past_touches_are_skipped_with_their_reason(start: Start) -> None:
    start(now=START - 30 * MINUTE)
    assert (touch("hour-before").state, touch("hour-before").reason) == ("skipped", "past")
    assert Delivery.objects.count() == 4  # 10 minutes before, start, last 10 minutes, result


def test_group_without_endpoint_is_kept_as_skipped(start: Start, silent_group: ChatGroup) -> None:
    start(silent_group)
    assert set(Touch.objects.values_list("state", "reason")) == {("skipped", "no_endpoint")}
    assert not Delivery.objects.exists()


def test_refused_run_writes_nothing(start: Start, ladder: Playbook, foreign_group: ChatGroup) -> None:
    with pytest.raises(InvalidInput) as caught:
        start(ends_at=START)
    assert caught.value.field == "ends_at"
    with pytest.raises(WorkspaceMismatch):
        start(foreign_group)
    with pytest.raises(NoGroups):
        services.start_run(
            playbook=ladder, subject_kind="flash_sale", subject_id=1, starts_at=START, ends_at=END,
            group_ids=[], label="羊毛衫", actor=SYSTEM, now=NOON,
        )  # fmt: skip
    assert not PlaybookRun.objects.exists()
    assert not OutboxEvent.objects.exists()


def test_moving_moves_the_whole_plan(start: Start) -> None:
    before = dict(Delivery.objects.values_list("source_key", "due_at")) if start() else {}
    move(PlaybookRun.objects.get(), DAY)
    after = dict(Delivery.objects.values_list("source_key", "due_at"))
    assert after == {key: due_at + DAY for key, due_at in before.items()}
    assert delivery("minutes-before-10").latest_at == START + DAY - 5 * MINUTE
    assert touch("start").due_at == START + DAY
    assert OutboxEvent.objects.filter(name="campaigns.RunMoved").count() == 1


def test_moving_to_the_same_times_changes_nothing(start: Start) -> None:
    move(start(), timedelta(0))
    assert not OutboxEvent.objects.filter(name="campaigns.RunMoved").exists()


def test_moving_breaks_a_workers_lease(start: Start) -> None:
    run = start()
    Delivery.objects.update(lease_owner="worker", lease_until=END)
    move(run, HOUR)
    assert set(Delivery.objects.values_list("lease_owner", flat=True)) == {""}
    assert delivery("start").due_at == START + HOUR


def test_what_went_out_stays_when_the_rest_moves(start: Start) -> None:
    run = start()
    Delivery.objects.filter(pk=delivery("hour-before").pk).update(state="accepted")
    Delivery.objects.filter(pk=delivery("minutes-before-10").pk).update(state="sending")
    move(run, DAY, now=START - 9 * MINUTE)
    assert (delivery("hour-before").state, touch("hour-before").due_at) == ("accepted", START - HOUR)
    assert (delivery("minutes-before-10").state, touch("minutes-before-10").due_at) == ("sending", START - 10 * MINUTE)
    assert delivery("start").due_at == START + DAY


def test_a_touch_whose_first_part_is_out_keeps_its_time_when_the_rest_moves(start: Start) -> None:
    run = start()
    Delivery.objects.filter(pk=delivery("hour-before").pk).update(parts_sent=1, part_count=2, reason="more_parts")
    move(run, DAY, now=START - 50 * MINUTE)
    assert (delivery("hour-before").due_at, touch("hour-before").due_at) == (START - HOUR, START - HOUR)
    assert (delivery("start").due_at, touch("start").due_at) == (START + DAY, START + DAY)


def test_touches_are_called_off_when_the_move_puts_them_into_the_past(start: Start) -> None:
    run = start()
    now = NOON + DAY
    services.move_run(run=run, starts_at=now + 30 * MINUTE, ends_at=now + HOUR, actor=SYSTEM, now=now)
    assert (touch("hour-before").state, touch("hour-before").reason) == ("skipped", "past")
    assert (delivery("hour-before").state, delivery("hour-before").reason) == ("cancelled", "past")
    assert delivery("start").state == "planned"


def test_skipped_touches_are_planned_when_the_move_gives_them_time(start: Start) -> None:
    run = start(now=START - 30 * MINUTE)
    move(run, DAY, now=START - 30 * MINUTE)
    assert (touch("hour-before").state, touch("hour-before").reason) == ("planned", "")
    assert delivery("hour-before").due_at == START + DAY - HOUR


def test_called_off_touch_gets_a_fresh_delivery_when_it_is_moved_back(start: Start) -> None:
    run = start()
    now = NOON + DAY
    run = services.move_run(run=run, starts_at=now + 30 * MINUTE, ends_at=now + HOUR, actor=SYSTEM, now=now)
    services.move_run(run=run, starts_at=START, ends_at=END, actor=SYSTEM, now=now)
    rows = Delivery.objects.filter(source_key__contains=f":{touch('hour-before').step_id}.")
    assert sorted(rows.values_list("state", "due_at")) == [
        ("cancelled", START - HOUR), ("planned", START - HOUR),
    ]  # fmt: skip
    assert Delivery.objects.filter(state="planned").count() == 10


def test_end_alone_can_be_moved(start: Start) -> None:
    run = start()
    services.move_run(run=run, starts_at=START, ends_at=END + HOUR, actor=SYSTEM, now=START + 5 * MINUTE)
    assert (delivery("result").due_at, delivery("minutes-left-10").due_at) == (END + HOUR, END + 50 * MINUTE)
    assert (delivery("start").due_at, delivery("start").state) == (START, "planned")  # a worker is late with it


def test_stopping_calls_off_what_has_not_gone_out(start: Start) -> None:
    run = start()
    Delivery.objects.filter(pk=delivery("days-before-3").pk).update(state="accepted")
    assert services.stop_run(run=run, reason="sale_cancelled", actor=SYSTEM, now=NOON) == 9
    assert set(Delivery.objects.values_list("state", "reason")) == {("accepted", ""), ("cancelled", "sale_cancelled")}
    assert touch("days-before-3").state == "planned"  # its delivery says that it went out
    assert set(Touch.objects.exclude(step__key="days-before-3").values_list("state", "reason")) == {
        ("stopped", "sale_cancelled")
    }
    assert run.state_at(NOON) == "stopped"


def test_stopping_twice_is_harmless(start: Start) -> None:
    run = start()
    services.stop_run(run=run, reason="sale_cancelled", actor=SYSTEM, now=NOON)
    assert services.stop_run(run=run, reason="other", actor=SYSTEM, now=NOON) == 0
    assert run.stop_reason == "sale_cancelled"
    assert OutboxEvent.objects.filter(name="campaigns.RunStopped").count() == 1


def test_stopped_run_is_not_moved(start: Start) -> None:
    run = start()
    services.stop_run(run=run, reason="sale_cancelled", actor=SYSTEM, now=NOON)
    with pytest.raises(RunIsStopped):
        move(run, DAY)
    assert PlaybookRun.objects.get().starts_at == START


def test_condition_sends_its_step_once(start: Start) -> None:
    start()
    assert meet("half_sold") == 1
    assert meet("half_sold", now=START + HOUR) == 0
    row = delivery("half-sold")
    assert (row.state, row.due_at, row.latest_at) == ("planned", START + MINUTE, START + 11 * MINUTE)
    assert OutboxEvent.objects.filter(name="campaigns.ConditionMet").count() == 1


def test_sold_out_stops_the_rest_and_says_the_result(start: Start) -> None:
    start(now=START - 5 * MINUTE)
    Delivery.objects.filter(pk=delivery("start").pk).update(state="accepted")
    assert meet("sold_out") == 1
    assert delivery("sold-out").state == "planned"
    assert (delivery("result").state, delivery("result").reason) == ("cancelled", "sold_out")
    after = states()
    assert {after["half-sold"], after["minutes-left-10"], after["result"]} == {"stopped"}
    assert after["start"] == "planned"
    assert meet("half_sold") == 0
    assert not Delivery.objects.filter(source_key=touch("half-sold").source_key).exists()


def test_what_a_condition_called_off_is_planned_again_when_it_is_taken_back(start: Start) -> None:
    start()
    meet("sold_out")
    assert clear("sold_out") == 2
    assert {key for key, state in states().items() if state == "planned"} == {"minutes-left-10", "result"}
    assert states()["sold-out"] == "waiting"
    assert (delivery("result").state, delivery("result").due_at) == ("planned", END)
    assert (touch("start").state, touch("start").reason) == ("stopped", "sold_out")  # its time is past
    assert AuditEntry.objects.filter(verb="run.condition_cleared").count() == 1
    assert clear("sold_out") == 0


def test_a_condition_calls_off_and_says_its_words_again_when_it_comes_back(start: Start) -> None:
    start()
    meet("sold_out")
    clear("sold_out")
    assert meet("sold_out", now=START + 3 * MINUTE) == 1
    assert (delivery("result").state, touch("result").reason) == ("cancelled", "sold_out")
    said = Delivery.objects.filter(source_key__contains=f":{touch('sold-out').step_id}.").order_by("id")
    assert [(row.state, row.due_at) for row in said] == [
        ("cancelled", START + MINUTE), ("planned", START + 3 * MINUTE),
    ]  # fmt: skip
    services.stop_run(run=PlaybookRun.objects.get(), reason="sale_cancelled", actor=SYSTEM, now=START)
    assert clear("sold_out") == 0


def test_nothing_is_said_when_a_condition_comes_after_the_end(start: Start) -> None:
    start()
    Delivery.objects.update(state="accepted")
    assert meet("sold_out", now=END) == 0
    assert (touch("sold-out").state, touch("sold-out").reason) == ("stopped", "over")


def test_condition_without_a_run_does_nothing(db: None) -> None:
    assert meet("sold_out") == 0
    assert not OutboxEvent.objects.exists()


def test_conditions_that_were_met_stay_met_when_the_run_moves(start: Start) -> None:
    run = start()
    meet("half_sold")
    move(run, HOUR, now=START + 2 * MINUTE)
    assert touch("half-sold").due_at == START + MINUTE
    assert meet("half_sold") == 0


@pytest.mark.parametrize(("now", "state"), [(START - MINUTE, "planned"), (START, "running"), (END, "finished")])
def test_state_follows_from_the_times(start: Start, now: datetime, state: str) -> None:
    assert start().state_at(now) == state


def test_subject_gets_another_run_after_the_first_was_stopped(start: Start) -> None:
    first = start()
    services.stop_run(run=first, reason="sale_cancelled", actor=SYSTEM, now=NOON)
    assert start() != first
    assert Delivery.objects.filter(state="planned").count() == 10


def test_steps_that_promise_something_are_warned_of(start: Start) -> None:
    assert [warning["code"] for warning in services.needs_warnings(start())] == ["needs_people"]


def test_nothing_is_promised_when_the_step_was_skipped(start: Start) -> None:
    assert services.needs_warnings(start(now=START - HOUR)) == []


def connect(group: ChatGroup, now: datetime = NOON) -> int:
    groups.bind_endpoint(group=group, endpoint=make_endpoint(group.workspace, name="新通道"), actor=SYSTEM, now=now)
    return services.plan_skipped_touches(workspace_id=group.workspace_id, group_id=group.pk, now=now)


def test_a_group_that_gets_a_channel_hears_the_rest_of_the_ladder(
    start: Start, group: ChatGroup, silent_group: ChatGroup
) -> None:
    start(group, silent_group)
    skipped = Touch.objects.filter(group=silent_group, state="skipped").count()
    assert connect(silent_group, now=START - 30 * MINUTE) == 4
    assert connect(silent_group, now=START - 30 * MINUTE) == 0
    hers = Touch.objects.filter(group=silent_group)
    assert skipped == hers.count() == 12
    assert set(hers.filter(state="skipped").values_list("reason", flat=True)) == {"past"}
    assert hers.filter(state="waiting").count() == 2
    rows = Delivery.objects.filter(target_id=silent_group.pk)
    assert {row.endpoint.name for row in rows} == {"新通道"}
    assert rows.count() == 4
    assert Delivery.objects.filter(target_id=group.pk).count() == 10


def test_what_was_met_before_the_group_had_a_channel_is_not_waited_for(
    start: Start, group: ChatGroup, silent_group: ChatGroup
) -> None:
    start(group, silent_group)
    meet("half_sold")
    connect(silent_group, now=START + 2 * MINUTE)
    assert touch("half-sold", silent_group).state == "skipped"
    assert touch("sold-out", silent_group).state == "waiting"


def test_a_stopped_run_is_not_planned_anew(start: Start, silent_group: ChatGroup, group: ChatGroup) -> None:
    services.stop_run(run=start(group, silent_group), reason="sale_cancelled", actor=SYSTEM, now=NOON)
    assert connect(silent_group) == 0
    assert not Delivery.objects.filter(target_id=silent_group.pk).exists()


def test_connecting_a_group_is_heard_of(
    start: Start, silent_group: ChatGroup, group: ChatGroup, time_machine: TimeMachineFixture
) -> None:
    time_machine.move_to(NOON)
    start(group, silent_group)
    groups.bind_endpoint(group=silent_group, endpoint=make_endpoint(group.workspace), actor=SYSTEM, now=NOON)
    for _twice in range(2):
        plan_skipped_touches(GroupEndpointBound(workspace_id=group.workspace_id, group_id=silent_group.pk))
    assert OutboxEvent.objects.filter(name="groups.GroupEndpointBound").count() == 1
    assert Delivery.objects.filter(target_id=silent_group.pk).exists()
