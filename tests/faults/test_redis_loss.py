"""Redis is killed and comes back empty in the middle: it is only the doorbell.

Now and then a worker that loses its broker at an unlucky moment ends with an error inside kombu (celery/kombu#582: no
attribute 'hostname'); whoever keeps it running starts it again, as here.
"""

import time
from collections import defaultdict

from benchmarks.receiver import Receiver, receiving
from tests.commands.instance import eventually
from tests.faults import checker
from tests.faults.conftest import LIMIT_COUNT, LIMIT_SECONDS, release
from tests.faults.fleet import fleet
from tests.faults.servers import mortal_redis

AWAY_SECONDS = 4.0


def test_everything_arrives_within_its_limits_when_redis_was_lost(
    template, new_database, tmp_path, note_figures
) -> None:
    database = new_database()
    with (
        mortal_redis() as redis,
        receiving(port=template.port) as receiver,
        receiving(port=template.limited_port) as limited,
        fleet(template.with_servers(database, redis.address), tmp_path, workers=2) as ships,
    ):
        first, later = template.announcements[:4], template.announcements[4:6]
        planned = release(database, first + template.limited_announcements)
        assert eventually(lambda: limited.count() >= 4 * LIMIT_COUNT)

        redis.kill()
        time.sleep(AWAY_SECONDS)
        redis.start()
        returned_at = time.time()

        def is_settled() -> bool:
            ships.start_ended_again()
            return checker.is_settled(database)

        def goes_on() -> bool:
            ships.start_ended_again()
            return receiver.count() > before

        assert eventually(is_settled, seconds=60)
        idle_at, before = time.time(), receiver.count()
        planned += release(database, later)
        assert eventually(goes_on, seconds=60)
        assert eventually(is_settled, seconds=60)
        history, moments = checker.read(database, receiver, limited), by_path(limited)
        again_at = receiver.arrivals()[before][1]
    fullest = {checker.fullest(found, LIMIT_SECONDS) for found in moments}
    note_figures(
        f"Redis killed and emptied, away for {AWAY_SECONDS:.0f} s: {planned} sends, {history.states}, lost "
        f"{len(history.lost)}, twice {len(history.twice)}; what waited was out {idle_at - returned_at:.1f} s after its "
        f"return, what was planned then began {again_at - idle_at:.1f} s later; fullest window {max(fullest)} of "
        f"{LIMIT_COUNT}"
    )

    assert idle_at - returned_at <= 60  # what waited when Redis went has gone out
    assert again_at - idle_at <= 60  # a tick came through the new Redis: no run was left to take these
    assert history.states == {"accepted": planned}
    assert (history.lost, history.twice, history.strangers) == ([], [], [])
    assert fullest == {LIMIT_COUNT}


def by_path(receiver: Receiver) -> list[list[float]]:
    """Arrival times of each webhook."""
    found: dict[str, list[float]] = defaultdict(list)
    for _, at, path in receiver.arrivals():
        found[path].append(at)
    return list(found.values())
