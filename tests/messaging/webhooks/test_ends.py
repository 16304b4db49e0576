"""Other tools hear how messages and cards ended, whichever way; nothing is written where nobody asked."""

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from community_ops.common import clock, dbtime, outbox
from community_ops.common.events import Event
from community_ops.common.models import OutboxEvent
from messaging import services
from messaging.events import DeliveriesEnded
from messaging.models import Attempt, Delivery, HumanTask, TaskItem
from messaging.platforms.base import Outcome, Result
from messaging.ports import PAUSED, Verdict
from messaging.services import claiming, ends, recording, webhooks
from messaging.services.recording import End, Start
from messaging.services.webhook_events import WANTED
from messaging.tasks import review_waiting
from messaging.webhook_models import WebhookCall
from tests.factories.people import SYSTEM
from tests.messaging.webhooks.conftest import received, subscribe
from tests.moments import NOON

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
LATER = NOON + timedelta(minutes=3)
NO = Verdict(allowed=False, reason="sale_over")
EVENTS = ["deliveries.ended", "deliveries.reopened", "task_items.ended", "task_items.reopened"]


@pytest.fixture
def listening(workspace) -> Any:
    return subscribe(workspace, "https://tools.example/x", events=EVENTS)[0]


def told() -> list[tuple[Any, ...]]:
    """What was written for other tools, in order: (event, ids, state)."""
    names = {
        "messaging.DeliveriesEnded": "ended",
        "messaging.DeliveriesReopened": "reopened",
        "messaging.TaskItemsEnded": "items ended",
        "messaging.TaskItemsReopened": "items reopened",
    }
    rows = OutboxEvent.objects.filter(name__in=names).order_by("pk")
    found = [(names[row.name], row.payload) for row in rows]
    return [
        (name, tuple(said.get("delivery_ids") or said["item_ids"]), *([said["state"]] if "state" in said else []))
        for name, said in found
    ]


def forget_what_was_told() -> None:
    OutboxEvent.objects.all().delete()


def in_state(delivery: Delivery, state: str, **facts: Any) -> Delivery:
    Delivery.objects.filter(pk=delivery.pk).update(state=state, **facts)
    return Delivery.objects.get(pk=delivery.pk)


def held_by_a(count: int) -> list[Delivery]:
    return claiming.claim(owner="a", limit=count, until=NOON + SECOND, db_now=dbtime.now())


# --- the worker's ends -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "state"), [(200, "accepted"), (400, "failed"), (500, "unknown")], ids=["taken", "refused", "in doubt"]
)
def test_an_answer_that_ends_a_message_is_told(listening, plan, hook, deliver, httpserver, status, state) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=status)
    delivery = plan(hook)

    deliver()

    assert told() == [("ended", (delivery.pk,), state)]


def test_what_is_tried_again_is_not_told_before_it_ends(listening, plan, hook, deliver, httpserver) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=503)
    delivery = plan(hook)
    deliver()
    assert told() == []

    Delivery.objects.filter(pk=delivery.pk).update(attempt_count=6, next_try_at=NOON)
    deliver()

    assert told() == [("ended", (delivery.pk,), "failed")]


@pytest.mark.usefixtures("small")
def test_a_message_in_parts_is_told_once_its_last_part_is_out(listening, plan, room, deliver) -> None:
    delivery = plan(room, text="第一句。第二句！第三句？第四句！第五句。", may_split=True)
    while deliver():
        pass
    assert Attempt.objects.filter(delivery=delivery).count() == 3
    assert told() == [("ended", (delivery.pk,), "accepted")]


@pytest.mark.parametrize(
    ("facts", "verdict", "state"),
    [
        ({"latest_at": NOON}, None, "expired"),
        ({}, NO, "cancelled"),
        ({"may_have_arrived": True}, NO, "unknown"),
        ({"endpoint": None}, None, "failed"),
    ],
    ids=["too late", "guard says no", "guard says no and it may have arrived", "no channel"],
)
def test_what_ends_without_a_call_is_told(listening, plan, room, deliver, guard, facts, verdict, state) -> None:
    delivery = in_state(plan(room), "planned", **facts)
    guard.verdict = verdict or guard.verdict

    deliver(NOON + SECOND)

    assert told() == [("ended", (delivery.pk,), state)]


def test_what_has_to_wait_is_not_told(listening, plan, room, deliver, guard) -> None:
    plan(room)
    guard.verdict = PAUSED
    deliver()
    assert told() == []


def test_a_fault_of_our_own_is_told_when_it_ends_the_message(listening, plan, room, deliver, monkeypatch) -> None:
    delivery = in_state(plan(room), "planned", attempt_count=6)
    monkeypatch.setattr(services.sending, "parts_for", lambda *_: 1 / 0)
    deliver()
    assert told() == [("ended", (delivery.pk,), "failed")]


