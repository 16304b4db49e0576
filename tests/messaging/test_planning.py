"""Planning, moving and cancelling: bulk, idempotent, only what has not started."""

import threading
from datetime import timedelta

import pytest
from django.urls import reverse

from community_ops.common import dbtime
from community_ops.common.tenancy import WorkspaceMismatch
from messaging import selectors, services
from messaging.models import Delivery, OutboundMessage
from messaging.services import claiming, planning, recording
from messaging.services.recording import Start
from tests.factories.people import SYSTEM
from tests.messaging.conftest import make_endpoint
from tests.moments import NOON
from tests.races import at_once

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def send(number: int, endpoint=None, **changes) -> services.PlannedSend:
    facts = {
        "source_key": f"announcement:1:1:{number}",
        "endpoint_id": endpoint and endpoint.pk,
        "text": f"第 {number} 群",
        "due_at": NOON,
        "origin": "announcement",
        "origin_id": 1,
        "target_id": number,
    }
    return services.PlannedSend(**facts | changes)


def plan(workspace, plans) -> list[Delivery]:
    return services.plan_deliveries(workspace_id=workspace.pk, plans=plans, actor=SYSTEM, now=NOON)


def states() -> list[str]:
    return list(Delivery.objects.order_by("id").values_list("state", flat=True))


def test_each_plan_has_its_delivery_in_the_order_given(workspace, room) -> None:
    rows = plan(workspace, [send(2, room), send(1, room)])

    assert [row.target_id for row in rows] == [2, 1]
    assert {(row.state, row.due_at, row.next_try_at, row.attempt_count) for row in rows} == {("planned", NOON, NOON, 0)}
    assert OutboundMessage.objects.get(target_id=2).text == "第 2 群"


def test_planning_again_returns_the_same_rows_whatever_their_state(workspace, room) -> None:
    first = plan(workspace, [send(1, room), send(2, room)])
    Delivery.objects.filter(pk=first[0].pk).update(state="accepted")

    again = plan(workspace, [send(1, room, text="anders"), send(2, room), send(3, room)])

    assert [row.pk for row in again[:2]] == [row.pk for row in first]
    assert states() == ["accepted", "planned", "planned"]
    assert OutboundMessage.objects.count() == 3


def test_a_plan_named_twice_is_one_delivery(workspace, room) -> None:
    rows = plan(workspace, [send(1, room), send(1, room)])
    assert rows[0].pk == rows[1].pk
    assert Delivery.objects.count() == 1


def test_nothing_is_planned_when_an_endpoint_is_another_workspaces(workspace, stranger) -> None:
    foreign = make_endpoint(stranger.workspace, "sandbox")
    with pytest.raises(WorkspaceMismatch):
        plan(workspace, [send(1, foreign)])
    assert not Delivery.objects.exists()
    assert not OutboundMessage.objects.exists()


def test_the_same_key_in_two_workspaces_is_two_deliveries(workspace, stranger) -> None:
    mine = plan(workspace, [send(1)])
    theirs = plan(stranger.workspace, [send(1)])
    assert mine[0].pk != theirs[0].pk


@pytest.mark.parametrize("count", [1, 400])
def test_planning_asks_the_database_a_few_times_whatever_their_number(
    workspace, room, count, django_assert_max_num_queries
) -> None:
    with django_assert_max_num_queries(30):
        plan(workspace, [send(number, room) for number in range(count)])


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_planners_at_once_make_each_delivery_once(workspace, room) -> None:
    plans = [send(number, room) for number in range(100)]

    results = at_once([lambda: plan(workspace, plans)] * 4)

    keys = {tuple(row.pk for row in rows) for rows in results}
    assert len(keys) == 1
    assert (Delivery.objects.count(), OutboundMessage.objects.count()) == (100, 100)


def test_a_planned_delivery_moves_with_its_cut_off_and_loses_its_worker(workspace, room) -> None:
    (row,) = plan(workspace, [send(1, room, latest_at=NOON + HOUR)])
    Delivery.objects.update(lease_owner="somebody", lease_until=NOON + HOUR)

    for _ in range(2):
        moves = {row.source_key: NOON + HOUR}
        assert services.reschedule_deliveries(workspace_id=workspace.pk, moves=moves, now=NOON) == 1

    moved = Delivery.objects.get()
    assert (moved.due_at, moved.next_try_at, moved.latest_at) == (NOON + HOUR, NOON + HOUR, NOON + 2 * HOUR)
    assert (moved.lease_owner, moved.lease_until) == ("", None)


