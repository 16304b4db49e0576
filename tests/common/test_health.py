"""Health says what does not work, and goes red when workers go deaf."""

from datetime import timedelta

import pytest

from community_ops.common import dbtime, pulses
from community_ops.common.models import JobPulse
from community_ops.common.tasks import beat_heart
from messaging import tasks
from messaging.tasks import call_webhooks, deliver_due

pytestmark = pytest.mark.django_db


def test_live_asks_nothing(client, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        assert client.get("/health/live").status_code == 200


def checks_of(client) -> tuple[int, dict[str, bool]]:
    answer = client.get("/health/ready")
    return answer.status_code, answer.json()["checks"]


def test_ready_is_red_until_workers_have_consumed_and_sent(client) -> None:
    assert checks_of(client) == (503, {"database": True, "worker": False, "deliver_due": False})
    for _ in range(2):
        beat_heart()
    assert checks_of(client) == (503, {"database": True, "worker": True, "deliver_due": False})
    deliver_due()
    assert checks_of(client) == (200, {"database": True, "worker": True, "deliver_due": True})


@pytest.mark.parametrize("silent", ["worker", "deliver_due"])
def test_ready_goes_red_after_a_minute_of_silence(client, silent) -> None:
    beat_heart()
    deliver_due()
    JobPulse.objects.filter(name=silent).update(last_ok_at=dbtime.now() - timedelta(seconds=61))
    assert checks_of(client) == (503, {"database": True, "worker": True, "deliver_due": True} | {silent: False})
    assert [pulse.name for pulse in pulses.late(now=dbtime.now())] == [silent]


def test_sending_that_fails_again_and_again_is_seen(client, monkeypatch) -> None:
    beat_heart()
    monkeypatch.setattr("messaging.tasks.services.run_deliveries", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        deliver_due()
    assert checks_of(client)[1]["deliver_due"] is False


@pytest.mark.parametrize(("task", "lock"), [(deliver_due, "_running"), (call_webhooks, "_calling")])
def test_a_run_that_hangs_is_not_hidden_by_the_ticks_beside_it(task, lock) -> None:
    with getattr(tasks, lock):
        task()
    assert not JobPulse.objects.exists()
    task()
    assert JobPulse.objects.get().last_ok_at is not None


def test_without_a_database_nothing_is_said_to_work(client, monkeypatch) -> None:
    beat_heart()
    deliver_due()
    monkeypatch.setattr("community_ops.common.health._database", lambda: False)
    assert checks_of(client) == (503, {"database": False, "worker": False, "deliver_due": False})


def test_a_job_is_needed_once(monkeypatch) -> None:
    monkeypatch.setattr(pulses, "_needed", ["worker"])
    for _ in range(2):
        pulses.need("kettle")
    assert pulses.needed() == ("worker", "kettle")


def test_a_failing_job_is_written_down(db) -> None:
    @pulses.watched("kettle")
    def boil() -> None:
        raise ValueError("dry")

    for _ in range(2):
        with pytest.raises(ValueError, match="dry"):
            boil()
    pulse = JobPulse.objects.get(name="kettle")
    assert (pulse.last_error, pulse.last_ok_at) == ("ValueError: dry", None)


def test_a_job_that_goes_well_is_written_at_most_every_five_seconds(db, django_assert_num_queries) -> None:
    beat_heart()
    with django_assert_num_queries(0):
        beat_heart()
