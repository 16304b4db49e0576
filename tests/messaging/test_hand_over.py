"""From the engine to a person: what is due on her channel waits on one card a touch."""

import threading
from datetime import timedelta

import pytest
from django.utils import translation

from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput, InvalidTransition
from community_ops.common.models import AuditEntry
from messaging import services
from messaging.models import Attempt, Delivery, HumanTask, SendSlot, TaskItem
from messaging.ports import PAUSED, Verdict
from messaging.selectors import decisions_on
from messaging.services import claiming, endpoints, handing
from messaging.task_policies import card_digest, card_key
from messaging.wording import story
from tests.factories.people import SYSTEM
from tests.moments import NOON
from tests.races import at_once

LATER = NOON + timedelta(minutes=3)


def states() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


def test_a_due_message_waits_on_a_card_when_its_channel_is_a_person(person, plan, deliver, fresh) -> None:
    delivery = plan(person.endpoint)
    assert deliver() == 0  # nothing was called
    assert (fresh(delivery).state, fresh(delivery).reason) == ("waiting", "by_hand")
    item = TaskItem.objects.get()
    assert (item.delivery, item.label, item.state) == (delivery, "晨跑 1 群", "open")
    task = item.task
    assert (task.assignee, task.kind, task.text, task.due_at) == (person, "message", "今晚八点开抢", NOON)
    assert not Attempt.objects.exists()
    assert not SendSlot.objects.exists()
    with translation.override("en"):
        told = story(fresh(delivery), [], decisions_on(delivery), zone="UTC")
    assert {one.title for one in told} == {"Planned", "Handed to 阿May"}


def test_nothing_happens_again_when_the_engine_runs_twice(card, deliver) -> None:
    audits = AuditEntry.objects.count()
    assert deliver(LATER) == 0
    assert (HumanTask.objects.count(), TaskItem.objects.count(), AuditEntry.objects.count()) == (1, 3, audits)


def test_the_groups_of_a_touch_share_a_card(card) -> None:
    assert sorted(card.items.values_list("label", flat=True)) == ["晨跑 1 群", "晨跑 2 群", "晨跑 3 群"]
    assert states() == ["waiting"] * 3


@pytest.mark.parametrize(
    "other", [{"text": "别的"}, {"due_at": NOON + timedelta(minutes=1)}, {"origin_id": 78}, {"is_markdown": True}]
)
def test_another_touch_is_another_card(card, person, plan, deliver, other) -> None:
    plan(person.endpoint, **({"origin_id": 77, "target_id": 4} | other))
    deliver(LATER)
    assert HumanTask.objects.count() == 2


def test_each_person_has_a_card_of_her_own(person, new_person, plan, deliver) -> None:
    colleague = new_person("小周")
    for number, who in enumerate((person, colleague, person)):
        plan(who.endpoint, origin_id=77, target_id=number)
    deliver()
    assert {task.assignee.name: task.items.count() for task in HumanTask.objects.all()} == {"阿May": 2, "小周": 1}


@pytest.mark.parametrize(
    ("verdict", "state"), [(Verdict(allowed=False, reason="sale_over"), "cancelled"), (PAUSED, "planned")]
)
def test_nothing_is_handed_over_when_its_guard_says_no(person, plan, deliver, guard, verdict, state) -> None:
    guard.verdict = verdict
    plan(person.endpoint)
    deliver()
    assert states() == [state]
    assert not HumanTask.objects.exists()


def test_nothing_is_handed_over_that_is_too_late_or_too_long(person, plan, deliver) -> None:
    plan(person.endpoint, latest_at=NOON + timedelta(minutes=1))
    plan(person.endpoint, text="长" * 1334, due_at=LATER)  # 4,002 bytes
    plan(person.endpoint, text="长" * 1333, due_at=LATER)
    deliver(LATER)
    assert states() == ["expired", "failed", "waiting"]


def test_a_closed_card_goes_on_when_a_group_comes_late(card, person, plan, deliver, fresh) -> None:
    services.finish_items(task=card, actor=SYSTEM, now=NOON)
    card.refresh_from_db()
    assert card.state == "done"
    late = plan(person.endpoint, origin_id=77, target_id=9, target_label="晨跑 9 群")
    deliver(LATER)
    card.refresh_from_db()
    assert (HumanTask.objects.count(), card.state, card.tell_step, fresh(late).state) == (1, "open", 0, "waiting")
    assert sorted(card.items.values_list("state", flat=True)) == ["done", "done", "done", "open"]


def test_what_failed_in_her_hand_and_is_tried_again_goes_back_on_her_card(card, deliver) -> None:
    item = card.items.order_by("pk").first()
    services.withdraw_task(task=card, actor=SYSTEM, now=NOON)
    TaskItem.objects.filter(pk=item.pk).update(copied_text="旧的")
    Delivery.objects.filter(pk=item.delivery_id).update(state="failed", reason="text_incomplete")
    services.requeue_failed(delivery=Delivery.objects.get(pk=item.delivery_id), actor=SYSTEM, now=LATER)
    deliver(LATER)
    item.refresh_from_db()
    card.refresh_from_db()
    assert (item.state, item.reason, item.copied_text, item.done_at, card.state) == ("open", "", "", None, "open")
    assert states() == ["waiting", "cancelled", "cancelled"]
    assert (HumanTask.objects.count(), TaskItem.objects.count()) == (1, 3)


