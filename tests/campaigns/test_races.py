"""Two at once: the database decides, not the order of luck. With row locks, so on PostgreSQL."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from campaigns import services
from campaigns.errors import AlreadyCancelled
from campaigns.models import Announcement, Occurrence, PlaybookRun, Touch
from messaging.models import Delivery
from tests.campaigns.conftest import START, Start, Write
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


def at_once(*jobs: Callable[[], Any]) -> list[Any]:
    """Run the jobs in threads that start together; results and errors in the order of the jobs."""
    barrier, results = threading.Barrier(len(jobs)), [None] * len(jobs)

    def run(number: int, job: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            results[number] = job()
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_two_planners_make_each_delivery_once(write: Write) -> None:
    services.schedule_announcement(announcement=write(), actor=SYSTEM, now=NOON)
    Delivery.objects.all().delete()
    Occurrence.objects.update(planned_at=None)
    results = at_once(*[lambda: services.plan_due(now=NOON)] * 4)
    assert sum(results) == 1
    assert Delivery.objects.count() == 1


def test_scheduling_in_four_threads_plans_once(write: Write) -> None:
    pk = write().pk

    def schedule() -> object:
        announcement = Announcement.objects.get(pk=pk)
        return services.schedule_announcement(announcement=announcement, actor=SYSTEM, now=NOON)

    assert at_once(*[schedule] * 4) == [[]] * 4
    assert Delivery.objects.count() == 1


def test_schedule_and_cancel_leave_nothing_planned_that_is_cancelled(write: Write) -> None:
    pk = write().pk

    def call(service: Callable[..., Any]) -> Callable[[], Any]:
        return lambda: service(announcement=Announcement.objects.get(pk=pk), actor=SYSTEM, now=NOON)

    scheduled, _ = at_once(call(services.schedule_announcement), call(services.cancel_announcement))
    assert scheduled == [] or isinstance(scheduled, AlreadyCancelled)
    assert Announcement.objects.get().state == "cancelled"
    assert not Delivery.objects.exclude(state="cancelled").exists()


def test_starting_a_run_in_four_threads_starts_one(start: Start) -> None:
    runs = at_once(*[start] * 4)
    assert {run.pk for run in runs} == {PlaybookRun.objects.get().pk}
    assert Touch.objects.count() == 12
    assert Delivery.objects.count() == 10


def test_condition_met_in_four_threads_fires_once(start: Start) -> None:
    workspace_id = start().workspace_id

    def meet() -> int:
        return services.meet_condition(
            workspace_id=workspace_id, subject_kind="flash_sale", subject_id=1, condition="half_sold", now=START
        )

    assert sorted(at_once(*[meet] * 4)) == [0, 0, 0, 1]
    assert Delivery.objects.filter(due_at=START).count() == 2  # the start itself and the condition's touch