def test_a_lost_call_is_told_as_in_doubt_once(listening, plan, hook) -> None:
    delivery = in_state(plan(hook), "sending", attempt_count=1, lease_until=dbtime.now() - SECOND, sending_at=NOON)
    for _ in range(2):
        services.reap_stuck(now=NOON)
    assert told() == [("ended", (delivery.pk,), "unknown")]


def test_what_ends_in_one_go_is_told_by_its_state_and_without_what_was_not_ours(listening, plan, room) -> None:
    for _ in range(6):
        plan(room)
    first, second, third, refused, gone, next_one = held_by_a(6)
    begun = [Start(row, "a", NOON, dbtime.now()) for row in (first, second, third, refused, gone)]
    recording.begin_all(begun)
    Delivery.objects.filter(pk=gone.pk).update(state="unknown")  # the reaper was there first
    answers = [Result(Outcome.ACCEPTED, "", "", 200)] * 3 + [Result(Outcome.REFUSED, "400", "", 400)]
    rows = zip((first, second, third, refused, gone), [*answers, answers[0]], strict=True)

    recording.write(
        [End(row, "a", result, NOON, NOON + SECOND, limits={}) for row, result in rows],
        [Start(next_one, "a", NOON, dbtime.now())],
    )

    said = Counter((state, pk) for _, ids, state in told() for pk in ids)
    assert said == Counter(
        {("accepted", first.pk): 1, ("accepted", second.pk): 1, ("accepted", third.pk): 1, ("failed", refused.pk): 1}
    )


@pytest.mark.postgres
def test_ends_that_are_alike_are_one_event(listening, plan, room) -> None:
    for _ in range(3):
        plan(room)
    rows = held_by_a(3)
    recording.begin_all([Start(row, "a", NOON, dbtime.now()) for row in rows[:2]])
    accepted = Result(Outcome.ACCEPTED, "", "", 200)

    recording.write(
        [End(row, "a", accepted, NOON, NOON, limits={}) for row in rows[:2]], [Start(rows[2], "a", NOON, dbtime.now())]
    )

    assert told() == [("ended", (rows[0].pk, rows[1].pk), "accepted")]


def test_an_end_that_cannot_be_told_is_not_recorded(listening, plan, room, monkeypatch) -> None:
    """One transaction: the event can neither be lost nor told without having happened."""
    plan(room)
    (row,) = held_by_a(1)
    recording.begin(Start(row, "a", NOON, dbtime.now()))
    monkeypatch.setattr(outbox, "publish", lambda event: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        recording.finish(End(row, "a", Result(Outcome.ACCEPTED, "", "", 200), NOON, NOON, limits={}))

    assert (Delivery.objects.get().state, Attempt.objects.count()) == ("sending", 0)


@pytest.mark.django_db(transaction=True)
def test_a_run_with_its_threads_tells_of_each_message_once(listening, plan, room) -> None:
    rows = [plan(room, target_id=number) for number in range(40)]

    services.run_deliveries(worker="tests", now=lambda: NOON)

    said = [(state, pk) for _, ids, state in told() for pk in ids]
    assert sorted(said) == sorted(("accepted", row.pk) for row in rows)


# --- people's ends ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "facts", "expected"),
    [
        ("sent", {}, ("ended", "confirmed")),
        ("not_sent", {}, ("ended", "failed")),
        ("again", {}, ("reopened",)),
        ("sent", {"part_count": 2}, ("reopened",)),
        ("sent", {"part_count": 2, "reason": "in_doubt:cancelled:sale_over"}, ("ended", "cancelled")),
    ],
    ids=["sent", "not sent", "again", "on with the next part", "the rest is called off"],
)
def test_a_persons_word_about_a_doubt_is_told_once(listening, plan, room, owner, verdict, facts, expected) -> None:
    delivery = in_state(plan(room), "unknown", attempt_count=1, **facts)
    for _ in range(2):
        services.decide_unknown(delivery=delivery, verdict=verdict, actor=owner.actor, now=NOON)
    name, *state = expected
    assert told() == [(name, (delivery.pk,), *state)]


def test_a_failed_one_that_is_queued_again_is_told(listening, plan, room, owner, deliver) -> None:
    delivery = in_state(plan(room), "failed", reason="refused")
    services.requeue_failed(delivery=delivery, actor=owner.actor, now=NOON)
    deliver()
    assert told() == [("reopened", (delivery.pk,)), ("ended", (delivery.pk,), "accepted")]