def test_nothing_is_handed_over_when_the_row_was_cancelled_meanwhile(person, plan, workspace) -> None:
    delivery = plan(person.endpoint)
    taken = claiming.claim(owner="one", limit=1, until=NOON + timedelta(seconds=1), db_now=NOON)
    services.cancel_delivery(delivery=delivery, actor=SYSTEM, now=NOON)
    assert not handing.hand_over(taken[0], owner="one", now=NOON)
    assert states() == ["cancelled"]
    assert not HumanTask.objects.exists()


def test_cancelling_takes_what_waits_away_from_her(card, workspace) -> None:
    cancel = {"workspace_id": workspace.pk, "reason": "run_stopped", "origin": "test", "origin_id": 77}
    services.finish_items(task=card, item_ids=[card.items.first().pk], actor=SYSTEM, now=NOON)
    assert services.cancel_deliveries(**cancel, actor=SYSTEM, now=LATER) == 2
    assert services.cancel_deliveries(**cancel, actor=SYSTEM, now=LATER) == 0
    assert states() == ["confirmed", "cancelled", "cancelled"]
    assert list(card.items.order_by("pk").values_list("state", "reason")) == [
        ("done", ""), ("withdrawn", "run_stopped"), ("withdrawn", "run_stopped"),
    ]  # fmt: skip
    card.refresh_from_db()
    assert (card.state, card.done_at) == ("done", LATER)


def test_one_waiting_message_can_be_cancelled_by_itself(card, fresh) -> None:
    delivery = Delivery.objects.order_by("pk").first()
    services.cancel_delivery(delivery=delivery, actor=SYSTEM, now=LATER)
    assert states() == ["cancelled", "waiting", "waiting"]
    card.refresh_from_db()
    assert card.state == "open"


def test_a_persons_channel_is_not_made_by_itself_nor_tested(person, workspace) -> None:
    facts = {"workspace_id": workspace.pk, "name": "人工", "platform": "assisted", "config": {}}
    with pytest.raises(InvalidInput) as caught:
        services.create_endpoint(**facts, actor=SYSTEM, now=NOON)
    assert caught.value.field == "platform"
    with pytest.raises(InvalidTransition):
        endpoints.send_test_message(endpoint=person.endpoint, actor=SYSTEM, now=NOON)


# --- two at once -------------------------------------------------------------------------------------


def _two_of_a_touch(person, plan, number: int) -> list[Delivery]:
    for target in (1, 2):
        plan(person.endpoint, origin_id=number, target_id=target)
    rows = Delivery.objects.filter(origin_id=number).select_related("message", "endpoint__connection").order_by("pk")
    for row, owner in zip(rows, ("one", "two"), strict=True):
        Delivery.objects.filter(pk=row.pk).update(lease_owner=owner)
    return list(rows)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_workers_make_one_card_of_two_groups_at_once(person, plan) -> None:
    for number in range(100, 115):
        first, second = _two_of_a_touch(person, plan, number)
        done = at_once(
            [
                lambda row=first: handing.hand_over(row, owner="one", now=NOON),
                lambda row=second: handing.hand_over(row, owner="two", now=NOON),
            ]
        )
        assert done == [True, True]
        task = HumanTask.objects.get(source_key=card_key(person.pk, card_digest(first)))
        assert task.items.count() == 2


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_looks_before_it_makes_a_card_makes_two(person, plan) -> None:
    """The twin: without a key that the database holds, both find no card, and both make one."""
    first, second = _two_of_a_touch(person, plan, 100)
    both_have_looked = threading.Barrier(2)

    def naive(row: Delivery, own_key: str) -> None:
        found = HumanTask.objects.filter(assignee=person, text=row.message.text, due_at=row.due_at).first()
        both_have_looked.wait(timeout=20)
        facts = {"workspace": person.workspace, "assignee": person, "text": row.message.text, "due_at": row.due_at}
        task = found or HumanTask.objects.create(**facts, kind="message", source_key=own_key, title="x")
        TaskItem.objects.create(workspace=person.workspace, task=task, delivery=row, label="x")

    at_once([lambda: naive(first, "a"), lambda: naive(second, "b")])
    assert HumanTask.objects.count() == 2


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_tick_and_a_cancellation_at_once_agree(person, plan, deliver, workspace) -> None:
    """Whoever is first decides; card, items and deliveries say the same."""
    for number in range(200, 210):
        for target in (1, 2, 3):
            plan(person.endpoint, origin_id=number, target_id=target)
        deliver()
        task = HumanTask.objects.latest("pk")
        cancel = {"workspace_id": workspace.pk, "reason": "run_stopped", "origin": "test", "origin_id": number}
        results = at_once(
            [
                lambda task=task: services.finish_items(task=task, actor=SYSTEM, now=NOON),
                lambda cancel=cancel: services.cancel_deliveries(**cancel, actor=SYSTEM, now=NOON),
            ]
        )
        assert all(not isinstance(one, Exception) or isinstance(one, InvalidTransition) for one in results)
        pairs = set(task.items.values_list("state", "delivery__state"))
        assert pairs in ({("done", "confirmed")}, {("withdrawn", "cancelled")})
        task.refresh_from_db()
        assert task.state == next(iter(pairs))[0]


def test_only_this_persons_word_is_recorded_as_hers(card, person) -> None:
    actor = Actor.assignee(person.pk, name=person.name, workspace_id=person.workspace_id)
    services.finish_items(task=card, actor=actor, now=NOON)
    assert set(card.items.values_list("done_by__name", flat=True)) == {"阿May"}
    entry = AuditEntry.objects.filter(verb="delivery.done_by_hand").first()
    assert (entry.actor_kind, entry.actor_id, entry.after) == ("assignee", person.pk, {"name": "阿May"})
