"""How many threads of a run are at work."""

from messaging.services.crew import LEAST, LONG_SECONDS, Crew


def test_as_few_as_keep_up_are_at_work() -> None:
    crew = Crew()
    for thread in range(LEAST):
        assert crew.has_room(100.0)
        crew.begin(thread, 100.0)

    assert not crew.has_room(100.0 + LONG_SECONDS / 2)

    crew.end(0)

    assert crew.has_room(100.0 + LONG_SECONDS / 2)


def test_for_each_step_that_takes_long_another_begins() -> None:
    crew = Crew()
    for thread in range(16):
        now = 100.0 + thread * LONG_SECONDS
        assert crew.has_room(now)
        crew.begin(thread, now)

    assert crew.has_room(now) is (LEAST > 1)
