"""Taking turns: who works on which row; and SQLite, which lets one writer in at a time and wakes nobody who waits."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import OperationalError, connection, transaction
from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)
LOOK_EVERY_SECONDS = 0.004  # several times in each gap

# Who waits looks again after 1, 2, 5 … 100 ms: a worker that writes without a pause is met busy for seconds.
GAP_SECONDS = 0.02


def give_way() -> None:
    """Between two transactions of a long run: let a page or a hook write. Other databases need none of it."""
    if connection.vendor == "sqlite":
        time.sleep(GAP_SECONDS)


@contextmanager
def next_turn() -> Iterator[None]:
    """A transaction for what must be answered soon: on SQLite it takes the first gap that others leave.

    SQLite itself, once it has waited for a third of a second, looks only every 100 ms: gaps pass meanwhile.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        with transaction.atomic():
            yield
        return
    turn = _entered()
    try:
        yield
    except BaseException as error:
        turn.__exit__(type(error), error, error.__traceback__)
        raise
    turn.__exit__(None, None, None)


def _entered() -> transaction.Atomic:
    patience = float(connection.settings_dict["OPTIONS"].get("timeout", 5.0))
    _wait_in_sqlite(0)
    try:
        until = time.monotonic() + patience
        while True:
            turn = transaction.atomic()
            try:
                turn.__enter__()
            except OperationalError:  # locked: somebody else writes
                if time.monotonic() > until:
                    raise
                time.sleep(LOOK_EVERY_SECONDS)
            else:
                return turn
    finally:
        _wait_in_sqlite(patience)


def _wait_in_sqlite(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


def unlocked(rows: QuerySet[M], *, is_key_free: bool = False) -> QuerySet[M]:
    """Rows nobody else works on, locked for us; SQLite needs no lock, its writers come one at a time.

    `is_key_free`: what points to them may be written meanwhile.
    """
    if connection.features.has_select_for_update_skip_locked:
        return rows.select_for_update(skip_locked=True, of=("self",), no_key=is_key_free)
    return rows