def test_a_move_can_name_the_cut_off(workspace, room) -> None:
    (row,) = plan(workspace, [send(1, room, latest_at=NOON)])
    move = services.Move(due_at=NOON + HOUR, latest_at=None)
    services.reschedule_deliveries(workspace_id=workspace.pk, moves={row.source_key: move}, now=NOON)
    assert Delivery.objects.get().latest_at is None


@pytest.mark.parametrize(
    "state", ["sending", "accepted", "waiting", "confirmed", "failed", "expired", "cancelled", "unknown"]
)
def test_what_has_started_or_ended_is_neither_moved_nor_cancelled(workspace, room, state) -> None:
    (row,) = plan(workspace, [send(1, room)])
    Delivery.objects.update(state=state)

    moves = {row.source_key: NOON + HOUR}
    assert services.reschedule_deliveries(workspace_id=workspace.pk, moves=moves, now=NOON) == 0
    assert cancel(workspace, origin="announcement", origin_id=1) == 0

    assert (Delivery.objects.get().state, Delivery.objects.get().due_at) == (state, NOON)


def cancel(workspace, **which) -> int:
    return services.cancel_deliveries(
        workspace_id=workspace.pk, reason="announcement_cancelled", actor=SYSTEM, now=NOON, **which
    )


def test_cancelling_an_origin_touches_only_its_own_planned_rows(workspace, stranger, room) -> None:
    plan(workspace, [send(1, room), send(2, room), send(3, room, origin_id=2)])
    plan(stranger.workspace, [send(1)])

    assert cancel(workspace, origin="announcement", origin_id=1) == 2
    assert cancel(workspace, origin="announcement", origin_id=1) == 0

    assert states() == ["cancelled", "cancelled", "planned", "planned"]
    assert set(Delivery.objects.filter(state="cancelled").values_list("reason", flat=True)) == {
        "announcement_cancelled"
    }


def test_cancelling_by_key_leaves_the_others(workspace, room) -> None:
    rows = plan(workspace, [send(1, room), send(2, room)])
    assert cancel(workspace, source_keys=[rows[0].source_key]) == 1
    assert states() == ["cancelled", "planned"]


def test_counts_tell_due_from_planned(workspace, room, owner) -> None:
    plan(workspace, [send(1, room), send(2, room, due_at=NOON + HOUR), send(3, room)])
    Delivery.objects.filter(target_id=3).update(state="accepted")
    visible = selectors.deliveries_visible_to(owner.actor)

    assert selectors.delivery_counts(visible, now=NOON).counts == {"planned": 1, "due": 1, "accepted": 1}
    by_origin = selectors.counts_by_origin(
        workspace_id=workspace.pk, origin="announcement", origin_ids=[1, 2], now=NOON
    )
    assert by_origin == {1: {"planned": 1, "due": 1, "accepted": 1}}
    assert [row.target_id for row in selectors.in_state(visible, "due", now=NOON)] == [1]
    assert [row.target_id for row in selectors.in_state(visible, "planned", now=NOON)] == [2]


@pytest.mark.parametrize(
    ("platform", "text", "fits"),
    [
        ("wecom_robot", "a" * 2048, True),
        ("wecom_robot", "a" * 2049, False),
        ("wecom_robot", "汉" * 682 + "ab", True),
        ("wecom_robot", "汉" * 683, False),
        ("wecom_robot", "🎉" * 512, True),
        ("wecom_robot", "🎉" * 513, False),
        ("sandbox", "汉" * 10_000, True),
        ("webhook", "x" * 100_000, False),
    ],
)
def test_sizes_are_counted_in_bytes(platform, text, fits) -> None:
    assert (selectors.size_problem(platform, text) is None) is fits


def retarget(workspace, endpoint) -> int:
    return services.retarget_deliveries(
        workspace_id=workspace.pk, target_id=1, endpoint_id=endpoint and endpoint.pk, now=NOON
    )