def test_what_is_called_off_is_told_and_what_may_have_arrived_as_in_doubt(listening, workspace, plan, room) -> None:
    rows = [plan(room, origin_id=5) for _ in range(4)]
    in_state(rows[1], "planned", may_have_arrived=True)
    in_state(rows[2], "accepted")

    for _ in range(2):
        services.cancel_deliveries(
            workspace_id=workspace.pk, origin="test", origin_id=5, reason="sale_over", actor=SYSTEM, now=NOON
        )

    assert told() == [("ended", (rows[0].pk, rows[3].pk), "cancelled"), ("ended", (rows[1].pk,), "unknown")]
    states = Delivery.objects.order_by("pk").values_list("state", "reason")
    assert list(states) == [
        ("cancelled", "sale_over"),
        ("unknown", "in_doubt:cancelled:sale_over"),
        ("accepted", ""),
        ("cancelled", "sale_over"),
    ]


def test_one_that_is_called_off_by_itself_is_told(listening, plan, room, owner) -> None:
    delivery = plan(room)
    services.cancel_delivery(delivery=delivery, actor=owner.actor, now=NOON)
    assert told() == [("ended", (delivery.pk,), "cancelled")]


def test_many_that_end_in_one_go_are_told_a_hundred_at_a_time(listening, workspace, plan, room) -> None:
    first = plan(room)
    with_ids = list(range(first.pk, first.pk + 250))
    ends.tell_ended(workspace.pk, "cancelled", with_ids, now=NOON)
    assert [len(ids) for _, ids, _ in told()] == [100, 100, 50]
    assert [pk for _, ids, _ in told() for pk in ids] == with_ids


def test_what_has_begun_when_its_group_changes_its_channel_is_told(listening, workspace, plan, hook, room) -> None:
    begun, planned = in_state(plan(hook), "planned", parts_sent=1, part_count=2), plan(hook)
    services.retarget_deliveries(workspace_id=workspace.pk, target_id=7, endpoint_id=room.pk, now=NOON)
    assert told() == [("ended", (begun.pk,), "failed")]
    assert Delivery.objects.get(pk=planned.pk).endpoint_id == room.pk


# --- cards -----------------------------------------------------------------------------------------------


def places(card: HumanTask) -> list[TaskItem]:
    return list(TaskItem.objects.filter(task=card).order_by("pk"))


def test_to_hand_a_message_over_ends_nothing(listening, card) -> None:
    assert told() == []


def test_ticks_and_what_is_left_out_are_told_with_their_messages_and_so_is_taking_back(listening, card) -> None:
    one, two, three = places(card)
    both = [one.pk, two.pk]
    services.finish_items(task=card, item_ids=both, actor=SYSTEM, now=NOON)
    services.leave_out(task=card, item_ids=[three.pk], note="群里在吵架", actor=SYSTEM, now=NOON)
    services.undo_items(task=card, item_ids=[two.pk, three.pk], actor=SYSTEM, now=LATER)

    assert told() == [
        ("items ended", (one.pk, two.pk), "done"),
        ("ended", (one.delivery_id, two.delivery_id), "confirmed"),
        ("items ended", (three.pk,), "left_out"),
        ("ended", (three.delivery_id,), "cancelled"),
        ("items reopened", (two.pk, three.pk)),
        ("reopened", (two.delivery_id, three.delivery_id)),
    ]


@pytest.mark.parametrize(
    ("way", "state"),
    [("taken back", "cancelled"), ("its guard", "cancelled"), ("forgotten", "expired"), ("called off", "cancelled"),
     ("copied", "cancelled")],
)  # fmt: skip
def test_what_is_withdrawn_from_a_card_is_told(listening, workspace, card, guard, at, way, state) -> None:
    items = places(card)
    match way:
        case "taken back":
            services.withdraw_task(task=card, actor=SYSTEM, now=LATER)
        case "its guard":
            guard.verdict = NO
            review_waiting()
        case "forgotten":
            at.moment = NOON + timedelta(days=2)
            review_waiting()
        case "called off":
            keys = [item.delivery.source_key for item in items]
            services.cancel_deliveries(
                workspace_id=workspace.pk, source_keys=keys, reason="sale_over", actor=SYSTEM, now=LATER
            )
        case "copied":
            guard.verdict = NO
            services.copy_card(task=card, actor=SYSTEM, now=LATER)

    assert told() == [
        ("items ended", tuple(item.pk for item in items), "withdrawn"),
        ("ended", tuple(item.delivery_id for item in items), state),
    ]


def test_a_place_without_a_message_is_told_too(listening, person) -> None:
    task = services.create_task(assignee=person, kind="pull_in", title="拉新人", due_at=NOON, actor=SYSTEM, now=NOON)
    services.finish_items(task=task, actor=SYSTEM, now=NOON)
    assert told() == [("items ended", tuple(item.pk for item in places(task)), "done")]


