"""LimitedStock and Hold: the base every limited thing stands on."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from community_ops.common import stock
from tests.factories.people import make_workspace
from tests.moments import NOON
from tests.races import at_once
from tests.shelf.models import Shelf, ShelfHold


@pytest.fixture
def shelf(workspace) -> Shelf:
    return Shelf.objects.create(workspace=workspace, total=5, left=5)


def hold_of(shelf: Shelf, quantity: int = 2) -> ShelfHold:
    assert stock.take(shelf, quantity=quantity, now=NOON)
    facts = {"quantity": quantity, "expires_at": NOON + timedelta(minutes=15)}
    return ShelfHold.objects.create(workspace_id=shelf.workspace_id, shelf=shelf, **facts)


def left(shelf: Shelf) -> int:
    shelf.refresh_from_db()
    return shelf.left


def test_nothing_is_taken_when_too_little_is_left(shelf) -> None:
    assert stock.take(shelf, quantity=6, now=NOON) is False
    assert left(shelf) == 5
    assert stock.take(shelf, quantity=5, now=NOON) is True
    assert stock.take(shelf, quantity=1, now=NOON) is False
    assert left(shelf) == 0


@pytest.mark.parametrize("quantity", [0, -1])
def test_quantities_that_are_not_positive_are_refused(shelf, quantity) -> None:
    for move in (stock.take, stock.give_back, stock.add):
        with pytest.raises(ValueError, match="positive"):
            move(shelf, quantity=quantity, now=NOON)
    assert left(shelf) == 5


def test_more_than_was_taken_is_never_given_back(shelf) -> None:
    with pytest.raises(ValueError, match="more given back"):
        stock.give_back(shelf, quantity=1, now=NOON)
    assert left(shelf) == 5


def test_the_database_refuses_less_than_nothing(shelf) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Shelf.objects.filter(pk=shelf.pk).update(left=-1)


def test_a_hold_is_given_back_once(shelf) -> None:
    hold = hold_of(shelf)
    assert stock.release(hold, shelf, now=NOON) is True
    assert stock.release(hold, shelf, now=NOON) is False
    assert left(shelf) == 5


def test_a_kept_hold_is_never_given_back(shelf) -> None:
    hold = hold_of(shelf)
    assert stock.keep(hold, now=NOON) is True
    assert stock.release(hold, shelf, now=NOON) is False
    assert left(shelf) == 3


def test_a_hold_past_its_time_cannot_be_kept(shelf) -> None:
    hold = hold_of(shelf)
    assert stock.keep(hold, now=NOON + timedelta(minutes=15)) is False
    assert stock.release(hold, shelf, now=NOON + timedelta(minutes=15)) is True


def take_naively(shelf: Shelf) -> bool:
    """What everybody writes first: read, look, save."""
    row = Shelf.objects.get(pk=shelf.pk)
    if row.left < 1:
        return False
    Shelf.objects.filter(pk=shelf.pk).update(left=row.left - 1)
    return True


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("take", "oversells"), [(partial(stock.take, quantity=1, now=NOON), False), (take_naively, True)]
)
def test_exactly_the_stock_is_taken_when_many_take_at_once(take, oversells) -> None:
    """The naive twin must oversell, or this test proves nothing."""
    oversold = []
    for _ in range(10):
        shelf = Shelf.objects.create(workspace=make_workspace(), total=3, left=3)
        taken = sum(result is True for result in at_once([partial(take, shelf)] * 12))
        oversold.append(taken > 3)
    assert any(oversold) is oversells