def test_what_is_planned_follows_the_targets_new_endpoint(workspace, room) -> None:
    plan(workspace, [send(1, room), send(2, room), send(1, room, source_key="announcement:2:1:1")])
    Delivery.objects.filter(source_key="announcement:2:1:1").update(state="sending")
    Delivery.objects.filter(state="planned").update(lease_owner="w1", lease_until=NOON)
    other = make_endpoint(workspace, "sandbox")

    assert [retarget(workspace, other), retarget(workspace, other)] == [1, 0]

    moved = Delivery.objects.get(endpoint=other)
    assert (moved.target_id, moved.state, moved.lease_owner, moved.lease_until) == (1, "planned", "", None)
    assert Delivery.objects.filter(endpoint=room).count() == 2


def test_a_target_may_lose_and_get_its_endpoint(workspace, room) -> None:
    plan(workspace, [send(1, room)])
    assert [retarget(workspace, None), retarget(workspace, None), retarget(workspace, room)] == [1, 0, 1]
    assert Delivery.objects.get().endpoint == room


def test_what_failed_without_a_channel_can_be_tried_through_the_new_one(workspace, room) -> None:
    plan(workspace, [send(1, None), send(1, room, source_key="announcement:2:1:1")])
    Delivery.objects.filter(endpoint=None).update(state="failed", reason="no_endpoint")
    other = make_endpoint(workspace, "sandbox")
    Delivery.objects.filter(endpoint=room).update(state="failed", reason="refused")
    assert retarget(workspace, other) == 0
    assert set(Delivery.objects.values_list("reason", "endpoint")) == {("no_endpoint", other.pk), ("refused", room.pk)}


# --- pausing -----------------------------------------------------------------------------------------


def pause(workspace, origin_id: int = 1, now=NOON) -> int:
    return services.pause_deliveries(workspace_id=workspace.pk, origin="announcement", origin_id=origin_id, now=now)


def resume(workspace, now=NOON) -> int:
    return services.resume_deliveries(workspace_id=workspace.pk, origin="announcement", origin_id=1, now=now)


def parked() -> list[int]:
    return list(Delivery.objects.filter(reason="paused").order_by("id").values_list("target_id", flat=True))


def test_pausing_parks_an_origins_planned_rows_and_touches_nothing_else(workspace, stranger, room) -> None:
    plan(workspace, [send(1, room), send(2, room), send(3, room, origin_id=2), send(4, room), send(5, room)])
    plan(stranger.workspace, [send(6)])
    Delivery.objects.filter(target_id=4).update(state="sending")
    Delivery.objects.filter(target_id=5).update(state="accepted")

    assert [pause(workspace), pause(workspace)] == [2, 0]

    assert parked() == [1, 2]
    assert states() == ["planned", "planned", "planned", "sending", "accepted", "planned"]
    assert set(Delivery.objects.values_list("due_at", flat=True)) == {NOON}


def test_the_engine_does_not_even_look_at_what_is_parked(workspace, room, django_assert_max_num_queries) -> None:
    plan(workspace, [send(number, room) for number in range(3)])
    pause(workspace)
    with django_assert_max_num_queries(2):  # the database's clock, and whether anything is due
        assert services.run_deliveries(worker="tests", now=lambda: NOON + HOUR) == 0
    assert services.deliver_due(worker="tests", now=NOON + 1000 * HOUR) == 0
    assert states() == ["planned"] * 3


def test_resuming_puts_back_what_is_due_for_now_and_the_rest_for_its_time(workspace, room) -> None:
    late = NOON + 2 * HOUR
    plan(workspace, [send(1, room), send(2, room, due_at=NOON + 9 * HOUR, latest_at=NOON + 10 * HOUR)])
    pause(workspace)

    assert [resume(workspace, now=late), resume(workspace, now=late)] == [2, 0]

    rows = Delivery.objects.order_by("id").values_list("due_at", "latest_at", "next_try_at", "reason")
    assert list(rows) == [
        (NOON, None, late, ""),
        (NOON + 9 * HOUR, NOON + 10 * HOUR, NOON + 9 * HOUR, ""),
    ]