def test_a_place_that_is_back_on_its_card_is_told(listening, card, deliver, owner) -> None:
    item = places(card)[0]
    TaskItem.objects.filter(pk=item.pk).update(state="withdrawn", reason="text_incomplete")
    delivery = in_state(item.delivery, "failed", reason="text_incomplete")

    services.requeue_failed(delivery=delivery, actor=owner.actor, now=LATER)
    deliver(LATER)

    assert told() == [("reopened", (delivery.pk,)), ("items reopened", (item.pk,))]


# --- who hears it ----------------------------------------------------------------------------------------


def test_a_fan_out_that_nobody_listens_to_writes_and_asks_nothing_for_each_message(
    workspace, stranger, plan, room, deliver
) -> None:
    subscribe(workspace, "https://a.example/x", events=["order.paid"])
    subscribe(stranger.workspace, "https://b.example/x", events=EVENTS)
    for number in range(20):
        plan(room, target_id=number)

    with CaptureQueriesContext(
        connection,
    ) as asked:
        deliver()

    assert Delivery.objects.filter(state="accepted").count() == 20
    assert sum("webhooksubscription" in one["sql"] for one in asked) == 1
    assert not any("outbox" in one["sql"] for one in asked)
    assert told() == []


def test_from_the_moment_of_its_making_until_it_is_off_a_webhook_is_told(workspace, plan, room, deliver) -> None:
    plan(room)
    deliver()
    subscription, _ = subscribe(workspace, "https://a.example/x", events=["order.paid"])
    webhooks.update_subscription(subscription=subscription, events=["deliveries.ended"], actor=SYSTEM, now=NOON)
    second = plan(room)
    deliver()
    webhooks.switch_off(subscription=subscription, actor=SYSTEM, now=NOON)
    plan(room)
    deliver()
    webhooks.switch_on(subscription=subscription, actor=SYSTEM, now=NOON)
    fourth = plan(room)
    deliver()
    webhooks.archive_subscription(subscription=subscription, actor=SYSTEM, now=NOON)
    plan(room)
    deliver()

    assert told() == [("ended", (second.pk,), "accepted"), ("ended", (fourth.pk,), "accepted")]


@pytest.mark.django_db(transaction=True)
def test_a_new_webhook_is_noticed_once_it_is_committed(workspace, plan, room, deliver) -> None:
    plan(room)
    deliver()
    assert WANTED.of(workspace.pk) == frozenset()
    subscribe(workspace, "https://a.example/x")
    assert WANTED.of(workspace.pk) == frozenset({"*"})


def test_the_end_of_a_message_arrives_at_the_other_tool(workspace, httpserver, plan, room, deliver, call) -> None:
    httpserver.expect_request("/told").respond_with_data("thank you")
    subscribe(workspace, httpserver.url_for("/told"), events=["deliveries.ended"])
    delivery = plan(room)
    deliver()
    outbox.drain(now=clock.now())

    assert call() == 1

    (request,) = received(httpserver)
    said = json.loads(request.get_data())
    assert said["type"] == "deliveries.ended"
    assert said["data"] == {"deliveries": [delivery.pk], "state": "accepted", "ended_at": "2026-11-21T12:00:00Z"}
    assert WebhookCall.objects.get().state == "done"


def test_the_end_of_a_card_arrives_at_the_other_tool(workspace, httpserver, card, call) -> None:
    httpserver.expect_request("/told").respond_with_data("thank you")
    subscribe(workspace, httpserver.url_for("/told"), events=["task_items.ended", "task_items.reopened"])
    items = places(card)
    services.leave_out(task=card, note="群里在吵架", actor=SYSTEM, now=NOON)
    services.undo_items(task=card, item_ids=[items[0].pk], actor=SYSTEM, now=LATER)
    outbox.drain(now=clock.now())

    assert call() == 2

    said = [json.loads(request.get_data())["data"] for request in received(httpserver)]
    ids = [item.pk for item in items]
    assert said == [
        {"task": card.pk, "items": ids, "state": "left_out", "ended_at": "2026-11-21T12:00:00Z"},
        {"task": card.pk, "items": ids[:1], "reopened_at": "2026-11-21T12:03:00Z"},
    ]


def test_a_stored_end_is_read_as_it_was_told() -> None:
    event = DeliveriesEnded(workspace_id=1, delivery_ids=(3, 4), state="expired", ended_at=NOON)
    read: Event = DeliveriesEnded.from_payload(json.loads(json.dumps(event.as_payload())))
    assert read == event
    assert type(read.state).__name__ == "DeliveryState"
