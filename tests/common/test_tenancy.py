"""Rows of two workspaces never touch."""

from datetime import timedelta

import pytest

from community_ops.common.tenancy import WorkspaceMismatch
from tests.moments import NOON
from tests.shelf.models import Shelf, ShelfHold


@pytest.fixture
def foreign_shelf(stranger) -> Shelf:
    return Shelf.objects.create(workspace=stranger.workspace, total=1, left=1)


def hold_facts() -> dict[str, object]:
    return {"quantity": 1, "expires_at": NOON + timedelta(minutes=1)}


@pytest.mark.parametrize("loaded", [True, False])
def test_a_row_is_refused_when_it_points_into_another_workspace(workspace, foreign_shelf, loaded) -> None:
    link = {"shelf": foreign_shelf} if loaded else {"shelf_id": foreign_shelf.pk}
    with pytest.raises(WorkspaceMismatch):
        ShelfHold.objects.create(workspace=workspace, **link, **hold_facts())
    with pytest.raises(WorkspaceMismatch):
        ShelfHold.objects.bulk_create([ShelfHold(workspace=workspace, **link, **hold_facts())])
    assert not ShelfHold.objects.exists()


def test_a_partial_save_is_refused_when_it_moves_the_row_across(workspace, foreign_shelf) -> None:
    shelf = Shelf.objects.create(workspace=workspace, total=1, left=1)
    hold = ShelfHold.objects.create(workspace=workspace, shelf=shelf, **hold_facts())
    hold.shelf = foreign_shelf
    with pytest.raises(WorkspaceMismatch):
        hold.save(update_fields=["shelf"])


def test_many_rows_cost_one_check(workspace, django_assert_num_queries) -> None:
    shelf = Shelf.objects.create(workspace=workspace, total=20, left=20)
    rows = [ShelfHold(workspace=workspace, shelf_id=shelf.pk, **hold_facts()) for _ in range(20)]
    with django_assert_num_queries(2):
        ShelfHold.objects.bulk_create(rows)


def test_of_gives_only_one_workspaces_rows(workspace, foreign_shelf) -> None:
    mine = Shelf.objects.create(workspace=workspace, total=1, left=1)
    assert list(Shelf.objects.of(workspace.pk)) == [mine]
