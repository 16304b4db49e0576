"""Pool processes and whole workers are killed again and again while 5,000 messages go out.

With PostgreSQL and Redis, where there are such: on SQLite `bin/run` has one worker, whose pool is threads and so has no
process of its own to kill; test_delivery_crash.py kills that worker.
"""

import time

from benchmarks.receiver import receiving
from tests.commands.instance import eventually
from tests.commands.services import own_redis
from tests.faults import checker
from tests.faults.conftest import ANNOUNCEMENTS, GROUPS, release
from tests.faults.fleet import deaths, fleet

RECEIVER_DELAY_SECONDS = 0.08  # so that deaths meet calls in flight, and two workers die before all is sent


def test_nothing_is_lost_or_sent_twice_while_workers_keep_dying(template, new_database, tmp_path, note_figures) -> None:
    database = new_database()
    with (
        own_redis() as broker,
        receiving(RECEIVER_DELAY_SECONDS, port=template.port) as receiver,
        fleet(template.with_servers(database, broker), tmp_path, workers=4) as ships,
    ):
        assert eventually(ships.is_up)
        planned, released_at = release(database, template.announcements), time.monotonic()
        with deaths(ships, child_every=1.5, worker_every=10):
            assert eventually(lambda: ships.killed_workers >= 2 and checker.is_settled(database), seconds=90)
        seconds = time.monotonic() - released_at
        history = checker.read(database, receiver)
    note_figures(
        f"{planned} sends in {seconds:.0f} s; killed {ships.killed_children} pool processes ({ships.killed_senders} of "
        f"them of senders) and {ships.killed_workers} workers; {history.states}, lost {len(history.lost)}, "
        f"twice {len(history.twice)}, in doubt for at most {history.doubt_seconds:.1f} s"
    )

    assert sum(history.states.values()) == planned == GROUPS * ANNOUNCEMENTS
    assert (history.lost, history.twice, history.strangers) == ([], [], [])
    assert set(history.states) == {"accepted", "unknown"}  # the deaths did meet calls
    assert history.doubt_seconds <= 45
    assert (ships.killed_senders >= 5, ships.killed_children >= 12, ships.killed_workers >= 2) == (True, True, True)
