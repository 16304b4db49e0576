"""A long run on SQLite lets others write between two of its transactions."""

import time

import pytest
from django.db import connection

from community_ops.common import clock, outbox, turns
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