def test_a_worker_that_holds_a_row_loses_it_to_a_pause(workspace, room) -> None:
    (row,) = plan(workspace, [send(1, room)])
    db_now = dbtime.now()
    (held,) = claiming.claim(owner="w1", limit=9, until=NOON, db_now=db_now)
    assert held == row

    pause(workspace)

    held.sent_text = held.message.text
    assert not recording.begin(Start(held, "w1", NOON, db_now))
    fresh = Delivery.objects.get()
    assert (fresh.state, fresh.reason, fresh.lease_owner, fresh.attempt_count) == ("planned", "paused", "", 0)


def test_what_is_paused_moves_and_stays_paused(workspace, room) -> None:
    rows = plan(workspace, [send(1, room), send(2, room, latest_at=NOON + HOUR)])
    pause(workspace)

    moves = {row.source_key: NOON + 5 * HOUR for row in rows}
    assert services.reschedule_deliveries(workspace_id=workspace.pk, moves=moves, now=NOON) == 2

    first, second = Delivery.objects.order_by("id")
    assert (first.due_at, first.reason, first.next_try_at) == (NOON + 5 * HOUR, "paused", planning.PARKED)
    assert (second.latest_at, second.next_try_at) == (NOON + 6 * HOUR, NOON + 6 * HOUR)
    resume(workspace)
    assert set(Delivery.objects.values_list("next_try_at", flat=True)) == {NOON + 5 * HOUR}


def test_what_is_paused_can_be_cancelled(workspace, room) -> None:
    plan(workspace, [send(1, room)])
    pause(workspace)
    assert cancel(workspace, origin="announcement", origin_id=1) == 1
    assert resume(workspace) == 0
    assert (Delivery.objects.get().state, Delivery.objects.get().reason) == ("cancelled", "announcement_cancelled")


def test_what_is_paused_is_counted_listed_and_read_as_such(workspace, room, owner) -> None:
    plan(workspace, [send(1, room), send(2, room, due_at=NOON + HOUR), send(3, room, origin_id=2)])
    pause(workspace)
    visible = selectors.deliveries_visible_to(owner.actor)

    assert selectors.delivery_counts(visible, now=NOON).counts == {"paused": 2, "due": 1}
    assert [row.target_id for row in selectors.that_read(visible, "paused", now=NOON)] == [1, 2]
    assert [selectors.badge_state(row, now=NOON) for row in visible] == ["paused", "paused", "due"]


def test_the_record_shows_what_is_paused_and_until_when_it_counts(workspace, room, owner, signed_in) -> None:
    plan(workspace, [send(1, room, target_label="一群"), send(2, room, latest_at=NOON + HOUR)])
    pause(workspace)
    url = reverse("messaging:deliveries", args=[workspace.slug])
    shown = signed_in(owner).get(url, {"state": "paused"}, headers={"Accept-Language": "en"}).content.decode()
    assert shown.count("It is paused and goes out when somebody lets it go on.") >= 2
    assert shown.count("it is not sent any more.") == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_pausing_and_claiming_at_once_leave_no_row_in_a_workers_hand(workspace, room) -> None:
    plan(workspace, [send(number, room) for number in range(40)])

    def take() -> list[Delivery]:
        return claiming.claim(owner="w1", limit=40, until=NOON, db_now=dbtime.now())

    at_once([take, lambda: pause(workspace)])

    held = Delivery.objects.filter(lease_owner="w1")
    db_now = dbtime.now()
    assert not any(recording.begin(Start(row, "w1", NOON, db_now)) for row in held)
    assert len(parked()) == 40


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_twin_that_starts_what_it_read_sends_what_is_paused(workspace, room) -> None:
    """Read, then start by id alone: proof that a pause in between needs the conditions of the test above."""
    plan(workspace, [send(number, room) for number in range(4)])
    has_read, is_paused = threading.Barrier(2), threading.Barrier(2)

    def naive() -> int:
        rows = list(Delivery.objects.filter(state="planned", next_try_at__lte=NOON))
        has_read.wait(timeout=20)
        is_paused.wait(timeout=20)
        return sum(Delivery.objects.filter(pk=row.pk).update(state="sending") for row in rows)

    def pausing() -> int:
        has_read.wait(timeout=20)
        count = pause(workspace)
        is_paused.wait(timeout=20)
        return count

    assert at_once([naive, pausing]) == [4, 4]
    assert Delivery.objects.filter(state="sending", reason="paused").count() == 4
