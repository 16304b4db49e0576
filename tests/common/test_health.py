"""Health says what does not work, and goes red when workers go deaf."""

from datetime import timedelta

import pytest

from community_ops.common import dbtime, pulses
from community_ops.common.models import JobPulse
from community_ops.common.tasks import beat_heart

pytestmark = pytest.mark.django_db


def test_live_asks_nothing(client, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        assert client.get("/health/live").status_code == 200


def test_ready_is_red_until_a_worker_has_consumed(client) -> None:
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["checks"]) == (503, {"database": True, "worker": False})
    for _ in range(2):
        beat_heart()
    assert client.get("/health/ready").status_code == 200


def test_ready_goes_red_after_a_minute_of_silence(client) -> None:
    beat_heart()
    JobPulse.objects.update(last_ok_at=dbtime.now() - timedelta(seconds=61))
    assert client.get("/health/ready").status_code == 503
    assert [pulse.name for pulse in pulses.late(now=dbtime.now())] == ["worker"]


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
