"""PostgreSQL crashes and recovers in the middle of a fan-out; nobody touches the workers."""

from benchmarks.receiver import receiving
from tests.commands.instance import eventually
from tests.commands.services import own_redis
from tests.faults import checker
from tests.faults.conftest import release
from tests.faults.fleet import fleet
from tests.faults.servers import crash_postgres

RECEIVER_DELAY_SECONDS = 0.1  # so that the crash meets calls in flight


def test_workers_go_on_by_themselves_when_postgresql_crashed(template, new_database, tmp_path, note_figures) -> None:
    database = new_database()
    with (
        own_redis() as broker,
        receiving(RECEIVER_DELAY_SECONDS, port=template.port) as receiver,
        fleet(template.with_servers(database, broker), tmp_path, workers=2) as ships,
    ):
        planned = release(database, template.announcements[:6])
        assert eventually(lambda: receiver.count() >= planned // 4)

        crash_postgres(database)
        already = receiver.count()

        assert already < planned * 0.9
        assert eventually(lambda: checker.is_settled(database), seconds=60)
        history = checker.read(database, receiver)
        assert all(worker.poll() is None for worker in ships.workers)
    note_figures(
        f"PostgreSQL crashed after {already} of {planned} sends: {history.states}, lost {len(history.lost)}, twice "
        f"{len(history.twice)}, in doubt for at most {history.doubt_seconds:.1f} s"
    )

    assert sum(history.states.values()) == planned
    assert (history.lost, history.twice, history.strangers) == ([], [], [])
    assert set(history.states) <= checker.SETTLED
    assert history.doubt_seconds <= 45
