"""The tick, called twice; and what is asked when a delivery is about to go out."""

import pytest

from campaigns import services, tasks
from campaigns.models import Occurrence, Playbook
from groups.models import ChatGroup
from messaging.models import Delivery
from messaging.ports import Verdict, origin_guards
from tests.campaigns.conftest import Start, Write
from tests.factories.people import SYSTEM
from tests.moments import NOON


def asked(delivery: Delivery) -> Verdict:
    (verdict,) = origin_guards.get(delivery.origin).check_all([delivery], NOON)
    return verdict


def test_missing_deliveries_are_made_once_by_two_ticks(write: Write, group: ChatGroup, second_group: ChatGroup) -> None:
    announcement = write(group, second_group)
    services.schedule_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    Delivery.objects.all().delete()
    Occurrence.objects.update(planned_at=None)
    tasks.plan_due()
    tasks.plan_due()
    assert Delivery.objects.count() == 2
    assert Occurrence.objects.get().planned_at is not None


def test_planner_killed_after_planning_doubles_nothing(write: Write) -> None:
    services.schedule_announcement(announcement=write(), actor=SYSTEM, now=NOON)
    Occurrence.objects.update(planned_at=None)
    assert services.plan_due(now=NOON) == 1
    assert Delivery.objects.count() == 1


def test_tick_leaves_cancelled_announcements_alone(write: Write) -> None:
    announcement = write()
    services.schedule_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    services.cancel_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    Occurrence.objects.update(planned_at=None)
    Delivery.objects.all().delete()
    tasks.plan_due()
    assert not Delivery.objects.exists()


def test_tick_gives_the_workspace_its_playbooks_once(workspace: object) -> None:
    tasks.plan_due()
    count = Playbook.objects.count()
    tasks.plan_due()
    assert Playbook.objects.count() == count > 0


def test_announcement_goes_out_while_it_is_scheduled(write: Write) -> None:
    services.schedule_announcement(announcement=write(), actor=SYSTEM, now=NOON)
    assert asked(Delivery.objects.get()).allowed


def test_cancelled_announcement_is_held_back_when_asked_again(write: Write) -> None:
    announcement = write()
    services.schedule_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    services.cancel_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    assert asked(Delivery.objects.get()) == Verdict(allowed=False, reason="announcement_cancelled")


def test_touch_of_a_stopped_run_is_held_back(start: Start) -> None:
    run = start()
    assert asked(Delivery.objects.first()).allowed
    services.stop_run(run=run, reason="sale_cancelled", actor=SYSTEM, now=NOON)
    assert asked(Delivery.objects.first()) == Verdict(allowed=False, reason="run_stopped")


@pytest.mark.parametrize("origin", ["announcement", "touch"])
def test_archived_group_hears_nothing(write: Write, start: Start, group: ChatGroup, origin: str) -> None:
    services.schedule_announcement(announcement=write(), actor=SYSTEM, now=NOON)
    start()
    ChatGroup.objects.filter(pk=group.pk).update(archived_at=NOON)
    delivery = Delivery.objects.filter(origin=origin).first()
    assert asked(delivery) == Verdict(allowed=False, reason="group_closed")


def test_delivery_nobody_knows_is_held_back(write: Write) -> None:
    services.schedule_announcement(announcement=write(), actor=SYSTEM, now=NOON)
    delivery = Delivery.objects.get()
    delivery.target_id += 1
    assert not asked(delivery).allowed
