"""Taking turns: who works on which row; and SQLite, which lets one writer in at a time and wakes nobody who waits."""

import time
from typing import TypeVar

from django.db import connection
from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)

# Who waits looks again after 1, 2, 5 … 100 ms: a worker that writes without a pause is met busy for seconds.
GAP_SECONDS = 0.02


def give_way() -> None:
    """Between two transactions of a long run: let a page or a hook write. Other databases need none of it."""
    if connection.vendor == "sqlite":
        time.sleep(GAP_SECONDS)


def unlocked(rows: QuerySet[M], *, is_key_free: bool = False) -> QuerySet[M]:
    """Rows nobody else works on, locked for us; SQLite needs no lock, its writers come one at a time.

    `is_key_free`: what points to them may be written meanwhile.
    """
    if connection.features.has_select_for_update_skip_locked:
        return rows.select_for_update(skip_locked=True, of=("self",), no_key=is_key_free)
    return rows
