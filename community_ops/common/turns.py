"""Taking turns on SQLite, which lets one writer in at a time and wakes nobody who waits for it."""

import time

from django.db import connection

# Who waits looks again after 1, 2, 5 … 100 ms: a worker that writes without a pause is met busy for seconds.
GAP_SECONDS = 0.02


def give_way() -> None:
    """Between two transactions of a long run: let a page or a hook write. Other databases need none of it."""
    if connection.vendor == "sqlite":
        time.sleep(GAP_SECONDS)
