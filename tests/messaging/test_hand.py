"""Whose row a run starts next."""

from datetime import timedelta

from messaging.models import Delivery, Endpoint
from messaging.services.hand import Hand
from tests.moments import NOON

SECOND = timedelta(seconds=1)


def row(workspace_id: int, *, account: int = 1, seconds: int = 0) -> Delivery:
    endpoint = Endpoint(pk=account, connection_id=account, workspace_id=workspace_id)
    return Delivery(workspace_id=workspace_id, endpoint=endpoint, next_try_at=NOON + seconds * SECOND)


def hand_of(*rows: Delivery, threads: int = 99) -> Hand:
    hand = Hand(threads=threads)
    hand.put(rows)
    return hand


def test_the_earliest_is_first_and_nothing_starts_before_its_time() -> None:
    late, early, later = row(1, seconds=1), row(1, seconds=0), row(1, seconds=2)
    hand = hand_of(late, early, later)

    assert [hand.start(NOON + SECOND) for _ in range(3)] == [early, late, None]
    assert hand.seconds_to_first(NOON + SECOND) == 1
    assert (len(hand), hand.running_count) == (1, 2)


def test_who_has_the_fewest_calls_running_is_next() -> None:
    many, few = [row(1) for _ in range(3)], row(2, seconds=5)
    hand = hand_of(*many, few)

    started = [hand.start(NOON + 9 * SECOND) for _ in range(3)]

    assert [one.workspace_id for one in started if one] == [1, 2, 1]


def test_an_account_has_no_more_calls_than_it_may_and_goes_on_when_one_ends() -> None:
    slow, quick = [row(1, account=1) for _ in range(3)], row(1, account=2, seconds=1)
    hand = hand_of(*slow, quick, threads=6)

    assert [hand.start(NOON + SECOND) for _ in range(4)] == [slow[0], slow[1], quick, None]
    assert len(hand) == 1
    assert hand.seconds_to_first(NOON + SECOND) is None

    hand.end(slow[0])

    assert hand.start(NOON + SECOND) is slow[2]
    assert (len(hand), hand.running_count) == (0, 3)


def test_a_workspace_whose_accounts_all_hang_leaves_threads_for_two_others() -> None:
    slow = [row(1, account=number) for number in range(8)]
    hand = hand_of(*slow, threads=6)

    assert [hand.start(NOON) for _ in range(5)] == [*slow[:4], None]
    assert hand.seconds_to_first(NOON) is None

    others = [row(2, account=8), row(2, account=9), row(3, account=10)]
    hand.put(others)

    assert hand.seconds_to_first(NOON) == 0
    assert [hand.start(NOON) for _ in range(3)] == [others[0], others[2], None]

    hand.end(slow[0])
    hand.end(slow[1])

    assert hand.start(NOON) is others[1]


def test_all_that_was_not_started_is_given_back() -> None:
    rows = [row(1, account=1) for _ in range(3)] + [row(2, account=2, seconds=60)]
    hand = hand_of(*rows, threads=5)
    assert [hand.start(NOON), hand.start(NOON)] == [rows[0], None]

    assert hand.workspaces() == {1, 2}
    assert hand.empty() == [rows[3], rows[1], rows[2]]
    assert (len(hand), hand.workspaces()) == (0, {1})


def test_what_has_no_account_waits_for_none() -> None:
    rows = [Delivery(workspace_id=1, endpoint=None, next_try_at=NOON) for _ in range(3)]
    hand = hand_of(*rows, threads=5)
    assert [hand.start(NOON) for _ in range(3)] == rows
