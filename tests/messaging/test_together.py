"""Jobs of several threads in one go."""

import threading
from collections.abc import Sequence

import pytest

from messaging.services import together as module
from messaging.services.together import Together
from tests.races import at_once


class Work:
    """Doubles numbers, remembers what came together, and fails for odd ones."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    def __call__(self, jobs: Sequence[int]) -> list[int]:
        self.seen.append(list(jobs))
        if any(job % 2 for job in jobs):
            raise ValueError(f"odd among {list(jobs)}")
        return [2 * job for job in jobs]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """All come, however slow the machine is."""
    monkeypatch.setattr(module, "WAIT_SECONDS", 30.0)


def test_all_that_come_together_are_done_once_and_each_gets_its_own_answer() -> None:
    work = Work()
    double = Together(work, enough=lambda: 4)

    assert at_once([lambda job=job: double(job) for job in (2, 4, 6, 8)]) == [4, 8, 12, 16]

    (seen,) = work.seen
    assert sorted(seen) == [2, 4, 6, 8]


def test_one_bad_job_spoils_no_other() -> None:
    work = Work()
    double = Together(work, enough=lambda: 3)

    answers = at_once([lambda job=job: double(job) for job in (2, 3, 4)])

    assert (answers[0], answers[2]) == (4, 8)
    assert isinstance(answers[1], ValueError)
    assert sorted(map(sorted, work.seen)) == [[2], [2, 3, 4], [3], [4]]


def test_who_is_alone_does_not_wait_for_company() -> None:
    work = Work()
    assert Together(work, enough=lambda: 1)(2) == 4
    assert work.seen == [[2]]


def test_nobody_waits_long_for_company_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.01)
    assert Together(Work(), enough=lambda: 8)(2) == 4


def test_who_comes_while_others_are_at_work_makes_a_new_group() -> None:
    begun, release = threading.Event(), threading.Event()

    def work(jobs: Sequence[int]) -> list[int]:
        if 2 in jobs:
            begun.set()
            assert release.wait(30)
        return list(jobs)

    each = Together(work, enough=lambda: 1)
    first = threading.Thread(target=each, args=(2,))
    first.start()
    assert begun.wait(30)

    assert each(4) == 4

    release.set()
    first.join()
