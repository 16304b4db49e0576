"""A long run on SQLite lets others write between two of its transactions."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection, connections, transaction

from community_ops.common import clock, outbox, turns
from community_ops.common.models import ClockShift
from messaging.services import receiving
from tests.messaging.conftest import make_endpoint


@pytest.mark.django_db
def test_only_sqlite_needs_the_gap(monkeypatch) -> None:
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    turns.give_way()
    assert slept == ([turns.GAP_SECONDS] if connection.vendor == "sqlite" else [])


@pytest.mark.django_db
def test_a_run_gives_way_after_each_event(workspace) -> None:
    room, gaps = make_endpoint(workspace, "sandbox"), []
    for number in range(3):
        receiving.say_in_room(room=room, author="李姐", words=str(number), now=clock.now())
    receiving.read_pending(now=clock.now(), between=lambda: gaps.append("read"))
    outbox.drain(now=clock.now(), between=lambda: gaps.append("told"))
    assert gaps.count("read") == 3
    assert gaps.count("told") >= 3


@contextmanager
def busy_writer(*, gap_seconds: float | None) -> Iterator[threading.Event]:
    """Somebody who writes all the time, with gaps or in one piece; the event ends it."""
    is_over, has_begun = threading.Event(), threading.Event()

    def write() -> None:
        while not is_over.is_set():
            with transaction.atomic():
                ClockShift.objects.update(seconds=0)
                has_begun.set()
                is_over.wait(30 if gap_seconds is None else 0.05)
            time.sleep(gap_seconds or 0)
        connections.close_all()

    thread = threading.Thread(target=write)
    thread.start()
    assert has_begun.wait(30)
    try:
        yield is_over
    finally:
        is_over.set()
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_the_next_turn_comes_while_others_go_on_writing() -> None:
    with busy_writer(gap_seconds=turns.GAP_SECONDS) as is_over, turns.next_turn():
        ClockShift.objects.update(seconds=0)
        assert connection.in_atomic_block
        is_over.set()
    assert connection.get_autocommit()


@pytest.mark.django_db(transaction=True)
def test_what_fails_in_its_turn_is_not_kept() -> None:
    ClockShift.objects.update_or_create(pk=1, defaults={"seconds": 5})

    def fail() -> None:
        with turns.next_turn():
            ClockShift.objects.update(seconds=7)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert ClockShift.objects.get().seconds == 5
    assert connection.get_autocommit()


@pytest.mark.django_db(transaction=True)
def test_who_finds_no_gap_gives_up_in_the_end_and_waits_as_before_then(monkeypatch) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("other databases wake whoever waits")
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.2)
    with busy_writer(gap_seconds=None), pytest.raises(OperationalError), turns.next_turn():
        raise AssertionError("somebody else writes")
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (200,)
        cursor.execute("PRAGMA busy_timeout = 20000")
    assert connection.get_autocommit()
