"""When a row was made and changed is told by the product's clock, as everything else."""

from datetime import timedelta

import pytest

from community_ops.accounts.models import Workspace
from community_ops.common import clock
from tests.moments import NOON

pytestmark = pytest.mark.django_db


def test_rows_are_stamped_by_the_products_clock(monkeypatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    row = Workspace.objects.create(slug="stamped", name="x")
    monkeypatch.setattr(clock, "now", lambda: NOON + timedelta(hours=1))
    row.name = "y"
    row.save(update_fields=["name", "updated_at"])
    row.refresh_from_db()
    assert (row.created_at, row.updated_at) == (NOON, NOON + timedelta(hours=1))
    assert Workspace.objects.bulk_create([Workspace(slug="bulk", name="x")])[0].created_at == NOON + timedelta(hours=1)
